"""Samples of an episode's classes parted into supports, queries and unlabelled ones, with no group on two sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.learning.episodes import EpisodeSpec, Indices, split_pools

_DRAWS = 20  # uniform draws before whole groups are dealt
Sides = tuple[list[Indices], list[Indices], list[Indices]]
"""The supports, the queries and the unlabelled samples of every class; of distractors only the last."""


def part_pools(
    groups: Indices,
    spec: EpisodeSpec,
    pools: Sequence[Indices],
    others: Sequence[Indices],
    *,
    unlabelled: int,
    generator: np.random.Generator,
) -> Sides | None:
    """Return the sides of an episode, or None where no draw keeps all groups apart.

    ``groups`` are those of all samples, ``pools`` the samples of each class, ``others`` those of distractors; each
    gives ``unlabelled`` ones.
    """
    if unlabelled == 0:
        split = split_pools(groups, spec, pools, generator)
        return None if split is None else (*split, [])
    needs = (spec.shot, spec.query, unlabelled)
    for draw in range(2 * _DRAWS):
        confined = [pools] * 3 if draw < _DRAWS else _dealt(groups, pools, needs, generator)
        sides = _drawn(groups, confined, others, needs=needs, generator=generator)
        if sides is not None:
            return sides
    return None


def deal(sizes: Sequence[int], needs: Sequence[int], generator: np.random.Generator) -> list[int] | None:
    """Return the side of each group of these sizes so that side k holds ``needs[k]`` samples or more, or None.

    Exact: None means that there is no such way. ``reach[i]`` tells which needs the groups from i on can meet.
    """
    reach = [np.zeros([need + 1 for need in needs], dtype=bool)]
    reach[0][(0,) * len(needs)] = True
    for size in reversed(sizes):
        later = reach[-1]
        reach.append(np.logical_or.reduce([later.take(_left(later, size, side), side) for side in range(len(needs))]))
    reach.reverse()
    missing = list(needs)
    if not reach[0][tuple(missing)]:
        return None
    chosen = []
    for size, later in zip(sizes, reach[1:], strict=True):
        after = [[max(m - size * (k == side), 0) for k, m in enumerate(missing)] for side in range(len(needs))]
        able = [side for side, rest in enumerate(after) if later[tuple(rest)]]
        wanted = np.array([1e-6 + missing[side] for side in able])  # mostly to sides that still need samples
        side = able[int(generator.choice(len(able), p=wanted / wanted.sum()))]
        missing = after[side]
        chosen.append(side)
    return chosen


def _left(reach: NDArray[np.bool_], size: int, side: int) -> Indices:
    """Return the place on the axis of ``side`` that a group of that size leads to from every place."""
    return np.maximum(np.arange(reach.shape[side]) - size, 0)


def _dealt(
    groups: Indices, pools: Sequence[Indices], needs: tuple[int, int, int], generator: np.random.Generator
) -> list[list[Indices]]:
    """Return the samples of each class that may go to each side, whole groups dealt at random."""
    confined: list[list[Indices]] = [[], [], []]
    for pool in pools:
        order = generator.permutation(np.unique(groups[pool]))
        chosen = deal([int(np.count_nonzero(groups[pool] == group)) for group in order], needs, generator)
        for side in range(3):
            kept = order[np.array(chosen) == side] if chosen is not None else order[:0]
            confined[side].append(pool[np.isin(groups[pool], kept)])
    return confined


def _drawn(
    groups: Indices,
    confined: Sequence[Sequence[Indices]],
    others: Sequence[Indices],
    *,
    needs: tuple[int, int, int],
    generator: np.random.Generator,
) -> Sides | None:
    touched = np.zeros(len(groups), dtype=bool)
    sides: list[list[Indices]] = []
    for side, need in enumerate(needs):
        pools = [*confined[side], *(others if side == 2 else ())]
        free = [pool[~touched[groups[pool]]] for pool in pools]
        if min(len(pool) for pool in free) < need:
            return None
        sides.append([generator.choice(pool, need, replace=False) for pool in free])
        touched[groups[np.concatenate(sides[-1])]] = True
    return sides[0], sides[1], sides[2]
