"""Episodes keep supports and queries apart, refuse what cannot work, and are the same for the same numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import (
    EpisodeIndex,
    EpisodeSpec,
    episode,
    index_samples,
    plan_episodes,
    sample_episode,
)


def flat_index(types: dict[str, int], *, family: str = "steel", groups: int = 0) -> EpisodeIndex:
    """So many samples of each type; with ``groups``, sample i of a type lies in its group i % groups."""
    names = [name for name, count in types.items() for _ in range(count)]
    parts = [f"{name}-{i % groups}" if groups else "" for name, count in types.items() for i in range(count)]
    return index_samples(families=[family] * len(names), types=names, groups=parts)


def joined(*parts: tuple[str, dict[str, int]]) -> EpisodeIndex:
    rows = [(family, name) for family, types in parts for name, count in types.items() for _ in range(count)]
    return index_samples(families=[row[0] for row in rows], types=[row[1] for row in rows], groups=[""] * len(rows))


SMALL = EpisodeSpec(way=2, shot=2, query=3)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(5, 30), min_size=2, max_size=5),
    groups=st.integers(0, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_support_and_query_share_neither_sample_nor_group(counts: list[int], groups: int, seed: int) -> None:
    index = flat_index({f"t{i}": count for i, count in enumerate(counts)}, groups=groups)
    try:
        plan = plan_episodes(index, SMALL)
    except BadDataError:
        return
    drawn = sample_episode(plan, np.random.default_rng(seed))
    assert not set(drawn.support.tolist()) & set(drawn.query.tolist())
    assert not set(index.groups[drawn.support].tolist()) & set(index.groups[drawn.query].tolist())
    assert len(set(drawn.support.tolist())) == 4
    assert len(set(drawn.query.tolist())) == 6
    for rows, labels in ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels)):
        assert [index.types[row] for row in rows] == [drawn.class_names[label] for label in labels]


def test_labels_run_from_zero_to_way_minus_one_in_class_order() -> None:
    drawn = episode(plan_episodes(flat_index({"a": 9, "b": 9, "c": 9}), SMALL), seed=0, number=0)
    assert drawn.support_labels.tolist() == [0, 0, 1, 1]
    assert drawn.query_labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_two_groups_of_very_different_size_are_still_parted() -> None:
    names = ["a"] * 12 + ["b"] * 12
    groups = ["big"] * 10 + ["small"] * 2 + ["x"] * 3 + ["y"] * 9
    index = index_samples(families=["steel"] * 24, types=names, groups=groups)
    plan = plan_episodes(index, EpisodeSpec(way=2, shot=2, query=9))
    for number in range(30):
        drawn = episode(plan, seed=0, number=number)
        assert not set(index.groups[drawn.support].tolist()) & set(index.groups[drawn.query].tolist())


def test_groups_that_span_types_are_kept_on_one_side_of_the_episode() -> None:
    names = ["a"] * 12 + ["b"] * 12
    index = index_samples(families=["steel"] * 24, types=names, groups=[f"sheet{i % 12}" for i in range(24)])
    plan = plan_episodes(index, SMALL)
    for number in range(30):
        drawn = episode(plan, seed=1, number=number)
        assert not set(index.groups[drawn.support].tolist()) & set(index.groups[drawn.query].tolist())


def test_an_episode_depends_on_its_seed_and_number_only() -> None:
    index = joined(("steel", {"a": 20, "b": 20, "c": 20}), ("wood", {"d": 20, "e": 20}))
    plan = plan_episodes(index, SMALL)
    forwards = [episode(plan, seed=3, number=number) for number in range(8)]
    backwards = [episode(plan_episodes(index, SMALL), seed=3, number=number) for number in reversed(range(8))]
    for first, second in zip(forwards, reversed(backwards), strict=True):
        assert (first.family, first.class_names) == (second.family, second.class_names)
        assert first.support.tolist() == second.support.tolist()
        assert first.query.tolist() == second.query.tolist()
    others = [episode(plan, seed=4, number=number) for number in range(8)]
    assert [drawn.support.tolist() for drawn in others] != [drawn.support.tolist() for drawn in forwards]


def test_types_come_from_one_family_and_families_equally_often_whatever_their_size() -> None:
    index = joined(("huge", {f"t{i}": 40 for i in range(8)}), ("little", {"a": 5, "b": 5}))
    plan = plan_episodes(index, SMALL)
    drawn = [episode(plan, seed=0, number=number) for number in range(400)]
    for each in drawn:
        assert {index.families[row] for row in each.support} == {each.family}
    assert 160 < sum(each.family == "little" for each in drawn) < 240


def test_a_class_with_one_image_is_refused_with_the_numbers_and_the_rest_is_used() -> None:
    plan = plan_episodes(flat_index({"a": 9, "b": 9, "lonely": 1}), SMALL)
    assert list(plan.members["steel"]) == ["a", "b"]
    assert plan.refused == ("type 'lonely' of family 'steel' has 1 samples, 5 are needed",)


def test_a_class_in_one_leakage_group_is_refused() -> None:
    with pytest.raises(BadDataError, match="9 samples in 1 leakage groups"):
        plan_episodes(flat_index({"a": 9, "b": 9}, groups=1), SMALL)


def test_a_family_with_too_few_types_is_not_used() -> None:
    index = joined(("steel", {"a": 9, "b": 9, "c": 9}), ("wood", {"d": 9, "e": 9}))
    plan = plan_episodes(index, EpisodeSpec(way=3, shot=1, query=1))
    assert list(plan.members) == ["steel"]
    assert plan.refused == ("family 'wood' has 2 usable types of 3",)


def test_when_no_family_can_serve_the_error_says_why() -> None:
    with pytest.raises(BadDataError, match=r"no family can serve 5-way 5-shot episodes.*2 usable types of 5"):
        plan_episodes(flat_index({"a": 50, "b": 50}), EpisodeSpec(way=5, shot=5, query=15))


@pytest.mark.parametrize(("way", "shot", "query"), [(1, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_an_episode_without_choice_support_or_query_is_refused(way: int, shot: int, query: int) -> None:
    with pytest.raises(BadDataError, match="cannot be drawn"):
        EpisodeSpec(way=way, shot=shot, query=query)


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(BadDataError, match="no sample"):
        index_samples(families=[], types=[], groups=[])
    with pytest.raises(BadDataError, match="2 families, 1 types"):
        index_samples(families=["a", "a"], types=["t"], groups=["", ""])


def test_the_same_group_name_in_two_families_is_two_groups() -> None:
    index = index_samples(families=["a", "b", "a"], types=["t"] * 3, groups=["1", "1", "1"])
    assert index.groups.tolist() == [0, 1, 0]


def test_a_subset_keeps_its_samples_and_their_groups_apart() -> None:
    index = flat_index({"a": 4, "b": 4}, groups=2).subset([7, 0, 1])
    assert (index.types, len(index)) == (("b", "a", "a"), 3)
    assert len(set(index.groups.tolist())) == 3
    sample_episode(plan_episodes(flat_index({"a": 9, "b": 9}).subset(range(4, 16)), SMALL), np.random.default_rng(0))
