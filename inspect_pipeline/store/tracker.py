"""Run tracking on MLflow, in few large batches: one metric at a time takes 27 ms, a thousand take 130."""

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from inspect_pipeline.store.mlflow_client import MlflowConnection

if TYPE_CHECKING:
    from mlflow.entities import Metric

_PARAMS_A_BATCH = 100
_METRICS_A_BATCH = 1000
Item = TypeVar("Item")


class MlflowTracker:
    """Experiments and runs in MLflow."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        """Connect to ``sqlite:///FILE``, ``postgresql+psycopg://...`` or a tracking server. Raises StorageError."""
        self._mlflow = MlflowConnection(tracking_uri, artifact_root)

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
        """Write one finished run and return its id. ``curves`` are (step, value) series, ``artifacts`` files by name.

        A metric that has a curve of the same name stands at the curve's last step and is the value MLflow shows.
        Until everything is written the run is shown as running. Raises StorageError.
        """
        from mlflow.entities import Param

        points = _points(metrics, curves or {}, now_ms=int(time.time() * 1000))
        pairs = [Param(key, str(value)) for key, value in params.items()]
        client = self._mlflow.client
        with self._mlflow.errors():
            run = str(client.create_run(self._mlflow.experiment(experiment), run_name=name).info.run_id)
            for chunk in _chunks(pairs, _PARAMS_A_BATCH):
                client.log_batch(run, params=chunk)
            for batch in _chunks(points, _METRICS_A_BATCH):
                client.log_batch(run, metrics=batch)
            self._keep(run, artifacts or {})
            client.set_terminated(run)
        return run

    def _keep(self, run: str, artifacts: Mapping[str, bytes]) -> None:
        """Hand files to the run's artifact store; they pass through a folder of their own, names are plain."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in artifacts.items():
                file = Path(folder) / Path(name).name
                file.write_bytes(content)
                self._mlflow.client.log_artifact(run, str(file))


def _points(
    metrics: Mapping[str, float], curves: Mapping[str, Iterable[tuple[int, float]]], *, now_ms: int
) -> list["Metric"]:
    from mlflow.entities import Metric

    series = {key: list(curve) for key, curve in curves.items()}
    last_step = {key: max((step for step, _ in curve), default=0) for key, curve in series.items()}
    along = [Metric(key, float(value), now_ms, int(step)) for key, curve in series.items() for step, value in curve]
    # One millisecond later than the curve: of one step MLflow shows the latest.
    final = [Metric(key, float(value), now_ms + 1, last_step.get(key, 0)) for key, value in metrics.items()]
    return along + final


def _chunks(items: Sequence[Item], size: int) -> Iterable[list[Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
