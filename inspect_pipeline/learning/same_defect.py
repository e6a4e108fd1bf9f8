"""Samples that show one physical defect, told by their patches: whatever the size of their boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.normality import Normality

_UNITS_COMPARED = 8  # 28 pairs of good places: enough for a floor, and a small part of the time of a teaching
_QUERIES, _CANDIDATES = 128, 256
_NEAREST = 4


def copies(
    floor: float, supports: Sequence[Support], parts: Sequence[Tensor], normality: Normality
) -> list[tuple[int, int]]:
    """Return pairs (first, second) of supports that are nearer to each other than two places of good material are.

    ``floor`` is how near those are (``nearest_good_places``), ``parts`` the supports' whitened patches (k, d) that
    stand for their type. How near means: the median distance of those to the nearest patch of the other region. Only
    the likest other sample of each is looked at.
    """
    if len(supports) < 2:
        return []
    centres = torch.stack([part.mean(dim=0) for part in parts])
    centres = centres / centres.norm(dim=1, keepdim=True).clamp(min=1e-12)
    likeness = centres @ centres.T
    likeness.fill_diagonal_(-2.0)
    found = set()
    for number, other in enumerate(likeness.argmax(dim=1).tolist()):
        pair = (min(number, other), max(number, other))
        if pair in found:
            continue
        inside = normality.whiten(supports[other].patches[supports[other].inside])
        if how_near(parts[number], inside) < floor:
            found.add(pair)
    return sorted(found)


def nearest_good_places(good: Sequence[GoodUnit], normality: Normality) -> float:
    """Return how near the two likest of a few good units are to each other; 0.0 where there is no second one."""
    step = max(1, len(good) // _UNITS_COMPARED)
    units = [unit.patches.flatten(0, -2) for unit in good[::step][:_UNITS_COMPARED]]
    queries, candidates = (
        [normality.whiten(_thinned(rows, count)) for rows in units] for count in (_QUERIES, _CANDIDATES)
    )
    near = [how_near(queries[i], candidates[j]) for i in range(len(units)) for j in range(i + 1, len(units))]
    return min(near, default=0.0)


def how_near(queries: Tensor, candidates: Tensor) -> float:
    """Return the median over ``queries`` (n, d) of the distance to the nearest of ``candidates`` (m, d)."""
    # Products tell which few candidates may be the nearest; what they give for equal rows is not 0, which is looked for
    # here, so that the distance itself is made of exact differences.
    rough = candidates.square().sum(dim=1) - 2.0 * queries @ candidates.T
    few = rough.topk(min(_NEAREST, len(candidates)), dim=1, largest=False).indices
    distances = (queries[:, None] - candidates[few]).norm(dim=-1)
    return float(distances.amin(dim=1).median())


def _thinned(rows: Tensor, count: int) -> Tensor:
    return rows[:: max(1, len(rows) // count)][:count]
