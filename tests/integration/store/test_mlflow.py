"""MLflow as registry and tracker: offline, quiet, safe against altered files, moved folders and second writers."""

import math
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_pipeline.errors import BadDataError, DiskFullError, NotFoundError, StorageError
from inspect_pipeline.store.registry import MlflowRegistry
from inspect_pipeline.store.tracker import MlflowTracker
from tests.fakes.tracker import InMemoryTracker
from tests.integration.store.mlflow_databases import give_back
from tests.integration.store.models import a_bundle
from tests.integration.store.ordinary_user import read_only, readable_folder
from tests.integration.store.processes import at_once, meet

pytestmark = pytest.mark.required_in_ci
MODEL = "detector.line-1.default"


@pytest.fixture
def registry(mlflow_sqlite_uri: str, tmp_path: Path) -> Iterator[MlflowRegistry]:
    made = MlflowRegistry(mlflow_sqlite_uri, tmp_path / "artifacts")
    yield made
    give_back(made._mlflow)


def _file(folder: Path, name: str) -> Path:
    (path,) = folder.rglob(name)
    return path


def test_a_model_is_plain_files_where_mlflow_shows_them(registry: MlflowRegistry, tmp_path: Path) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    assert _file(tmp_path, "bundle.json").read_bytes() == a_bundle().manifest_bytes()
    assert _file(tmp_path, "weights.safetensors").read_bytes() == a_bundle().tensors
    run = registry.versions(MODEL)[0].run
    assert run is not None
    folder = registry._client.list_artifacts(run)[0]
    held = {each.path.split("/")[1] for each in registry._client.list_artifacts(run, folder.path)}
    assert {"bundle.json", "weights.safetensors", "MLmodel", "served_model.py", "input_example.json"} <= held
    assert {Path(name).suffix for name in held} <= {".json", ".safetensors", ".py", ".txt", ".yaml", ""}
    assert registry._client.get_run(run).info.status == "FINISHED"
    copied = registry._client.download_artifacts(run, folder.path, dst_path=str(tmp_path))
    assert (Path(copied) / "bundle.json").read_bytes() == a_bundle().manifest_bytes()


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors"])
def test_an_altered_model_is_refused(registry: MlflowRegistry, tmp_path: Path, name: str) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    path = _file(tmp_path, name)
    path.write_bytes(path.read_bytes().replace(b"Kratzer", b"Krstzer").replace(b"F32", b"F16"))
    with pytest.raises(StorageError, match="version 1 was altered on the disk"):
        registry.load(MODEL, version="1")


def test_a_model_whose_files_are_gone_is_a_storage_error(registry: MlflowRegistry, tmp_path: Path) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    _file(tmp_path, "weights.safetensors").unlink()
    with pytest.raises(StorageError, match="are gone"):
        registry.load(MODEL, version="1")


def test_a_workspace_that_was_moved_still_gives_its_models(
    registry: MlflowRegistry, mlflow_sqlite_uri: str, tmp_path: Path
) -> None:
    registry.register(MODEL, a_bundle(), tags={})
    shutil.move(tmp_path / "artifacts", tmp_path / "elsewhere")
    moved = MlflowRegistry(mlflow_sqlite_uri, tmp_path / "elsewhere")
    assert moved.load(MODEL, version="1")[1].tensors == a_bundle().tensors
    assert moved.register(MODEL, a_bundle(weight=2.0), tags={}) == "2"
    assert not (tmp_path / "artifacts").exists()


def test_a_version_that_another_program_registered_is_not_found(registry: MlflowRegistry) -> None:
    registry._client.create_registered_model(MODEL)
    registry._client.create_model_version(MODEL, "/somewhere")
    with pytest.raises(NotFoundError, match="not registered by this program"):
        registry.load(MODEL, version="1")
    assert registry.register(MODEL, a_bundle(), tags={}) == "2"


@pytest.mark.parametrize("name", ["a/b", "a:b", ""])
def test_a_name_that_mlflow_cannot_take_is_bad_data(registry: MlflowRegistry, name: str) -> None:
    with pytest.raises(BadDataError, match="MLflow") as caught:
        registry.register(name, a_bundle(), tags={})
    assert "\n" not in str(caught.value)


def test_a_full_disk_registers_nothing(
    registry: MlflowRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inspect_pipeline.store.durable_files.os.fsync", full)
    with pytest.raises(DiskFullError):
        registry.register(MODEL, a_bundle(), tags={})
    monkeypatch.undo()
    assert registry.versions(MODEL) == []
    assert list((tmp_path / "artifacts").rglob("*.tmp")) == []
    assert registry.register(MODEL, a_bundle(), tags={}) == "1"


def _register(uri: str, folder: str, number: int) -> list[str]:
    registry = MlflowRegistry(uri, Path(folder) / "artifacts")
    meet(Path(folder), number, count=2)
    return [registry.register(MODEL, a_bundle(weight=weight), tags={}) for weight in (1.0, 2.0, 3.0, 4.0)]


def test_two_processes_that_register_the_same_bundles_get_one_version_each(
    registry: MlflowRegistry, mlflow_sqlite_uri: str, tmp_path: Path
) -> None:
    assert at_once(2, _register, mlflow_sqlite_uri, str(tmp_path)) == [["1", "2", "3", "4"]] * 2
    assert [version.version for version in registry.versions(MODEL)] == ["4", "3", "2", "1"]


_QUIET = """
import sys
from pathlib import Path
from inspect_pipeline.store.registry import MlflowRegistry
from inspect_pipeline.store.tracker import MlflowTracker
assert "mlflow" not in sys.modules, "MLflow must be imported late"
registry = MlflowRegistry(sys.argv[1], Path(sys.argv[2]))
from tests.integration.store.models import a_bundle
registry.register("m", a_bundle(), tags={})
registry.load("m", version="1")
MlflowTracker(sys.argv[1], Path(sys.argv[2])).record("e", "r", params={}, metrics={"a": 1.0})
assert "torch" not in sys.modules, "registering must not import torch"
import os, threading
assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
assert not [thread.name for thread in threading.enumerate() if "elemetry" in thread.name]
"""


def test_making_a_new_database_and_registering_is_silent_offline_and_without_torch(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    program = [sys.executable, "-W", "error::ResourceWarning", "-c", _QUIET]
    arguments = [f"sqlite:///{tmp_path / 'm.db'}", str(tmp_path / "artifacts")]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_folder_and_a_read_only_one_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="gone is no folder"):
        MlflowRegistry(f"sqlite:///{tmp_path / 'gone' / 'm.db'}", tmp_path)
    with readable_folder() as folder, read_only(folder), pytest.raises(StorageError, match=r"m\.db"):
        MlflowTracker(f"sqlite:///{folder / 'm.db'}", folder)


def test_a_server_that_cannot_be_reached_is_named_within_seconds_and_without_its_password(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(StorageError, match=r"u:\*\*\*@") as caught:
        MlflowRegistry(f"postgresql+psycopg://u:Gurkensalat@/d?host={tmp_path}", tmp_path)
    assert time.monotonic() - started < 10
    assert "Gurkensalat" not in str(caught.value)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_run_is_recorded_with_params_metrics_and_curves(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    tracker = MlflowTracker(request.getfixturevalue(f"mlflow_{database}_uri"), tmp_path)
    curve = [(step, 1.0 / (step + 1)) for step in range(0, 2400, 2)]
    metrics = {"accuracy": 0.97, "loss": 0.125, "undefined": math.nan}
    params: dict[str, str | int | float] = {"method": "protonet", "way": 5, "rate": 0.5}
    params |= {f"p{number}": number for number in range(150)}
    run = tracker.record("meta-train ü", "seed 7", params=params, metrics=metrics, curves={"loss": iter(curve)})
    found = tracker._mlflow.client.get_run(run)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "seed 7"
    assert found.data.params == {key: str(value) for key, value in params.items()}
    assert found.data.metrics["accuracy"] == 0.97
    assert found.data.metrics["loss"] == 0.125, "the final value is shown, not the curve's last"
    assert math.isnan(found.data.metrics["undefined"])
    history = tracker._mlflow.client.get_metric_history(run, "loss")
    assert sorted((point.step, point.value) for point in history) == sorted([*curve, (2398, 0.125)])
    kept = {"page.html": "<p>ü</p>".encode(), "../chart.png": b"\x89PNG"}
    other = tracker.record("meta-train ü", "seed 8", params={}, metrics={}, artifacts=kept)
    assert other != run
    files = tracker._mlflow.client.list_artifacts(other)
    assert sorted(file.path for file in files) == ["chart.png", "page.html"], "names are plain, whatever was asked"
    assert Path(tracker._mlflow.client.download_artifacts(other, "page.html")).read_bytes() == kept["page.html"]
    give_back(tracker._mlflow)


def test_the_fake_tracker_keeps_what_it_was_given() -> None:
    tracker = InMemoryTracker()
    run = tracker.record("e", "n", params={"a": 1}, metrics={"m": 2.0}, curves={"c": iter([(0, 1.0)])})
    assert tracker.runs[run].curves == {"c": [(0, 1.0)]}
    assert tracker.record("e", "n", params={}, metrics={}) != run


# MLflow's own server application in one process; `mlflow server` starts six, which takes half a minute here.
_SERVER = """
import os, sys
os.environ["_MLFLOW_SERVER_FILE_STORE"] = os.environ["_MLFLOW_SERVER_REGISTRY_STORE"] = sys.argv[1]
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = sys.argv[2]
os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
from mlflow.server import app
from werkzeug.serving import make_server
make_server("127.0.0.1", int(sys.argv[3]), app, threaded=True).serve_forever()
"""


@pytest.fixture
def tracking_server(mlflow_sqlite_uri: str, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", _SERVER, mlflow_sqlite_uri, str(tmp_path / "served"), str(port)]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=quiet)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", log=tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, *, log: Path) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"no tracking server at {url}:\n{log.read_text()}")


def test_a_tracking_server_keeps_versions_aliases_and_files(tracking_server: str, tmp_path: Path) -> None:
    registry = MlflowRegistry(tracking_server, tmp_path / "unused")
    assert registry.register(MODEL, a_bundle(), tags={"input": "x"}) == "1"
    assert registry.register(MODEL, a_bundle(), tags={}) == "1"
    registry.set_alias(MODEL, "champion", "1")
    version, bundle = registry.load(MODEL, alias="champion")
    assert (version, bundle.tensors) == ("1", a_bundle().tensors)
    assert registry.versions(MODEL)[0].aliases == ("champion",)
    assert registry.versions("unknown") == []
    run = MlflowTracker(tracking_server, tmp_path).record("e", "n", params={"a": 1}, metrics={"m": 2.0})
    assert registry.register(MODEL, a_bundle(weight=2.0), tags={}, run=run) == "2"
    assert not (tmp_path / "unused").exists()
    with pytest.raises(NotFoundError):
        registry.load(MODEL, version="9")
