"""One fit of the dense channels: normality of good patches, and one direction a type or a type short of a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.dense_features import smoothed
from inspect_pipeline.learning.dense_head import Direction, anomalous_part, fit_direction, whitened_moments
from inspect_pipeline.learning.detector_settings import MEMORY_BANK, DetectorSettings
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.memory_bank import MemoryBank, fit_bank
from inspect_pipeline.learning.normality import Moments, Normality, distance, fit_normality
from inspect_pipeline.learning.shaping import Shaping

_BANK_SEED = 0  # which candidates are drawn is no choice of a user: a teaching with another seed has the same bank


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A type taught from these supports (indices): all of them, or all but one."""

    defect_type: str
    supports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Normality and one direction a variant; ``parts`` (k, d) are the whitened patches that stand for each sample."""

    normality: Normality
    directions: tuple[Direction, ...]
    bank: MemoryBank | None = None
    parts: tuple[Tensor, ...] = ()

    def maps(self, patches: Tensor, smoothing: int, chosen: Sequence[int] | None = None) -> Tensor:
        """Return smoothed raw scores (1 + variants, h, w) of patches (h, w, d); the anomaly comes first.

        With ``chosen`` only those of these variants, in this order.
        """
        whitened = self.normality.whiten(patches)
        wanted = range(len(self.directions)) if chosen is None else chosen
        planes = [distance(whitened) if self.bank is None else self.bank.distance(patches)]
        planes += [whitened @ self.directions[k].weight - self.directions[k].bias for k in wanted]
        return smoothed(torch.stack(planes), smoothing)

    def deviation(self, patches: Tensor, smoothing: int) -> Tensor:
        """Return the smoothed length of the patches (h, w, d) in the metric of good material, (h, w).

        Without a bank it is the anomaly of ``maps``.
        """
        return smoothed(distance(self.normality.whiten(patches)), smoothing)


def fit(
    good: Moments,
    supports: Sequence[Support],
    variants: Sequence[Variant],
    *,
    settings: DetectorSettings,
    prior: DifferencePrior | None = None,
    shaping: Shaping | None = None,
    units: Sequence[GoodUnit] = (),
) -> Fit:
    """Return normality of the good patches and the direction of every variant.

    ``units`` are the good units that ``good`` sums up: a memory bank is made of them, and the gradient steps of a
    ``shaping`` (what an adaptation changes) look at them.
    """
    normality = fit_normality(good, shrinkage=settings.shrinkage)
    if shaping is not None:
        normality = shaping.on_normality(normality)
    reference = whitened_moments(good, normality)
    parts = [support_part(support, normality, settings) for support in supports]
    directions = tuple(
        _direction(variant, supports, parts, reference, settings=settings, prior=prior) for variant in variants
    )
    if shaping is not None:
        of_variant = [[supports[i] for i in variant.supports] for variant in variants]
        directions = shaping.on_directions(
            directions, of_variant, units, normality, smoothing=settings.smoothing_patches
        )
    return Fit(normality=normality, directions=directions, bank=bank_of(units, settings), parts=tuple(parts))


def bank_of(units: Sequence[GoodUnit], settings: DetectorSettings) -> MemoryBank | None:
    """Return the memory bank of the good units where the settings ask for one; the same units give the same bank."""
    if settings.normality != MEMORY_BANK:
        return None
    patches = [unit.patches for unit in units]
    return fit_bank(patches, size=settings.bank_patches, candidates=settings.bank_candidates, seed=_BANK_SEED)


def support_part(support: Support, normality: Normality, settings: DetectorSettings) -> Tensor:
    """Return the whitened patches (k, d) of a sample that stand for its type: the most anomalous part of it."""
    guessed = support.source is RegionSource.GUESSED
    at_most = settings.support_patches_guessed if guessed else settings.support_patches
    regions = (support.patches[support.inside], *support.views)
    return torch.cat(
        [anomalous_part(normality.whiten(rows), share=settings.support_share, at_most=at_most) for rows in regions]
    )


def _direction(
    variant: Variant,
    supports: Sequence[Support],
    parts: Sequence[Tensor],
    reference: tuple[Tensor, Tensor],
    *,
    settings: DetectorSettings,
    prior: DifferencePrior | None,
) -> Direction:
    patches = torch.cat([parts[i] for i in variant.supports])
    ridge = ridge_of(variant, supports, settings)
    return fit_direction(reference, patches, ridge=ridge, prior=prior, samples=len(variant.supports))


def ridge_of(variant: Variant, supports: Sequence[Support], settings: DetectorSettings) -> float:
    """Return the ridge of a variant: most of its samples guessed or not."""
    guessed = sum(supports[i].source is RegionSource.GUESSED for i in variant.supports)
    return settings.ridge_guessed if 2 * guessed > len(variant.supports) else settings.ridge
