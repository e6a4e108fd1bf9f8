"""What history teaches about regions: which differences are only within a type, and how far a type reaches.

The within-class covariance of historical regions, to the power -0.25, is the metric of ``region_typing``: whitening
(power -0.5) trusts it too much, none ignores it. It is shipped only where it wins on families that it was not taken
from (paired 95% interval above zero), with the same ridge head on the same episodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, episode, plan_episodes
from inspect_pipeline.learning.evaluation import Evaluation, evaluate, merged, paired_difference
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.region_typing import RegionPrior, left_out_distances

METRIC, REACH = "metric", "reach"
"""Names of the tensors of an initialization's typing part: (c, c) and (1)."""

FROZEN, WITHIN_CLASS = "frozen", "within_class"
_POWER = -0.25
_SHRINKAGE = 0.1
_EPISODES = 200
_HEAD = "ridge"
_OF_QUERIES = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionHistory:
    """``tensors`` for ``Initialization.typing`` (empty where nothing won), what was ``chosen``, and the proof.

    ``metrics``: accuracies of both on held-out families, ``difference`` with its paired 95% interval, ``reach``.
    """

    tensors: Mapping[str, Tensor]
    metrics: Mapping[str, float]
    chosen: str
    reason: str = ""


def fit_region_history(
    features: NDArray[np.float32],
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    seed: int,
    progress: Progress | None = None,
) -> RegionHistory:
    """Return what the descriptors (n, c) of historical regions teach, judged family by family on the others' metric.

    Fewer than two families that can serve ``spec`` leave it frozen. The same arguments give the same result.
    """
    families = plan_families(index, spec)
    if len(families) < 2:
        reason = f"{len(families)} families can serve the episodes; 2 are needed to hold one out"
        return RegionHistory(tensors={}, metrics={}, chosen=FROZEN, reason=reason)
    names = np.array(index.families)
    plain: list[Evaluation] = []
    learned: list[Evaluation] = []
    reaches: list[float] = []
    for number, family in enumerate(families):
        own = names == family
        metric = within_class_metric(features[~own], index.subset(np.flatnonzero(~own)))
        part = index.subset(np.flatnonzero(own))
        placed = features[own] @ metric.numpy()
        for found, rows in ((plain, features[own]), (learned, placed)):
            found.append(_judged(rows, part, spec, episodes=-(-_EPISODES // len(families)), seed=seed + number))
        reaches.append(reach_of(placed, part, spec, seed=seed + number))
        if progress is not None:
            progress("region metric: held-out families", number + 1, len(families))
    return _chosen(features, index, merged(plain), merged(learned), reach=float(np.median(reaches)))


def plan_families(index: EpisodeIndex, spec: EpisodeSpec) -> tuple[str, ...]:
    """Return the families that can serve episodes of that form, in order."""
    try:
        return tuple(sorted(plan_episodes(index, spec).members))
    except BadDataError:  # none can
        return ()


def _chosen(
    features: NDArray[np.float32], index: EpisodeIndex, plain: Evaluation, learned: Evaluation, *, reach: float
) -> RegionHistory:
    gain = paired_difference(learned.scores[_HEAD], plain.scores[_HEAD])
    metrics = {
        FROZEN: plain.scores[_HEAD].accuracy.mean,
        WITHIN_CLASS: learned.scores[_HEAD].accuracy.mean,
        "difference": gain.mean,
        "difference_low": gain.low,
        "difference_high": gain.high,
        "episodes": float(gain.episodes),
        REACH: reach,
    }
    tensors = {REACH: torch.tensor([reach], dtype=torch.float32)}
    if gain.low <= 0.0:
        reason = f"the metric changes accuracy by {gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] when held out"
        return RegionHistory(tensors=tensors, metrics=metrics, chosen=FROZEN, reason=reason)
    tensors[METRIC] = within_class_metric(features, index)
    return RegionHistory(tensors=tensors, metrics=metrics, chosen=WITHIN_CLASS)


def within_class_metric(features: NDArray[np.float32], index: EpisodeIndex) -> Tensor:
    """Return the symmetric (c, c) that raises the within-class covariance to -0.25, float32.

    Each family weighs the same; a type of one sample says nothing. The mean eigenvalue is scaled to 1. Raises
    BadDataError where no type has two samples.
    """
    families = np.array(index.families)
    scatters = [_scatter(features, index, families == name) for name in sorted(set(index.families))]
    parts = [scatter for scatter in scatters if scatter is not None]
    if not parts:
        raise BadDataError("no historical type has two samples; a metric of regions needs them")
    covariance = np.mean(np.stack(parts), axis=0)
    covariance += _SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    powered = (vectors * (values / values.mean()) ** _POWER) @ vectors.T
    return torch.from_numpy(np.ascontiguousarray(powered, dtype=np.float32))


def _scatter(
    features: NDArray[np.float32], index: EpisodeIndex, of_family: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    types = np.array(index.types, dtype=object)
    rows = []
    for name in sorted(set(types[of_family].tolist())):
        own = features[of_family & (types == name)].astype(np.float64)
        if len(own) > 1:
            rows.append(own - own.mean(axis=0))
    if not rows:
        return None
    deviations = np.concatenate(rows)
    scatter: NDArray[np.float64] = deviations.T @ deviations / len(deviations)
    return scatter


def _judged(
    features: NDArray[np.float32], index: EpisodeIndex, spec: EpisodeSpec, *, episodes: int, seed: int
) -> Evaluation:
    return evaluate(features, index, spec, episodes=episodes, seed=seed, methods=[untrained(_HEAD, features.shape[1])])


def reach_of(features: NDArray[np.float32], index: EpisodeIndex, spec: EpisodeSpec, *, seed: int) -> float:
    """Return how many times as far as the samples from each other 95 of 100 regions of a type lie.

    Both from the mean of the (other) samples, over 50 episodes: few samples flatter themselves.
    """
    plan = plan_episodes(index, spec)
    points = normalize(torch.from_numpy(features), dim=1)
    ratios = [_ratios(points, episode(plan, seed=seed, number=number), spec) for number in range(50)]
    return float(torch.cat(ratios).quantile(_OF_QUERIES))


def _ratios(points: Tensor, drawn: Episode, spec: EpisodeSpec) -> Tensor:
    support = points[torch.from_numpy(drawn.support)].reshape(spec.way, spec.shot, -1)
    query = points[torch.from_numpy(drawn.query)].reshape(spec.way, spec.query, -1)
    if spec.shot < 2:
        return torch.ones(spec.way * spec.query)
    own = torch.stack([left_out_distances(samples).median() for samples in support])
    far = (query - support.mean(dim=1, keepdim=True)).norm(dim=2)
    ratios: Tensor = (far / own[:, None].clamp(min=1e-6)).flatten()
    return ratios


def region_prior(tensors: Mapping[str, Tensor], *, reach: float) -> RegionPrior:
    """Return the prior of an initialization's typing part, with at least that ``reach``.

    History compares regions as they were drawn; those that a detector finds itself lie further from the samples.
    """
    stored = tensors.get(REACH)
    return RegionPrior(metric=tensors.get(METRIC), reach=reach if stored is None else max(reach, float(stored[0])))
