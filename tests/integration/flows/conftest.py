"""Prefect for the tests of this folder: a temporary home, a private server for the session."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_HOME = tempfile.mkdtemp(prefix="prefect-home-")


def _import_prefect() -> None:
    """Import Prefect under a home of its own: it reads its environment once, and other tests must not inherit it."""
    ours = {
        "PREFECT_HOME": _HOME,
        "DO_NOT_TRACK": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(variable)
        for variable, value in ours.items():
            patch.setenv(variable, value)
        import prefect.main  # noqa: F401


_import_prefect()

from prefect.client.schemas.objects import State  # noqa: E402
from prefect.testing.utilities import prefect_test_harness  # noqa: E402

from flows import house  # noqa: E402
from flows.catalog import flow_named  # noqa: E402
from flows.environment import Place  # noqa: E402
from inspect_pipeline.domain.records import Progress  # noqa: E402
from tests.integration.flows.fake_house import FakeHouse  # noqa: E402


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server on a database of its own."""
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A workspace of this test's own, found by flows in the environment."""
    monkeypatch.setenv("INSPECT_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("INSPECT_CONFIGS", raising=False)
    return Place(workspace=tmp_path / "workspace", config_dir=None)


@pytest.fixture
def fake(place: Place, prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> FakeHouse:
    """The house that flows open in this test."""
    built = FakeHouse()

    def opener(_place: Place, *, progress: Progress) -> FakeHouse:
        built.progress = progress
        return built

    monkeypatch.setattr(house, "open_house_for", opener)
    return built


def run(name: str, **parameters: Any) -> State[Any]:
    """Return the final state of a flow run."""
    return flow_named(name)(**parameters, return_state=True)
