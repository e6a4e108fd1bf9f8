"""Known types against new ones: what a classifier loses on the types it had when more are taught to it.

The supports of the types it had are kept and it is adapted to all of them again, as at a site. Known and new accuracy
are joined by their harmonic mean, which is high only where both are (Xian, Schiele, Akata 2017: Zero-shot learning, the
good, the bad and the ugly, for generalised recognition).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import Contest
from inspect_pipeline.learning.episodes import EpisodeSpec, plan_episodes
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.tasks import Tasks

Accuracies = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TypeGrowth:
    """Accuracies by method, (added + 1, e): row a is with ``a`` types added to the ``known`` ones, all as choices.

    ``on_known`` counts queries of the known types, ``on_new`` those of the added ones (row 0 is not a number);
    ``lost`` (added, e) is what the known types lost against row 0, ``harmonic`` (added, e) joins both.
    """

    known: int
    families: tuple[str, ...]
    on_known: Mapping[str, Accuracies]
    on_new: Mapping[str, Accuracies]

    @property
    def added(self) -> int:
        """The most types added."""
        return len(next(iter(self.on_known.values()))) - 1

    def lost(self, name: str) -> Accuracies:
        """Return the accuracy that the known types lost by each number of added ones, (added, e)."""
        lost: Accuracies = self.on_known[name][0] - self.on_known[name][1:]
        return lost

    def harmonic(self, name: str) -> Accuracies:
        """Return the harmonic mean of known and new accuracy of each episode, 0 where both are, (added, e)."""
        known, new = self.on_known[name][1:], self.on_new[name][1:]
        both = known + new
        return np.divide(2.0 * known * new, both, out=np.zeros_like(both), where=both > 0.0)


def type_growth(
    entered: Contest, spec: EpisodeSpec, *, episodes: int, seed: int, progress: Progress | None = None
) -> TypeGrowth:
    """Return what happens to the first half of an episode's types (2 or more) as the others are added one by one.

    Raises BadDataError for fewer than 3 ways, or when no family can serve ``spec``.
    """
    if spec.way < 3:
        raise BadDataError(f"adding a type needs 3 or more of a family, {spec.way} are asked for; give more ways")
    known = max(2, spec.way // 2)
    plan = plan_episodes(entered.index, spec)
    rows: dict[str, list[tuple[Accuracies, Accuracies]]] = {name: [] for name in entered.methods}
    families: list[str] = []
    for part in entered.drawn(plan, episodes=episodes, seed=seed):
        for name, method in entered.methods.items():
            rows[name].append(grown(method, entered.tasks(name, part), spec=spec, known=known))
        families += [each.family for each in part]
        if progress is not None:
            progress("known and new", len(families), episodes)
    return TypeGrowth(
        known=known,
        families=tuple(families),
        on_known={name: np.concatenate([of[0] for of in parts], axis=1) for name, parts in rows.items()},
        on_new={name: np.concatenate([of[1] for of in parts], axis=1) for name, parts in rows.items()},
    )


def grown(method: Method, tasks: Tasks, *, spec: EpisodeSpec, known: int) -> tuple[Accuracies, Accuracies]:
    """Return accuracy on known and on new types, (added + 1, t) each, with 0, 1, ... types added."""
    on_known, on_new = [], []
    for way in range(known, tasks.way + 1):
        recalls = _recalls(method, first_types(tasks, way), query=spec.query)
        on_known.append(recalls[:, :known].mean(axis=1))
        on_new.append(recalls[:, known:].mean(axis=1) if way > known else np.full(len(tasks), np.nan))
    return np.stack(on_known), np.stack(on_new)


def first_types(tasks: Tasks, way: int) -> Tasks:
    """Return the tasks with their first ``way`` types only."""
    support, query = tasks.support_labels < way, tasks.query_labels < way
    return replace(
        tasks,
        support=tasks.support[:, support],
        support_labels=tasks.support_labels[support],
        query=tasks.query[:, query],
        query_labels=tasks.query_labels[query],
        way=way,
    )


def _recalls(method: Method, tasks: Tasks, *, query: int) -> Accuracies:
    with torch.no_grad():
        classifier = method.adapt(tasks.support, tasks.support_labels, way=tasks.way, unlabelled=tasks.unlabelled)
        right = classifier.score(tasks.query).argmax(dim=-1) == tasks.query_labels
    shares: Accuracies = right.reshape(-1, tasks.way, query).double().mean(dim=-1).cpu().numpy()
    return shares
