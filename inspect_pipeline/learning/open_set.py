"""Open-set figures over episodes: a type that the classifier was not taught is to be told from those that it was.

Two scores of "known" are judged: the highest probability (Hendrycks and Gimpel 2017: A baseline for detecting
misclassified and out-of-distribution examples) and the highest logit (Vaze, Han, Vedaldi, Zisserman 2022: Open-set
recognition). The last type of every episode is the stranger; its supports are not shown to anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.domain.detection_metrics import image_auroc
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import Contest
from inspect_pipeline.learning.episodes import EpisodeSpec, plan_episodes
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.tasks import Tasks

PROBABILITY, LOGIT = "highest_probability", "highest_logit"
SCORES = (PROBABILITY, LOGIT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenSet:
    """AUROC (e,) of each episode by method and score, 0.5 being chance; ``strangers`` are ``family/type``."""

    known: int
    families: tuple[str, ...]
    strangers: tuple[str, ...]
    aurocs: Mapping[str, Mapping[str, NDArray[np.float64]]]


def open_set(
    entered: Contest, spec: EpisodeSpec, *, episodes: int, seed: int, progress: Progress | None = None
) -> OpenSet:
    """Return how well every method tells the last type of each episode from the ``spec.way - 1`` it was taught.

    Raises BadDataError for fewer than 3 ways, or when no family can serve ``spec``.
    """
    if spec.way < 3:
        raise BadDataError(f"open set needs 3 or more types of a family, {spec.way} are asked for; give more ways")
    plan = plan_episodes(entered.index, spec)
    found: dict[str, dict[str, list[float]]] = {name: {score: [] for score in SCORES} for name in entered.methods}
    families: list[str] = []
    strangers: list[str] = []
    for part in entered.drawn(plan, episodes=episodes, seed=seed):
        for name, method in entered.methods.items():
            for score, values in known_scores(method, entered.tasks(name, part)).items():
                found[name][score] += aurocs(values, strangers=spec.query)
        families += [each.family for each in part]
        strangers += [f"{each.family}/{each.class_names[-1]}" for each in part]
        if progress is not None:
            progress("open set", len(families), episodes)
    return OpenSet(
        known=spec.way - 1,
        families=tuple(families),
        strangers=tuple(strangers),
        aurocs={name: {score: np.array(values) for score, values in of.items()} for name, of in found.items()},
    )


def known_scores(method: Method, tasks: Tasks) -> dict[str, NDArray[np.float64]]:
    """Return both scores (t, q) of all queries under the classifier of all types but the last."""
    taught = without_last_type(tasks)
    with torch.no_grad():
        classifier = method.adapt(taught.support, taught.support_labels, way=taught.way, unlabelled=taught.unlabelled)
        logits = classifier.score(tasks.query)
    return {PROBABILITY: _array(logits.softmax(dim=-1).amax(dim=-1)), LOGIT: _array(logits.amax(dim=-1))}


def without_last_type(tasks: Tasks) -> Tasks:
    """Return the tasks without the supports of their last type; the queries stay as they are."""
    kept = tasks.support_labels < tasks.way - 1
    return replace(tasks, support=tasks.support[:, kept], support_labels=tasks.support_labels[kept], way=tasks.way - 1)


def aurocs(scores: NDArray[np.float64], *, strangers: int) -> list[float]:
    """Return of each task the probability that a known query scores above one of the last ``strangers`` of its row."""
    return [image_auroc(row[-strangers:], row[:-strangers]) for row in scores]


def _array(values: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = values.double().cpu().numpy()
    return array
