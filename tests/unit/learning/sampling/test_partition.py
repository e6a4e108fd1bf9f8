"""Groups are dealt to sides whenever there is a way, and never when there is none."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.sampling.partition import deal, part_pools


def meets(sizes: Sequence[int], sides: Sequence[int], needs: Sequence[int]) -> bool:
    held = [sum(size for size, side in zip(sizes, sides, strict=True) if side == one) for one in range(3)]
    return all(have >= need for have, need in zip(held, needs, strict=True))


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    needs=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 4)),
    seed=st.integers(0, 2**31),
)
def test_groups_are_dealt_exactly_when_some_way_exists(
    sizes: list[int], needs: tuple[int, int, int], seed: int
) -> None:
    chosen = deal(sizes, needs, np.random.default_rng(seed))
    assert (chosen is not None) == any(meets(sizes, way, needs) for way in product(range(3), repeat=len(sizes)))
    assert chosen is None or meets(sizes, chosen, needs)


def test_all_ways_of_dealing_come_up() -> None:
    found = {tuple(deal([2, 2, 2], (2, 2, 2), np.random.default_rng(seed)) or ()) for seed in range(200)}
    assert len(found) == 6


@pytest.mark.parametrize("unlabelled", [0, 2])
def test_groups_that_two_types_need_on_different_sides_leave_no_episode(unlabelled: int) -> None:
    of_type = ([0] + [1] * 5 + [2] * unlabelled, [0] * 5 + [1] + [2] * unlabelled)
    groups = np.array([*of_type[0], *of_type[1]], dtype=np.intp)
    pools = [np.arange(6 + unlabelled), np.arange(6 + unlabelled, len(groups))]
    spec = EpisodeSpec(way=2, shot=1, query=5)
    for classes, found in ((pools, False), (pools[:1], True)):  # each type alone can be parted
        sides = part_pools(groups, spec, classes, [], unlabelled=unlabelled, generator=np.random.default_rng(0))
        assert (sides is not None) == found
