"""Evaluation over episodes: every method on the same ones, with intervals, by type and by family, and a fingerprint."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.domain.statistics import mean_interval, student_interval
from inspect_pipeline.learning.contest import contest
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.sample_cache import Samples
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.tasks import Tasks

Drawn = tuple[str, tuple[str, ...]]
_FEWEST_FAMILIES = 3  # of two families a spread says next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over episodes with its 95% interval; for a share, bounds are kept inside [0, 1]."""

    mean: float
    low: float
    high: float
    episodes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodScore:
    """One method's accuracy: overall, by ``family/type`` (recall), by family; ``recalls`` (e, way) of each episode."""

    name: str
    accuracy: Interval
    per_type: Mapping[str, Interval]
    per_family: Mapping[str, Interval]
    recalls: NDArray[np.float64]

    @property
    def per_episode(self) -> NDArray[np.float64]:
        """Accuracy of each episode, (e,)."""
        shares: NDArray[np.float64] = self.recalls.mean(axis=1)
        return shares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """The scores of every method on the same episodes; ``refused`` says which types and families could not serve.

    ``tasks`` are the family and the class names of each episode.
    """

    spec: EpisodeSpec
    episodes: int
    seed: int
    fingerprint: str
    refused: tuple[str, ...]
    tasks: tuple[Drawn, ...]
    scores: Mapping[str, MethodScore]


def evaluate(
    features: Samples,
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    episodes: int,
    seed: int,
    methods: Sequence[Method],
    fingerprint: str = "",
    progress: Progress | None = None,
    others: Mapping[str, Samples] | None = None,
    sampling: Sampling | None = None,
) -> Evaluation:
    """Return the scores of the methods, by name, on episodes 0..episodes-1 of ``seed``.

    ``features`` are the samples that ``index`` describes, mostly descriptors (n, d) float32; ``others`` are the same
    samples in the form (images) that single methods take, by name. ``sampling`` says what else an episode holds
    (unlabelled samples for semi-supervised methods). Raises BadDataError when no family can serve ``spec``, or the
    arrays do not fit each other.
    """
    sampler, even = episode_sampler(index, spec, sampling or Sampling(), seed=seed), Hardness()
    entered = contest(features, index, methods, others=others)
    hits: dict[str, list[NDArray[np.float64]]] = {name: [] for name in entered.methods}
    tasks: list[Drawn] = []
    for numbers in entered.parts(spec, episodes=episodes):
        part = [sampler.draw(spec, number=number, hardness=even) for number in numbers]
        for name, method in entered.methods.items():
            hits[name].append(class_recalls(method, entered.tasks(name, part), spec=spec))
        tasks += [(each.family, each.class_names) for each in part]
        if progress is not None:
            progress("evaluate", len(tasks), episodes)
    return Evaluation(
        spec=spec,
        episodes=episodes,
        seed=seed,
        fingerprint=fingerprint,
        refused=sampler.refused,
        tasks=tuple(tasks),
        scores={name: _score(name, tasks, np.concatenate(recalls)) for name, recalls in hits.items()},
    )


def class_recalls(method: Method, tasks: Tasks, *, spec: EpisodeSpec) -> NDArray[np.float64]:
    """Return the share of right queries of every class of every task, (e, way)."""
    with torch.no_grad():  # not inference_mode: an adaptation by gradient steps turns gradients on for itself
        classifier = method.adapt(tasks.support, tasks.support_labels, way=spec.way, unlabelled=tasks.unlabelled)
        right = classifier.score(tasks.query).argmax(dim=-1) == tasks.query_labels
    shares: NDArray[np.float64] = right.reshape(-1, spec.way, spec.query).double().mean(dim=-1).cpu().numpy()
    return shares


def paired_difference(ours: MethodScore, theirs: MethodScore) -> Interval:
    """Return the mean accuracy gained over ``theirs`` on the same episodes, with its 95% interval."""
    return interval_of(ours.per_episode - theirs.per_episode, share=False)


def gains_by_family(evaluation: Evaluation, ours: str, theirs: str) -> dict[str, Interval]:
    """Return ``paired_difference`` for the episodes of each family alone."""
    gains = evaluation.scores[ours].per_episode - evaluation.scores[theirs].per_episode
    families = np.array([family for family, _ in evaluation.tasks], dtype=object)
    return {name: interval_of(gains[families == name], share=False) for name in sorted(set(families.tolist()))}


def over_families(means: Sequence[float]) -> Interval | None:
    """Return the mean over families with Student's 95% interval, None for fewer than 3; ``episodes`` counts families.

    It answers for families that were not drawn, which an interval over episodes of these few does not.
    """
    if len(means) < _FEWEST_FAMILIES:
        return None
    mean, low, high = student_interval(means)
    return Interval(mean=mean, low=low, high=high, episodes=len(means))


def merged(parts: Sequence[Evaluation]) -> Evaluation:
    """Return evaluations of the same methods and form of episode, on other data or other heads, as one."""
    first = parts[0]
    tasks = tuple(task for part in parts for task in part.tasks)
    return replace(
        first,
        episodes=len(tasks),
        refused=tuple(dict.fromkeys(reason for part in parts for reason in part.refused)),
        tasks=tasks,
        scores={
            name: _score(name, tasks, np.concatenate([part.scores[name].recalls for part in parts]))
            for name in first.scores
        },
    )


def data_fingerprint(sample_hashes: Sequence[str], index: EpisodeIndex) -> str:
    """Return the SHA-256 over the sorted (sample hash, family, type) rows: the data, whatever its order or place."""
    rows = sorted("\t".join(row) for row in zip(sample_hashes, index.families, index.types, strict=True))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def sample_hash(pixels: Pixels) -> str:
    """Return the SHA-256 of an image's shape, type and pixels."""
    header = f"{pixels.dtype.name} {pixels.shape}\n".encode()
    return hashlib.sha256(header + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def with_permuted_types(index: EpisodeIndex, generator: np.random.Generator) -> EpisodeIndex:
    """Return the index with types shuffled within each family: the control in which nothing can be learned."""
    families, types = np.array(index.families, dtype=object), np.array(index.types, dtype=object)
    for family in dict.fromkeys(index.families):
        rows = np.flatnonzero(families == family)
        types[rows] = types[generator.permutation(rows)]
    return replace(index, types=tuple(str(name) for name in types))


def _score(name: str, drawn: Sequence[Drawn], recalls: NDArray[np.float64]) -> MethodScore:
    accuracies = recalls.mean(axis=1)
    types: dict[str, list[float]] = {}
    families: dict[str, list[float]] = {}
    for (family, class_names), row, accuracy in zip(drawn, recalls, accuracies, strict=True):
        families.setdefault(family, []).append(float(accuracy))
        for type_name, recall in zip(class_names, row, strict=True):
            types.setdefault(f"{family}/{type_name}", []).append(float(recall))
    return MethodScore(
        name=name,
        accuracy=interval_of(accuracies),
        per_type={key: interval_of(np.array(types[key])) for key in sorted(types)},
        per_family={key: interval_of(np.array(families[key])) for key in sorted(families)},
        recalls=recalls,
    )


def interval_of(values: NDArray[np.float64], *, share: bool = True) -> Interval:
    """Return the mean of one value an episode with its normal 95% interval, held inside [0, 1] for a share."""
    mean, low, high = mean_interval(values)
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(mean=mean, low=low, high=high, episodes=len(values))
