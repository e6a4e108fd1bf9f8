"""The run tracker in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """One recorded run."""

    experiment: str
    name: str
    params: Mapping[str, str | int | float]
    metrics: Mapping[str, float]
    curves: Mapping[str, list[tuple[int, float]]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)


class InMemoryTracker:
    """Runs in a dictionary by id."""

    def __init__(self) -> None:
        self.runs: dict[str, TrackedRun] = {}

    def record(
        self,
        experiment: str,
        name: str,
        *,
        params: Mapping[str, str | int | float],
        metrics: Mapping[str, float],
        curves: Mapping[str, Iterable[tuple[int, float]]] | None = None,
        artifacts: Mapping[str, bytes] | None = None,
    ) -> str:
        run = f"run-{len(self.runs) + 1}"
        self.runs[run] = TrackedRun(
            experiment=experiment,
            name=name,
            params=dict(params),
            metrics=dict(metrics),
            curves={key: list(points) for key, points in (curves or {}).items()},
            artifacts=dict(artifacts or {}),
        )
        return run
