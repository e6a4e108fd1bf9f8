"""What transfers between materials: a prior direction for "defect", learned in an outer loop over dense episodes.

Symmetric whitening keeps the channels in place, so directions of different materials can be added. The inner loop is
the detector's own closed form; the outer loop learns the vector that is added to its result, through the judging of
whole units, and starts from (and decays to) the mean direction of the historical types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.domain.statistics import mean_interval
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_episodes import DenseEpisode, DenseHalf, dense_halves, draw_episode
from inspect_pipeline.learning.dense_head import PRIOR, with_prior
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import FrameRegions, cut_patches

FROZEN, LEARNED, MEAN = "frozen", "learned", "mean"
_SHARPNESS = 3.0  # of the soft maximum over a unit's windows


@dataclass(frozen=True, slots=True, kw_only=True)
class DensePriorSettings:
    """The outer loop; ``strengths`` are the lengths of the prior beside the unit-length result of the inner loop."""

    shots: int = 5
    episodes: int = 120
    validation_episodes: int = 80
    steps: int = 100
    episodes_per_step: int = 8
    learning_rate: float = 0.01
    decay: float = 0.5
    strengths: tuple[float, ...] = (0.5, 1.0, 2.0)
    detector: DetectorSettings = field(default_factory=DetectorSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DensePrior:
    """``tensors`` for ``Initialization.dense`` (empty when frozen), ``metrics`` on held-out families, and the choice.

    Metrics are AUROCs of units, means over episodes; ``difference_*`` is the paired 95% interval of the chosen against
    the frozen head. ``reason`` says why nothing is shipped.
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

    Families with fewer than 8 good regions or without a type of 2 samples are passed over; fewer than 2 families leave
    the prior frozen, for nothing could be held out.
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
    """Return the prior from cut and whitened families; every family is held out once."""
    if len(halves) < 2:
        reason = f"{len(halves)} families with good regions and types of 2 samples; 2 are needed to hold one out"
        return DensePrior(tensors={}, metrics={}, chosen=FROZEN, reason=reason)
    scores: dict[str, list[float]] = {}
    for place, held_out in enumerate(halves):
        rest = {family: parts for family, parts in halves.items() if family != held_out}
        mean, learned = _fit(rest, settings, seed=seed + place)
        _validate({held_out: halves[held_out]}, mean, learned, scores, settings, seed=seed + place)
        if progress is not None:
            progress("dense prior: held-out families", place + 1, len(halves))
    return _choose(scores, halves, settings, seed=seed)


def _choose(
    scores: Mapping[str, Sequence[float]],
    halves: Mapping[str, Sequence[DenseHalf]],
    settings: DensePriorSettings,
    *,
    seed: int,
) -> DensePrior:
    frozen = np.array(scores[FROZEN])
    best = max((name for name in scores if name != FROZEN), key=lambda name: float(np.mean(scores[name])))
    difference, low, high = mean_interval(np.array(scores[best]) - frozen)
    metrics = {f"auroc_{name}": float(np.mean(values)) for name, values in scores.items()}
    metrics |= {"difference": difference, "difference_low": low, "difference_high": high, "episodes": len(frozen)}
    if low <= 0.0:
        reason = f"the best prior ({best}) changes AUROC by {difference:+.4f} [{low:+.4f}, {high:+.4f}] when held out"
        return DensePrior(tensors={}, metrics=metrics, chosen=FROZEN, reason=reason)
    mean, learned = _fit(halves, settings, seed=seed)
    kind, strength = best.split("_")
    direction = (learned if kind == LEARNED else mean) * float(strength)
    return DensePrior(tensors={PRIOR: direction.contiguous()}, metrics=metrics, chosen=best)


def _fit(
    halves: Mapping[str, Sequence[DenseHalf]], settings: DensePriorSettings, *, seed: int
) -> tuple[Tensor, Tensor]:
    """Return (mean direction of the historical types, direction learned from there), both of length 1."""
    generator = np.random.default_rng(seed)
    pool = _draw(halves, settings.episodes, settings, generator)
    mean = torch.stack([episode.base for episode in pool]).mean(dim=0)
    mean = mean / mean.norm().clamp(min=1e-12)
    with torch.enable_grad():
        prior = mean.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([prior], lr=settings.learning_rate)
        for _ in range(settings.steps):
            drawn = generator.integers(len(pool), size=settings.episodes_per_step)
            loss = torch.stack([_loss(pool[int(k)], prior) for k in drawn]).mean()
            loss = loss + settings.decay * (prior - mean).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    learned = prior.detach()
    return mean, learned / learned.norm().clamp(min=1e-12)


def _draw(
    halves: Mapping[str, Sequence[DenseHalf]],
    count: int,
    settings: DensePriorSettings,
    generator: np.random.Generator,
) -> list[DenseEpisode]:
    """Return episodes: families in turn, then a half and a type of it by chance."""
    families = sorted(halves)
    episodes = []
    for number in range(count):
        options = halves[families[number % len(families)]]
        half = options[int(generator.integers(len(options)))]
        names = sorted(half.parts)
        name = names[int(generator.integers(len(names)))]
        episodes.append(draw_episode(half, name, shots=settings.shots, settings=settings.detector, generator=generator))
    return episodes


def _loss(episode: DenseEpisode, prior: Tensor) -> Tensor:
    """Return how badly defective units are told from good ones: a smooth 1 - AUROC over all pairs."""
    weight = with_prior(episode.base, prior)
    good = torch.logsumexp(_SHARPNESS * (episode.good @ weight), dim=1) / _SHARPNESS
    bad = torch.logsumexp(_SHARPNESS * (episode.bad @ weight), dim=1) / _SHARPNESS
    spread = good.detach().std().clamp(min=1e-3)
    return softplus((good[None, :] - bad[:, None]) / spread).mean()


def _validate(
    halves: Mapping[str, Sequence[DenseHalf]],
    mean: Tensor,
    learned: Tensor,
    scores: dict[str, list[float]],
    settings: DensePriorSettings,
    *,
    seed: int,
) -> None:
    """Append every candidate's AUROC on the same episodes of the held-out families."""
    generator = np.random.default_rng([seed, 1])
    for episode in _draw(halves, settings.validation_episodes, settings, generator):
        scores.setdefault(FROZEN, []).append(_auroc(episode, None))
        for kind, direction in ((MEAN, mean), (LEARNED, learned)):
            for strength in settings.strengths:
                found = _auroc(episode, direction * strength)
                scores.setdefault(f"{kind}_{strength:g}", []).append(found)


def _auroc(episode: DenseEpisode, prior: Tensor | None) -> float:
    weight = with_prior(episode.base, prior)
    good, bad = (episode.good @ weight).amax(dim=1), (episode.bad @ weight).amax(dim=1)
    above = (bad[:, None] > good[None, :]).double() + 0.5 * (bad[:, None] == good[None, :]).double()
    return float(above.mean())
