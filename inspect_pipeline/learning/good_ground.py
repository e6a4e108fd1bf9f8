"""What a teaching needs of good material alone: every type taught against the same good units needs the same.

Most of a teaching's time goes into it. A line that learns one more type keeps it (``services/kept_work.py``); bytes
and back (``patch_bytes``) it gives the same detector, bit for bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.dense_features import smoothed
from inspect_pipeline.learning.dense_fit import bank_of
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.folds import folds
from inspect_pipeline.learning.memory_bank import MemoryBank
from inspect_pipeline.learning.normality import (
    Moments,
    Spectrum,
    blocks,
    moments,
    quiet_of,
    shrunk_covariance,
    spectrum,
    summed,
    whitening_of,
)
from inspect_pipeline.learning.patch_bytes import unpacked
from inspect_pipeline.learning.same_defect import nearest_good_places

FEWEST_GOOD = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GoodGround:
    """Good units by themselves: ``fold_of`` each, the axes of all of them and of those outside each fold in turn.

    ``peaks`` and ``medians`` (n), float32, are the highest and the median smoothed anomaly of each unit by the fit
    without its fold, ``quiet`` (n) ``quiet_of`` its raw one; ``nearest`` is how near two places of different units are;
    ``bank`` is the memory bank of all, where the settings ask for one.
    """

    fold_of: tuple[int, ...]
    axes: Spectrum
    without: tuple[Spectrum, ...]
    peaks: Tensor
    medians: Tensor
    quiet: Tensor
    nearest: float
    bank: MemoryBank | None

    def held_out(self, fold: int) -> list[int]:
        """Return the numbers of the units of a fold."""
        return [number for number, owner in enumerate(self.fold_of) if owner == fold]


def ground_from(content: bytes) -> GoodGround:
    """Return the ground that ``packed`` wrote. Raises BadDataError for anything else."""
    ground = unpacked(GoodGround, content)
    # In memory of their own: a product of tensors that begin inside the bytes may round otherwise.
    return replace(ground, axes=_own(ground.axes), without=tuple(_own(axes) for axes in ground.without))


def _own(axes: Spectrum) -> Spectrum:
    return Spectrum(
        mean=axes.mean.clone(),
        vectors=axes.vectors.clone(),
        lengths=axes.lengths.clone(),
        variances=axes.variances.clone(),
    )


Grounds = Callable[[Sequence[GoodUnit], DetectorSettings, int], GoodGround]
"""Gives the ground of good units by settings and seed: ``good_ground``, or one that keeps what it made."""


def good_ground(good: Sequence[GoodUnit], settings: DetectorSettings, seed: int) -> GoodGround:
    """Return the ground of good units; the seed draws where folds begin. Raises BadDataError below 4 units."""
    if len(good) < FEWEST_GOOD:
        raise BadDataError(f"{len(good)} known-good units are too few to set a threshold; label 4 or more")
    fold_of = folds(good, count=settings.folds, generator=np.random.default_rng(seed))
    parts = [moments(unit.patches) for unit in good]
    every = summed(parts)
    peaks, medians, quiet = torch.zeros(len(good)), torch.zeros(len(good)), torch.zeros(len(good))
    without = []
    for fold in range(1 + max(fold_of)):
        held_out = [i for i, owner in enumerate(fold_of) if owner == fold]
        rest = every - summed(parts[i] for i in held_out)
        others = [unit for unit, owner in zip(good, fold_of, strict=True) if owner != fold]
        shrunk = shrunk_covariance(rest, shrinkage=settings.shrinkage)
        anomaly = _anomaly(rest, shrunk, bank_of(others, settings))
        for i in held_out:
            raw = anomaly(good[i].patches)
            quiet[i] = quiet_of(raw)
            calm = smoothed(raw, settings.smoothing_patches)
            peaks[i], medians[i] = calm.max(), calm.median()
        without.append(spectrum(rest.mean, shrunk, shrinkage=settings.shrinkage))
    axes = spectrum(every.mean, shrunk_covariance(every, shrinkage=settings.shrinkage), shrinkage=settings.shrinkage)
    return GoodGround(
        fold_of=tuple(fold_of),
        axes=axes,
        without=tuple(without),
        peaks=peaks,
        medians=medians,
        quiet=quiet,
        nearest=nearest_good_places(good, whitening_of(axes)),
        bank=bank_of(good, settings),
    )


def _anomaly(good: Moments, shrunk: Tensor, bank: MemoryBank | None) -> Callable[[Tensor], Tensor]:
    """Return what gives the raw anomaly (h, w) of patches (h, w, d)."""
    if bank is not None:
        return bank.distance
    eye = torch.eye(len(shrunk), dtype=torch.float64)
    root = torch.linalg.solve_triangular(torch.linalg.cholesky(shrunk), eye, upper=False).float()
    mean = good.mean.float()
    return lambda patches: _distance(patches - mean, root)


def _distance(centred: Tensor, root: Tensor) -> Tensor:
    """Return the length (...) of ``root @ x`` for each patch (..., d); ``root`` is a lower triangle.

    The triangle is any root of the inverse covariance as good as the symmetric one, for two thirds of the products.
    """
    squares = torch.zeros(centred.shape[:-1])
    for begin, end in blocks(len(root)):
        squares += (centred[..., :end] @ root[begin:end, :end].T).square().sum(dim=-1)
    return squares.sqrt()
