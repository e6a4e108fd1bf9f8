"""Draws: no leakage group on both sides, the same for the same seed, and refusals with their numbers."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.detect_draws import Drawn, DrawSpec, Labelled, draw, draw_nested

SPEC = DrawSpec(shot=3, normals=6, draws=4, seed=1)


def alone(good: int = 30, **types: int) -> list[Labelled]:
    """Images in groups of their own."""
    names = [(), *((name,) for name in types)]
    counts = [good, *types.values()]
    of = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    return [Labelled(types=name, group=str(number)) for number, name in enumerate(of)]


def drawn(images: list[Labelled], *types: str, number: int = 0, spec: DrawSpec = SPEC) -> Drawn:
    return draw(images, types, spec, material="m", number=number)


def test_so_many_teach_and_all_others_test() -> None:
    images = alone(crack=12, stain=9)
    found = drawn(images, "crack")
    assert {name: len(chosen) for name, chosen in found.supports.items()} == {"crack": 3}
    assert (len(found.normals), len(found.test_normals)) == (6, 24)
    assert (len(found.defects), len(found.strangers)) == (9, 9)
    every = [*found.supports["crack"], *found.normals, *found.test_normals, *found.defects, *found.strangers]
    assert sorted(every) == list(range(len(images)))


def test_types_taught_together_have_their_own_samples_and_no_strangers() -> None:
    found = drawn(alone(crack=12, stain=9), "crack", "stain")
    assert {name: len(chosen) for name, chosen in found.supports.items()} == {"crack": 3, "stain": 3}
    assert (len(found.defects), found.strangers) == (15, ())


groups = st.integers(0, 25).map(str)


@given(
    good=st.lists(groups, min_size=20, max_size=60),
    bad=st.lists(groups, min_size=10, max_size=40),
    number=st.integers(0, 3),
)
def test_no_group_both_teaches_and_tests(good: list[str], bad: list[str], number: int) -> None:
    images = [Labelled(types=(), group=group) for group in good] + [Labelled(types=("a",), group=g) for g in bad]
    try:
        found = drawn(images, "a", number=number)
    except BadDataError as error:
        assert "to test on" in str(error)
        return
    taught = {images[i].group for i in (*found.supports["a"], *found.normals)}
    tested = {images[i].group for i in (*found.test_normals, *found.defects)}
    assert taught & tested == set()
    assert (len(found.supports["a"]), len(found.normals)) == (3, 6)


def test_normals_come_first_from_groups_that_the_samples_have_spent() -> None:
    images = [Labelled(types=types, group=str(number)) for number in range(20) for types in ((), ("crack",))]
    found = drawn(images, "crack")
    spent = {images[i].group for i in found.supports["crack"]}
    assert spent < {images[i].group for i in found.normals}
    assert len(found.test_normals) == len(found.defects) == 14  # 6 groups are spent, not 9


def test_draws_differ_from_each_other_and_are_the_same_again() -> None:
    images = alone(crack=30)
    rounds = [drawn(images, "crack", number=number) for number in range(4)]
    assert all(a.supports != b.supports and a.normals != b.normals for a, b in pairwise(rounds))
    assert rounds == [drawn(images, "crack", number=number) for number in range(4)]
    other = DrawSpec(shot=3, normals=6, draws=4, seed=2)
    assert drawn(images, "crack", spec=other) != rounds[0]


def test_what_another_type_has_changes_no_draw() -> None:
    assert drawn(alone(crack=30), "crack").supports == drawn(alone(crack=30, stain=9), "crack").supports


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (alone(crack=2), "m/crack has 2 samples of 'crack', 3 are asked for"),
        (alone(5, crack=20), "m/crack has 5 defect-free images, 6 are asked for"),
        (alone(crack=7), "leaves 24 good and 4 defective images"),
        (alone(10, crack=9), "leaves 4 good and 6 defective images"),
    ],
)
def test_too_little_is_refused_with_its_numbers(images: list[Labelled], why: str) -> None:
    with pytest.raises(BadDataError, match=why):
        drawn(images, "crack")


def test_a_draw_that_could_set_no_threshold_is_refused() -> None:
    with pytest.raises(BadDataError, match="3 normals"):
        DrawSpec(normals=3)


@given(number=st.integers(0, 30), shots=st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True))
def test_fewer_samples_are_the_first_of_more_and_all_are_tested_on_the_same_images(
    number: int, shots: list[int]
) -> None:
    images = alone(crack=14, stain=14)
    specs = [replace(SPEC, shot=shot, normals=4 + shot) for shot in sorted(shots)]
    points = draw_nested(images, ("crack", "stain"), specs, material="m", number=number)
    for smaller, larger in pairwise(points):
        assert all(set(smaller.supports[name]) < set(larger.supports[name]) for name in ("crack", "stain"))
        assert set(smaller.normals) < set(larger.normals)
    assert len({(p.test_normals, p.defects, p.strangers) for p in points}) == 1
    assert points[-1] == draw(images, ("crack", "stain"), specs[-1], material="m", number=number)


def test_no_point_of_a_nested_draw_is_tested_on_a_group_that_another_teaches_from() -> None:
    images = [Labelled(types=types, group=str(k // 2)) for types in ((), ("crack",)) for k in range(60)]
    few, many = draw_nested(images, ("crack",), [replace(SPEC, shot=1), replace(SPEC, shot=6)], material="m", number=0)
    taught = {images[i].group for i in (*many.supports["crack"], *many.normals)}
    assert taught & {images[i].group for i in (*few.test_normals, *few.defects)} == set()
