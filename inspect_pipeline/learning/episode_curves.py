"""Accuracy over the number of supports, and over the steps of the inner loop, on paired episodes.

Over shots: an episode is drawn once with the most supports, and a smaller point uses the first of every class, so that
all points answer the same queries. Over steps: the same episodes are adapted to again with another number of steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import Contest
from inspect_pipeline.learning.episodes import Episode, EpisodePlan, EpisodeSpec, Indices, plan_episodes
from inspect_pipeline.learning.evaluation import class_recalls
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.tasks import Tasks


@runtime_checkable
class Stepped(Protocol):
    """A method whose adaptation takes steps."""

    def with_steps(self, steps: int) -> Self:
        """Return the same method with another number of steps of adaptation, 0 or more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyCurve:
    """One family's accuracies (points, e) by method; all points of a row of episodes answer the same queries."""

    family: str
    points: tuple[int, ...]
    accuracies: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeCurves:
    """The curves of every family that carries a point, and why the others, or larger points, are refused."""

    curves: tuple[FamilyCurve, ...]
    refused: tuple[str, ...]


def shot_curves(
    entered: Contest,
    spec: EpisodeSpec,
    *,
    shots: Sequence[int],
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> EpisodeCurves:
    """Return each family's curve over ``shots``, smallest first, as far as its samples reach.

    ``episodes`` in all are shared by the families. Raises BadDataError where none carries the smallest point.
    """
    carried, refused = _carried(entered, spec, shots)
    share = _share(episodes, len(carried))
    curves = []
    for number, (family, (plan, points)) in enumerate(carried.items()):
        rows = _over_shots(entered, spec, points)
        curves.append(_curve(family, points, plan, entered, rows, episodes=share, seed=seed + number))
        if progress is not None:
            progress("curve over shots", number + 1, len(carried))
    return EpisodeCurves(curves=tuple(curves), refused=tuple(refused))


def step_curves(
    entered: Contest,
    spec: EpisodeSpec,
    *,
    name: str,
    steps: Sequence[int],
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> EpisodeCurves:
    """Return each family's curve of the method ``name`` over ``steps`` of its adaptation; the others stand beside it.

    Raises BadDataError for a method that takes no steps, or when no family can serve ``spec``.
    """
    method = entered.methods[name]
    if not isinstance(method, Stepped):
        raise BadDataError(f"method {name} takes no steps of adaptation; leave the curve over steps out")
    rows = _over_steps(entered, spec, name, {count: method.with_steps(count) for count in steps})
    plan = plan_episodes(entered.index, spec)
    share = _share(episodes, len(plan.members))
    curves = []
    for number, family in enumerate(plan.members):
        one = _only(plan, family)
        curves.append(_curve(family, tuple(steps), one, entered, rows, episodes=share, seed=seed + number))
        if progress is not None:
            progress("curve over steps", number + 1, len(plan.members))
    return EpisodeCurves(curves=tuple(curves), refused=plan.refused)


def with_shots(episode: Episode, shot: int, *, of: int) -> Episode:
    """Return the episode with the first ``shot`` of the ``of`` supports of every class."""

    def first(rows: Indices) -> Indices:
        return rows.reshape(-1, of)[:, :shot].reshape(-1)

    return replace(episode, support=first(episode.support), support_labels=first(episode.support_labels))


Rows = Callable[[Sequence[Episode], str], NDArray[np.float64]]
"""Gives the accuracies (points, e) of a method, by name, on episodes."""


def _curve(
    family: str,
    points: tuple[int, ...],
    plan: EpisodePlan,
    entered: Contest,
    rows: Rows,
    *,
    episodes: int,
    seed: int,
) -> FamilyCurve:
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in entered.methods}
    for part in entered.drawn(plan, episodes=episodes, seed=seed):
        for name in entered.methods:
            found[name].append(rows(part, name))
    accuracies = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    return FamilyCurve(family=family, points=points, accuracies=accuracies)


def _over_shots(entered: Contest, spec: EpisodeSpec, points: Sequence[int]) -> Rows:
    def rows(part: Sequence[Episode], name: str) -> NDArray[np.float64]:
        fewer = [[with_shots(each, shot, of=points[-1]) for each in part] for shot in points]
        return np.stack(
            [
                _accuracies(entered.methods[name], entered.tasks(name, episodes), replace(spec, shot=shot))
                for shot, episodes in zip(points, fewer, strict=True)
            ]
        )

    return rows


def _over_steps(entered: Contest, spec: EpisodeSpec, stepped: str, at: Mapping[int, Method]) -> Rows:
    def rows(part: Sequence[Episode], name: str) -> NDArray[np.float64]:
        tasks = entered.tasks(name, part)
        if name != stepped:  # the others take no steps: one value for all points
            return np.tile(_accuracies(entered.methods[name], tasks, spec), (len(at), 1))
        return np.stack([_accuracies(method, tasks, spec) for method in at.values()])

    return rows


def _accuracies(method: Method, tasks: Tasks, spec: EpisodeSpec) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = class_recalls(method, tasks, spec=spec).mean(axis=1)
    return shares


def _carried(
    entered: Contest, spec: EpisodeSpec, shots: Sequence[int]
) -> tuple[dict[str, tuple[EpisodePlan, tuple[int, ...]]], list[str]]:
    """Return of each family the plan of its largest point and the points up to it, and what was refused on the way."""
    found: dict[str, tuple[EpisodePlan, tuple[int, ...]]] = {}
    refused: list[str] = []
    for count in range(len(shots), 0, -1):
        shot = shots[count - 1]
        needed = f"needs {spec.way} types of {shot + spec.query} samples"
        try:
            plan = plan_episodes(entered.index, replace(spec, shot=shot))
        except BadDataError:
            refused.append(f"{shot} shots: no family has the samples; a point {needed}")
            continue
        missing = sorted(set(entered.index.families) - set(plan.members))
        refused += [f"{shot} shots: family {family!r} has not the samples; a point {needed}" for family in missing]
        for family in plan.members:
            found.setdefault(family, (_only(plan, family), tuple(shots[:count])))
    if not found:
        raise BadDataError(f"no curve over shots can be drawn: {refused[-1]}; add samples or ask for fewer")
    return dict(sorted(found.items())), refused


def _only(plan: EpisodePlan, family: str) -> EpisodePlan:
    return replace(plan, members={family: plan.members[family]})


def _share(episodes: int, families: int) -> int:
    return max(2, -(-episodes // families))
