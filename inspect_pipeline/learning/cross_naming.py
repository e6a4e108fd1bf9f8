"""Names of samples by heads that have not seen them: in folds, whole leakage groups on one side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.learning.heads import centred
from inspect_pipeline.learning.region_typing import RegionHead, RegionPrior, SupportBank, fit_region_head, place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossNamed:
    """Left-out ridge scores (n, t) of ``names``; ``judged`` (n) is False where no other group has a sample's type."""

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    judged: NDArray[np.bool_]


def cross_named(
    bank: SupportBank, groups: Sequence[str], *, prior: RegionPrior, crop_dims: int, folds: int = 10, seed: int = 0
) -> CrossNamed:
    """Return what heads taught from the other folds score each sample; a group is never on both sides."""
    names = tuple(sorted(set(bank.types)))
    fold = folds_of(bank.types, groups, folds=folds, seed=seed)
    scores = np.zeros((len(bank.types), len(names)))
    judged = np.zeros(len(bank.types), dtype=np.bool_)
    for number in range(int(fold.max()) + 1):
        taught, left = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not taught.size or not left.size:
            continue
        head = fit_region_head(_part(bank, taught), prior, crop_dims=crop_dims)
        if len(head.names) < 2:
            continue
        columns = np.array([names.index(name) for name in head.names], dtype=np.intp)
        scores[np.ix_(left, columns)] = _scores(head, bank.vectors[torch.from_numpy(left)])
        judged[left] = [bank.types[n] in head.names for n in left]
    return CrossNamed(names=names, scores=scores, judged=judged)


def folds_of(types: Sequence[str], groups: Sequence[str], *, folds: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each sample: the groups of each type dealt one by one, so every fold leaves some of it."""
    generator = np.random.default_rng(seed)
    dealt: dict[str, int] = {}
    hand = 0
    for name in sorted(set(types)):
        own = sorted({group for kind, group in zip(types, groups, strict=True) if kind == name})
        for place_in_own in generator.permutation(len(own)):
            if own[place_in_own] not in dealt:
                dealt[own[place_in_own]] = hand % folds
                hand += 1
    return np.array([dealt[group] for group in groups], dtype=np.intp)


def _part(bank: SupportBank, rows: NDArray[np.intp]) -> SupportBank:
    return SupportBank(
        vectors=bank.vectors[torch.from_numpy(rows)],
        types=tuple(bank.types[n] for n in rows),
        labels=tuple(bank.labels[n] for n in rows),
    )


def _scores(head: RegionHead, vectors: torch.Tensor) -> NDArray[np.float64]:
    points = place(vectors, head.metric, crop_dims=head.crop_dims)
    return (centred(points, head.centre) @ head.weights).double().numpy()
