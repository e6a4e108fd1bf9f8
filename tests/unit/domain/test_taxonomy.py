"""Names that a page, a database and a file system can hold, and how far a type has come."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.taxonomy import (
    LifeCycle,
    check_move,
    checked_name,
    checked_type,
    is_normal,
    life_cycle_for,
    may_move,
)
from inspect_pipeline.errors import BadDataError, RefusedError


@pytest.mark.parametrize("name", ["Kratzer", "Öl fleck", "划痕", "трещина", "a.b", "type 3", "क्रैक", "x" * 80])
def test_letters_of_any_script_digits_and_spaces_make_a_name(name: str) -> None:
    assert checked_name(name) == unicodedata.normalize("NFC", name)


def test_two_spellings_of_one_letter_are_one_name() -> None:
    assert checked_name("O\u0308l") == checked_name("\u00d6l") == "\u00d6l"


def test_spaces_around_a_name_are_dropped() -> None:
    assert checked_name("  dark spot \n") == "dark spot"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 81,
        "a/b",
        "a\\b",
        "../up",
        ".hidden",
        "  .hidden",
        "<b>",
        "a>b",
        "a\x00b",
        "a\tb",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "undecodable \udcff",
    ],
)
def test_what_no_path_page_or_database_can_hold_is_refused(name: str) -> None:
    with pytest.raises(BadDataError, match="cannot be used"):
        checked_name(name)


def test_the_refusal_says_what_was_named() -> None:
    with pytest.raises(BadDataError, match=r"^coil name 'a/b' cannot be used"):
        checked_name("a/b", what="coil")


@given(st.text(max_size=100))
def test_a_checked_name_stays_as_it_is_and_can_be_stored(text: str) -> None:
    try:
        name = checked_name(text)
    except BadDataError:
        return
    assert checked_name(name) == name
    assert name.encode().decode() == name
    assert "/" not in name


@pytest.mark.parametrize("name", ["normal", "Good", "OK", "unknown", " Unknown "])
def test_the_words_for_defect_free_and_unknown_are_no_types(name: str) -> None:
    with pytest.raises(BadDataError, match="reserved"):
        checked_type(name)


def test_any_other_word_is_a_type() -> None:
    assert checked_type("goodness") == "goodness"


def test_defect_free_classes_are_known_by_name_in_any_case() -> None:
    assert [is_normal(name) for name in ("normal", "Good", "OK", "not good", "scratch")] == [True] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("samples", "held_out", "reached"),
    [
        (0, 0, LifeCycle.CANDIDATE),
        (2, 0, LifeCycle.CANDIDATE),
        (3, 0, LifeCycle.PROVISIONAL),
        (3, 1, LifeCycle.APPROVED),
        (2, 9, LifeCycle.CANDIDATE),
    ],
)
def test_a_type_comes_as_far_as_its_evidence(samples: int, held_out: int, reached: LifeCycle) -> None:
    assert life_cycle_for(samples, held_out=held_out) is reached


# Life cycle -----------------------------------------------------------------------------------------------------------

LEGAL = {
    (None, "candidate"), (None, "provisional"), ("candidate", "provisional"), ("candidate", "retired"),
    ("provisional", "candidate"), ("provisional", "approved"), ("provisional", "retired"), ("approved", "retired"),
    ("retired", "candidate"),
}  # fmt: skip


@pytest.mark.parametrize("before", [None, *LifeCycle])
@pytest.mark.parametrize("after", list(LifeCycle))
def test_a_type_goes_only_the_ways_that_are_laid_down(before: LifeCycle | None, after: LifeCycle) -> None:
    assert may_move(before, after) == ((before and before.value, after.value) in LEGAL)


def test_a_step_that_is_not_laid_down_is_refused_with_those_that_are() -> None:
    check_move("bar", LifeCycle.PROVISIONAL, LifeCycle.APPROVED)
    with pytest.raises(RefusedError, match="type 'bar' is retired and cannot become approved, only candidate"):
        check_move("bar", LifeCycle.RETIRED, LifeCycle.APPROVED)
