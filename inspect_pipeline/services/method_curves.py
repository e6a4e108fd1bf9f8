"""Curves of accuracy as an answer has them: pooled over the materials that carry every point, and of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import Contest
from inspect_pipeline.learning.episode_curves import EpisodeCurves, FamilyCurve, shot_curves, step_curves
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.services.method_figures import ACCURACY, Values, beside, difference

SHOTS, STEPS = "shots", "steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCurves:
    """The points of the curves: supports a type, and steps of adaptation; none where a curve is not asked for."""

    shots: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, points, least in ((SHOTS, self.shots, 1), (STEPS, self.steps, 0)):
            if list(points) != sorted(set(points)) or (points and points[0] < least):
                raise BadDataError(
                    f"the {name} of a curve are {points}; give each once, {least} or more, smallest first"
                )


def measure_curves(
    entered: Contest,
    spec: EpisodeSpec,
    asked: MethodCurves,
    *,
    method: str,
    episodes: int,
    seed: int,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Return the curves asked for, by axis. Raises BadDataError for steps of a method that takes none."""
    rows: dict[str, dict[str, Any]] = {}
    if asked.shots:
        found = shot_curves(entered, spec, shots=asked.shots, episodes=episodes, seed=seed, progress=progress)
        rows[SHOTS] = curve_rows(found, SHOTS, method=method)
    if asked.steps:
        found = step_curves(
            entered, spec, name=method, steps=asked.steps, episodes=episodes, seed=seed, progress=progress
        )
        rows[STEPS] = curve_rows(found, STEPS, method=method)
    return rows


def curve_rows(found: EpisodeCurves, axis: str, *, method: str) -> dict[str, Any]:
    """Return the curves of one axis. Only materials that carry the most points are pooled, so that all are alike."""
    most = max(len(curve.points) for curve in found.curves)
    full = [curve for curve in found.curves if len(curve.points) == most]
    return {
        "points": _points(full, axis, method),
        "families": [curve.family for curve in full],
        "per_family": {curve.family: _points([curve], axis, method) for curve in found.curves},
        "refused": list(found.refused),
    }


def _points(curves: Sequence[FamilyCurve], axis: str, method: str) -> list[dict[str, Any]]:
    """Return each point's figures, and what it gains over the point before on the same queries."""
    rows: list[dict[str, Any]] = []
    before: Values | None = None
    for place, point in enumerate(curves[0].points):
        values = _pooled(curves, place)
        gained = None if before is None else difference(values[method], before)
        rows.append({axis: point, **beside(values, method, ACCURACY), "gained": gained})
        before = values[method]
    return rows


def _pooled(curves: Sequence[FamilyCurve], place: int) -> Mapping[str, Values]:
    return {name: np.concatenate([curve.accuracies[name][place] for curve in curves]) for name in curves[0].accuracies}
