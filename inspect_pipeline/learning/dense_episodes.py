"""Episodes of the dense detector over cached patches: normals and K samples of a type, then units to tell apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.crossfit import support_part
from inspect_pipeline.learning.dense_head import fit_direction, whitened_moments
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import Patches, Support
from inspect_pipeline.learning.normality import Normality, fit_normality, moments, summed

WINDOWS = 48  # of a unit only its most anomalous smoothing windows are kept: its maximum is nearly always among them
_FEWEST_GOOD = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseEpisode:
    """A type taught from a few samples: ``base`` (d) is its direction, good (n, w, d) and bad (m, w, d) are judged.

    All in the metric of good units that are neither among ``good`` nor the same for two halves of a family.
    """

    family: str
    defect_type: str
    base: Tensor
    good: Tensor
    bad: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseHalf:
    """One half of a family's good units gives the metric, the other half is judged."""

    family: str
    reference: tuple[Tensor, Tensor]
    good: Tensor
    windows: Mapping[str, Tensor]
    parts: Mapping[str, Sequence[Tensor]]
    guessed: Mapping[str, bool]


def dense_halves(family: str, patches: Patches, *, settings: DetectorSettings, seed: int) -> list[DenseHalf]:
    """Return the family's two halves; none when it has fewer than 8 good units or no type of 2 samples."""
    order = np.random.default_rng(seed).permutation(len(patches.good))
    types = sorted({support.defect_type for support in patches.supports})
    of_type = {name: [s for s in patches.supports if s.defect_type == name] for name in types}
    of_type = {name: group for name, group in of_type.items() if len(group) > 1}
    if len(patches.good) < _FEWEST_GOOD or not of_type:
        return []
    middle = len(order) // 2
    return [
        _half(family, patches, of_type, fitted=fitted.tolist(), judged=judged.tolist(), settings=settings)
        for fitted, judged in ((order[:middle], order[middle:]), (order[middle:], order[:middle]))
    ]


def _half(
    family: str,
    patches: Patches,
    of_type: Mapping[str, Sequence[Support]],
    *,
    fitted: Sequence[int],
    judged: Sequence[int],
    settings: DetectorSettings,
) -> DenseHalf:
    good = summed(moments(patches.good[i].patches) for i in fitted)
    normality = fit_normality(good, shrinkage=settings.shrinkage)
    return DenseHalf(
        family=family,
        reference=whitened_moments(good, normality),
        good=torch.stack([_windows(patches.good[i].patches, normality, settings) for i in judged]),
        windows={
            name: torch.stack([_windows(support.patches, normality, settings) for support in group])
            for name, group in of_type.items()
        },
        parts={name: [support_part(s, normality, settings) for s in group] for name, group in of_type.items()},
        guessed={
            name: 2 * sum(s.source is RegionSource.GUESSED for s in group) > len(group)
            for name, group in of_type.items()
        },
    )


def _windows(patches: Tensor, normality: Normality, settings: DetectorSettings) -> Tensor:
    """Return a unit's most anomalous smoothing windows (WINDOWS, d): means of whitened patches."""
    whitened = normality.whiten(patches).permute(2, 0, 1)[None]
    side = (min(settings.smoothing_patches, patches.shape[0]), min(settings.smoothing_patches, patches.shape[1]))
    rows = avg_pool2d(whitened, side, stride=1)[0].flatten(1).T
    best = rows.square().sum(dim=1).topk(min(WINDOWS, len(rows))).indices
    return rows[best.repeat(-(-WINDOWS // len(best)))[:WINDOWS]]


def draw_episode(
    half: DenseHalf, defect_type: str, *, shots: int, settings: DetectorSettings, generator: np.random.Generator
) -> DenseEpisode:
    """Return one episode: ``shots`` samples teach (at least one is left to judge), every other unit is judged."""
    count = len(half.parts[defect_type])
    order = [int(k) for k in generator.permutation(count)]
    taught, judged = order[: min(shots, count - 1)], order[min(shots, count - 1) :]
    direction = fit_direction(
        half.reference,
        torch.cat([half.parts[defect_type][i] for i in taught]),
        ridge=settings.ridge_guessed if half.guessed[defect_type] else settings.ridge,
    )
    return DenseEpisode(
        family=half.family,
        defect_type=defect_type,
        base=direction.weight,
        good=half.good,
        bad=half.windows[defect_type][judged],
    )
