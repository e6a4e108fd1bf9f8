"""What transfers between materials: a prior of "defect minus good", learned in an outer loop over dense episodes.

The inner loop is the detector's own closed form. The outer loop takes the moments of the prior from the historical
types, chooses how much they count by episodes, and decides by families that took part in neither.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.domain.statistics import mean_interval, student_interval
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_episodes import DenseEpisode, DenseHalf, dense_halves, draw_episodes
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.examples import FrameRegions, cut_patches

FROZEN = "frozen"
_FEWEST_FAMILIES = 3  # one is held out, and the choice among the rest holds one out as well

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """How much history counts: its ``share`` (0 to 1) of the covariance, and the ``strength`` of the scatter."""

    share: float
    strength: float

    @property
    def name(self) -> str:
        """Its name in the record of a training."""
        return f"covariance_{self.share:g}_{self.strength:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DensePriorSettings:
    """The outer loop: ``episodes`` of a family for each number of ``shots``, and the candidates chosen from."""

    shots: tuple[int, ...] = (1, 3, 5)
    episodes: int = 10
    shares: tuple[float, ...] = (0.3, 0.6)
    strengths: tuple[float, ...] = (3.0, 10.0)
    detector: DetectorSettings = field(default_factory=DetectorSettings)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every share with every strength."""
        pairs = itertools.product(self.shares, self.strengths)
        return tuple(Candidate(share=share, strength=strength) for share, strength in pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyMoments:
    """One family's differences: second moment of their directions over samples, and scatter within a type.

    Both float64 (d, d) with a mean diagonal of 1; types weigh the same.
    """

    covariance: Tensor
    scatter: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DensePrior:
    """``tensors`` for ``Initialization.dense`` (empty when frozen), ``metrics`` on held-out families, and the choice.

    Metrics are AUROCs of units, families weighing the same. ``difference`` with its Student interval over held-out
    families decides, for a new material is what comes next; ``difference_<shots>`` has the interval over episodes.
    ``reason`` says why nothing is shipped.
    """

    tensors: Mapping[str, Tensor]
    metrics: Mapping[str, float]
    chosen: str
    reason: str = ""


def fit_dense_prior(
    backbone: Backbone,
    examples_by_family: Mapping[str, Sequence[FrameRegions]],
    *,
    settings: DensePriorSettings,
    seed: int,
    progress: Progress | None = None,
) -> DensePrior:
    """Return the prior that beats the same head without it on families that it was not fitted on, or none.

    Families with fewer than 8 good regions or without a type of 2 samples are passed over; fewer than 3 families leave
    the head frozen, for nothing could be chosen and held out.
    """
    halves: dict[str, list[DenseHalf]] = {}
    for place, (family, examples) in enumerate(sorted(examples_by_family.items())):
        patches = cut_patches(backbone, examples, unit=UnitGrid(), settings=settings.detector)
        found = dense_halves(family, patches, settings=settings.detector, seed=seed)
        if found:
            halves[family] = found
        if progress is not None:
            progress("dense prior: features", place + 1, len(examples_by_family))
    return fit_on_halves(halves, settings=settings, seed=seed, progress=progress)


def fit_on_halves(
    halves: Mapping[str, Sequence[DenseHalf]],
    *,
    settings: DensePriorSettings,
    seed: int,
    progress: Progress | None = None,
) -> DensePrior:
    """Return the prior from cut and whitened families. Every family is held out once, from the choice as well."""
    if len(halves) < _FEWEST_FAMILIES:
        reason = (
            f"{len(halves)} families with good regions and types of 2 samples; {_FEWEST_FAMILIES} are needed to choose "
            "and to hold one out"
        )
        return DensePrior(tensors={}, metrics={}, chosen=FROZEN, reason=reason)
    moments = {family: family_moments(parts) for family, parts in halves.items()}
    episodes = _drawn(halves, settings, seed=seed)
    frozen = _without(episodes)
    learned = _held_out(moments, episodes, frozen, settings, progress)
    metrics = _metrics(episodes, frozen, learned, settings)
    reason = _refusal(metrics, settings)
    if reason:
        return DensePrior(tensors={}, metrics=metrics, chosen=FROZEN, reason=reason)
    best = choose(moments, episodes, frozen, settings)
    return DensePrior(tensors=difference_prior_of(moments, best).tensors(), metrics=metrics, chosen=best.name)


def _held_out(
    moments: Mapping[str, FamilyMoments],
    episodes: Mapping[str, Sequence[DenseEpisode]],
    frozen: Mapping[str, Floats],
    settings: DensePriorSettings,
    progress: Progress | None,
) -> dict[str, Floats]:
    """Return every family's AUROCs by a prior that the other families gave and chose."""
    learned: dict[str, Floats] = {}
    for place, family in enumerate(sorted(moments)):
        rest = {name: found for name, found in moments.items() if name != family}
        prior = difference_prior_of(rest, choose(rest, episodes, frozen, settings))
        learned[family] = _aurocs(episodes[family], [prior])[:, 0]
        if progress is not None:
            progress("dense prior: held-out families", place + 1, len(moments))
    return learned


def select(
    halves: Mapping[str, Sequence[DenseHalf]], *, settings: DensePriorSettings, seed: int
) -> tuple[dict[str, FamilyMoments], Candidate]:
    """Return the families' moments and the candidate that does best where each is judged by the others, unasked.

    For measuring a prior that would not be shipped; 2 families at least.
    """
    moments = {family: family_moments(parts) for family, parts in halves.items()}
    episodes = _drawn(halves, settings, seed=seed)
    return moments, choose(moments, episodes, _without(episodes), settings)


def _drawn(
    halves: Mapping[str, Sequence[DenseHalf]], settings: DensePriorSettings, *, seed: int
) -> dict[str, list[DenseEpisode]]:
    return {
        family: draw_episodes(
            parts, shots=settings.shots, each=settings.episodes, settings=settings.detector, seed=seed + place
        )
        for place, (family, parts) in enumerate(sorted(halves.items()))
    }


def _without(episodes: Mapping[str, Sequence[DenseEpisode]]) -> dict[str, Floats]:
    return {family: _aurocs(drawn, [None])[:, 0] for family, drawn in episodes.items()}


def family_moments(halves: Sequence[DenseHalf]) -> FamilyMoments:
    """Return the moments of a family's differences, in the metric of either half of its good units."""
    covariances, scatters = [], []
    for half in halves:
        for samples in half.parts.values():
            means = torch.stack([part.double().mean(dim=0) for part in samples]) - half.reference[0]
            directions = means / means.norm(dim=1, keepdim=True).clamp(min=1e-12)
            covariances.append(_of_unit_diagonal(directions.T @ directions))
            scatters.append(_of_unit_diagonal(torch.cov(means.T)))
    return FamilyMoments(covariance=torch.stack(covariances).mean(dim=0), scatter=torch.stack(scatters).mean(dim=0))


def difference_prior_of(families: Mapping[str, FamilyMoments], candidate: Candidate) -> DifferencePrior:
    """Return the prior of several families, which weigh the same; what history does not fill is the identity."""
    covariance = torch.stack([family.covariance for family in families.values()]).mean(dim=0)
    eye = torch.eye(len(covariance), dtype=torch.float64)
    return DifferencePrior(
        covariance=candidate.share * covariance + (1.0 - candidate.share) * eye,
        scatter=torch.stack([family.scatter for family in families.values()]).mean(dim=0),
        strength=candidate.strength,
    )


def choose(
    families: Mapping[str, FamilyMoments],
    episodes: Mapping[str, Sequence[DenseEpisode]],
    frozen: Mapping[str, Floats],
    settings: DensePriorSettings,
) -> Candidate:
    """Return the candidate of the highest mean gain over these families, each judged by a prior of the others."""
    gains = np.zeros(len(settings.candidates))
    for judged in families:
        others = {family: found for family, found in families.items() if family != judged}
        priors = [difference_prior_of(others, candidate) for candidate in settings.candidates]
        gains += (_aurocs(episodes[judged], priors) - frozen[judged][:, None]).mean(axis=0)
    return settings.candidates[int(gains.argmax())]


def _aurocs(episodes: Sequence[DenseEpisode], priors: Sequence[DifferencePrior | None]) -> Floats:
    """Return AUROCs (episodes, priors)."""
    return np.stack([one.aurocs(priors) for one in episodes])


def _of_unit_diagonal(matrix: Tensor) -> Tensor:
    scaled: Tensor = matrix / matrix.diagonal().mean().clamp(min=1e-12)
    return scaled


def _metrics(
    episodes: Mapping[str, Sequence[DenseEpisode]],
    frozen: Mapping[str, Floats],
    learned: Mapping[str, Floats],
    settings: DensePriorSettings,
) -> dict[str, float]:
    gains = {family: learned[family] - frozen[family] for family in episodes}
    difference, low, high = student_interval(np.array([gain.mean() for gain in gains.values()]))
    metrics = {
        "auroc_frozen": float(np.mean([found.mean() for found in frozen.values()])),
        "auroc_prior": float(np.mean([found.mean() for found in learned.values()])),
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "families": float(len(episodes)),
        "episodes": float(sum(len(drawn) for drawn in episodes.values())),
    }
    for shot in settings.shots:
        of_shot = [
            gain
            for family, drawn in episodes.items()
            for gain, one in zip(gains[family], drawn, strict=True)
            if one.shots == shot
        ]
        mean, least, most = mean_interval(np.array(of_shot))
        metrics |= {f"difference_{shot}": mean, f"difference_{shot}_low": least, f"difference_{shot}_high": most}
    return metrics


def _refusal(metrics: Mapping[str, float], settings: DensePriorSettings) -> str:
    """Return why the prior is not shipped; empty where it wins on the families held out and harms at no shot."""
    if metrics["difference_low"] <= 0.0:
        return (
            f"the prior changes AUROC by {metrics['difference']:+.4f} [{metrics['difference_low']:+.4f}, "
            f"{metrics['difference_high']:+.4f}] over {metrics['families']:.0f} held-out families"
        )
    losing = [shot for shot in settings.shots if metrics[f"difference_{shot}"] < 0.0]
    if losing:
        return f"the prior loses at {losing[0]} samples ({metrics[f'difference_{losing[0]}']:+.4f} AUROC, held out)"
    return ""
