"""Episodes of the dense detector over cached patches: normals and K samples of a type, then units to tell apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from inspect_pipeline.domain.detection_metrics import image_auroc
from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.dense_fit import support_part
from inspect_pipeline.learning.dense_head import fit_direction, whitened_moments
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.examples import Patches, Support
from inspect_pipeline.learning.normality import Normality, fit_normality, moments, summed

# Every second smoothing window is judged. Keeping only the most anomalous ones instead cost bsdata 0.11 AUROC, for its
# small pits are less anomalous than the edges of good units: such episodes say the opposite of what whole units say.
_WINDOW_STEP = 2
_MOST_JUDGED = 30
_FEWEST_GOOD = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseHalf:
    """One half of a family's good units gives the metric, the other half is judged.

    ``good`` and ``bad`` (by type) are smoothed windows (w, d) of each unit, not whitened; ``parts`` are the whitened
    patches of each sample that stand for its type.
    """

    family: str
    normality: Normality
    reference: tuple[Tensor, Tensor]
    good: Sequence[Tensor]
    bad: Mapping[str, Sequence[Tensor]]
    parts: Mapping[str, Sequence[Tensor]]
    guessed: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseEpisode:
    """A type taught from the samples ``taught`` (numbers within the type); ``good`` and ``bad`` units are judged.

    ``shots`` is what was asked for: a type of fewer samples teaches fewer and keeps one to be judged.
    """

    half: DenseHalf
    defect_type: str
    shots: int
    ridge: float
    taught: tuple[int, ...]
    good: tuple[int, ...]
    bad: tuple[int, ...]

    def aurocs(self, priors: Sequence[DifferencePrior | None]) -> NDArray[np.float64]:
        """Return how well the detector's own head tells the units apart, one AUROC a prior (None: without)."""
        patches = torch.cat([self.half.parts[self.defect_type][i] for i in self.taught])
        weights = [
            fit_direction(
                self.half.reference, patches, ridge=self.ridge, prior=prior, samples=len(self.taught)
            ).weight.double()
            for prior in priors
        ]
        raw = (self.half.normality.whitening.T @ torch.stack(weights, dim=1)).float()
        good = torch.stack([(self.half.good[i] @ raw).amax(dim=0) for i in self.good])
        bad = torch.stack([(self.half.bad[self.defect_type][i] @ raw).amax(dim=0) for i in self.bad])
        return np.array([image_auroc(good[:, k].tolist(), bad[:, k].tolist()) for k in range(len(priors))])


def dense_halves(family: str, patches: Patches, *, settings: DetectorSettings, seed: int) -> list[DenseHalf]:
    """Return the family's two halves; none when it has fewer than 8 good units or no type of 2 samples."""
    order = np.random.default_rng(seed).permutation(len(patches.good))
    types = sorted({support.defect_type for support in patches.supports})
    of_type = {name: [s for s in patches.supports if s.defect_type == name] for name in types}
    of_type = {name: group for name, group in of_type.items() if len(group) > 1}
    if len(patches.good) < _FEWEST_GOOD or not of_type:
        return []
    windows = {name: [_windows(s.patches, settings) for s in group] for name, group in of_type.items()}
    middle = len(order) // 2
    return [
        _half(family, patches, of_type, windows, fitted=fitted.tolist(), judged=judged.tolist(), settings=settings)
        for fitted, judged in ((order[:middle], order[middle:]), (order[middle:], order[:middle]))
    ]


def _half(
    family: str,
    patches: Patches,
    of_type: Mapping[str, Sequence[Support]],
    windows: Mapping[str, Sequence[Tensor]],
    *,
    fitted: Sequence[int],
    judged: Sequence[int],
    settings: DetectorSettings,
) -> DenseHalf:
    good = summed(moments(patches.good[i].patches) for i in fitted)
    normality = fit_normality(good, shrinkage=settings.shrinkage)
    return DenseHalf(
        family=family,
        normality=normality,
        reference=whitened_moments(good, normality),
        good=[_windows(patches.good[i].patches, settings) for i in judged],
        bad=windows,
        parts={name: [support_part(s, normality, settings) for s in group] for name, group in of_type.items()},
        guessed={
            name: 2 * sum(s.source is RegionSource.GUESSED for s in group) > len(group)
            for name, group in of_type.items()
        },
    )


def _windows(patches: Tensor, settings: DetectorSettings) -> Tensor:
    """Return a unit's smoothing windows (w, d): a direction's evidence in a window is that of the mean patch."""
    side = (min(settings.smoothing_patches, patches.shape[0]), min(settings.smoothing_patches, patches.shape[1]))
    return avg_pool2d(patches.permute(2, 0, 1)[None], side, stride=_WINDOW_STEP)[0].flatten(1).T.contiguous()


def draw_episodes(
    halves: Sequence[DenseHalf], *, shots: Sequence[int], each: int, settings: DetectorSettings, seed: int
) -> list[DenseEpisode]:
    """Return ``each`` episodes for every number of shots: a half and a type of it by chance."""
    generator = np.random.default_rng(seed)
    episodes = []
    for shot in shots:
        for _ in range(each):
            half = halves[int(generator.integers(len(halves)))]
            names = sorted(half.parts)
            name = names[int(generator.integers(len(names)))]
            episodes.append(_episode(half, name, shot, settings, generator))
    return episodes


def _episode(
    half: DenseHalf, name: str, shots: int, settings: DetectorSettings, generator: np.random.Generator
) -> DenseEpisode:
    """Return an episode: ``shots`` samples teach, at least one is left to be judged, and at most 30 units of a kind."""
    count = len(half.parts[name])
    order = [int(k) for k in generator.permutation(count)]
    taught = min(shots, count - 1)
    return DenseEpisode(
        half=half,
        defect_type=name,
        shots=shots,
        ridge=settings.ridge_guessed if half.guessed[name] else settings.ridge,
        taught=tuple(order[:taught]),
        good=tuple(int(k) for k in generator.permutation(len(half.good))[:_MOST_JUDGED]),
        bad=tuple(order[taught : taught + _MOST_JUDGED]),
    )
