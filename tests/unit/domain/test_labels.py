"""Labels are appended; which of them count follows from what replaces what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.labels import LabelKind, LabelRole, in_force
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import label


def test_a_defect_without_a_type_is_refused() -> None:
    for name in (None, ""):
        with pytest.raises(BadDataError, match="a defect needs a type"):
            replace(label(), defect_type=name)


def test_a_region_without_defect_has_no_type() -> None:
    with pytest.raises(BadDataError, match="must have none"):
        replace(label(), kind=LabelKind.NOT_A_DEFECT)


def test_a_label_that_supersedes_itself_is_refused() -> None:
    with pytest.raises(BadDataError, match="supersedes itself"):
        label("l0", supersedes="l0")


def test_a_superseded_label_no_longer_counts() -> None:
    first, other, second = label("a"), label("b"), label("c", supersedes="a")
    assert in_force([first, other, second]) == [other, second]


def test_of_a_chain_only_the_last_counts_whatever_the_order() -> None:
    chain = [label("a"), label("b", supersedes="a"), label("c", supersedes="b")]
    assert in_force(chain) == in_force(chain[::-1]) == [chain[2]]


def test_a_region_moved_from_support_to_held_out_teaches_no_more() -> None:
    support = label("a")
    moved = replace(label("b", supersedes="a"), role=LabelRole.HELD_OUT)
    assert in_force([support, moved], role=LabelRole.SUPPORT) == []
    assert in_force([support, moved], role=LabelRole.HELD_OUT) == [moved]


def test_two_labels_may_replace_the_same_one() -> None:
    kept = [label("b", supersedes="a"), label("c", supersedes="a")]
    assert in_force([label("a"), *kept]) == kept


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=30))
def test_labels_that_replace_earlier_ones_never_all_fall_out_of_force(replaced: list[int | None]) -> None:
    labels = [
        label(f"l{i}", supersedes=None if target is None or target >= i else f"l{target}")
        for i, target in enumerate(replaced)
    ]
    counting = in_force(labels)
    named = {each.supersedes for each in labels}
    assert counting == [each for each in labels if each.id not in named]
    assert bool(counting) == bool(labels)
