"""Chooses the metric of ``metric_ridge`` from history: each material judges metrics that were taken from the others.

A metric looks far better than it is on the very materials that gave it: an outer loop whose tasks are part of the
statistic learns to whiten too much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.methods.metric_ridge import MetricRidge
from inspect_pipeline.learning.region_metric import plan_families

Scatters = Mapping[str, NDArray[np.float64]]
"""Scatter (d, d) of each family, trace d."""

_SHRINKAGE = 0.2
_BLENDS = {"half": 0.5, "discriminant": 4.0}
POWERS = (-0.1, -0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A metric's ``source`` (a name of ``sources``; empty: none), its ``power``, and the head's ``blend``."""

    source: str
    power: float
    blend: str

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.source or 'no metric'} {self.power:g} {self.blend}" if self.source else f"no metric {self.blend}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedMetric:
    """The ``method`` with the ``chosen`` metric, taken from all families; ``accuracies`` on left-out ones by name."""

    method: MetricRidge
    chosen: Candidate
    accuracies: Mapping[str, float]


def scatter_by_family(features: NDArray[np.float32], families: Sequence[str], groups: Sequence[str]) -> Scatters:
    """Return the scatter of rows (n, d) about the mean of their group, family by family.

    Groups are types for the covariance within classes, or images for that of turned views of one image, which needs
    no labels. Raises BadDataError for a family without two rows in any group.
    """
    names, keys = np.array(families, dtype=object), np.array(groups, dtype=object)
    found = {}
    for family in sorted(set(families)):
        own = names == family
        rows = features[own].astype(np.float64)
        _, inverse = np.unique(keys[own].astype(str), return_inverse=True)
        counts = np.bincount(inverse)
        sums = np.zeros((len(counts), rows.shape[1]))
        np.add.at(sums, inverse, rows)
        rows -= (sums / counts[:, None])[inverse]
        scatter = rows.T @ rows
        if np.trace(scatter) <= 0.0:
            raise BadDataError(f"family {family!r} has no two different rows of one group; give it more samples")
        found[family] = scatter * (len(scatter) / np.trace(scatter))
    return found


def powered(scatters: Scatters, families: Sequence[str], *, power: float) -> Tensor:
    """Return the mean scatter of these families, shrunk to the identity, to that power: symmetric (d, d), float32."""
    return _raised(_spectrum(scatters, families), power)


def _spectrum(scatters: Scatters, families: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not families:
        raise BadDataError("a metric needs at least one family that it is taken from; give more historical families")
    values, vectors = np.linalg.eigh(np.mean([scatters[name] for name in families], axis=0))
    return np.maximum(values, 0.0) + _SHRINKAGE, vectors


def _raised(spectrum: tuple[NDArray[np.float64], NDArray[np.float64]], power: float) -> Tensor:
    values, vectors = spectrum
    return torch.from_numpy(np.ascontiguousarray((vectors * values**power) @ vectors.T, dtype=np.float32))


def fit_metric_ridge(
    features: NDArray[np.float32],
    index: EpisodeIndex,
    specs: Sequence[EpisodeSpec],
    *,
    sources: Mapping[str, Scatters],
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> FittedMetric:
    """Return the method whose candidate does best, in the mean over families and ``specs``, on families left out.

    ``features`` (n, d) are descriptors, ``sources`` the scatters by name (``scatter_by_family`` on the same families).
    Each family that can serve a spec is judged on ``episodes`` of it. Ties go to the earlier candidate, no metric
    first. Raises BadDataError where fewer than two families can serve any spec.
    """
    served = [(spec, name) for spec in specs for name in plan_families(index, spec)]
    if len({name for _, name in served}) < 2:
        raise BadDataError("fewer than 2 families can serve the episodes; a metric cannot be judged on another family")
    candidates = _candidates(sources)
    found: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    families = sorted({name for _, name in served})
    for number, family in enumerate(families):
        own = [spec for spec, name in served if name == family]
        judged = _judged(
            features, index, family, own, sources=sources, candidates=candidates, episodes=episodes, seed=seed
        )
        for name, values in judged.items():
            found[name] += values
        if progress is not None:
            progress("metric ridge: held-out families", number + 1, len(families))
    accuracies = {name: float(np.mean(values)) for name, values in found.items()}
    chosen = max(candidates, key=lambda candidate: accuracies[candidate.name])
    return FittedMetric(method=_fitted(chosen, sources, features.shape[1]), chosen=chosen, accuracies=accuracies)


def _candidates(sources: Mapping[str, Scatters]) -> list[Candidate]:
    plain = [Candidate(source="", power=0.0, blend=blend) for blend in _BLENDS]
    metrics = [Candidate(source=s, power=p, blend=b) for s, p, b in product(sorted(sources), POWERS, _BLENDS)]
    return plain + metrics


def _judged(
    features: NDArray[np.float32],
    index: EpisodeIndex,
    family: str,
    specs: Sequence[EpisodeSpec],
    *,
    sources: Mapping[str, Scatters],
    candidates: Sequence[Candidate],
    episodes: int,
    seed: int,
) -> dict[str, list[float]]:
    """Return the accuracies of every candidate on one family, spec by spec, its metric taken from all the others."""
    rows = np.flatnonzero(np.array(index.families) == family)
    part, found = index.subset(rows), dict[str, list[float]]()
    spectra = {name: _spectrum(each, sorted(each.keys() - {family})) for name, each in sources.items()}
    for source, power in dict.fromkeys((candidate.source, candidate.power) for candidate in candidates):
        placed = features[rows]
        if source:
            placed = placed @ _raised(spectra[source], power).numpy()
        heads = [_head(c, placed.shape[1]) for c in candidates if (c.source, c.power) == (source, power)]
        for spec in specs:
            scores = evaluate(placed, part, spec, episodes=episodes, seed=seed, methods=heads).scores
            for name, score in scores.items():
                found.setdefault(name, []).append(score.accuracy.mean)
    return found


def _head(candidate: Candidate, dims: int) -> MetricRidge:
    start = MetricRidge.untrained(ChannelScales.identity(dims), name=candidate.name)
    return replace(start, blend=torch.tensor([_BLENDS[candidate.blend], 0.0]))


def _fitted(candidate: Candidate, sources: Mapping[str, Scatters], dims: int) -> MetricRidge:
    head = replace(_head(candidate, dims), name="metric_ridge")
    if not candidate.source:
        return head
    scatters = sources[candidate.source]
    return replace(head, metric=powered(scatters, sorted(scatters), power=candidate.power))
