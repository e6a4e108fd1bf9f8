"""Flows as other processes run them: with an environment of their own, and the real house."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows import server
from flows.environment import Place

REPOSITORY = Path(__file__).resolve().parents[3]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that knows neither our Prefect nor our workspace."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "INSPECT_"))}
    return {**clean, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **variables}


def command(*words: str) -> list[str]:
    """Return the command line of ``python -m flows``."""
    return [sys.executable, "-m", "flows", *words]


def flows(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m flows`` to its end."""
    return subprocess.run(
        command(*words), cwd=REPOSITORY, env=environment(**variables), capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def start(words: Sequence[str], log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start ``python -m flows`` in a process group of its own."""
    with log.open("wb") as stream:
        return subprocess.Popen(
            command(*words), cwd=REPOSITORY, env=environment(**variables), stdout=stream, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip


@contextmanager
def lasting_server(folder: Path) -> Iterator[server.Server]:
    """Give a Prefect server on 127.0.0.1 with a database of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(PREFECT_HOME=str(folder / "prefect"), DO_NOT_TRACK="true").items():
            patch.setenv(name, value)
        found = server.start(Place(workspace=folder, config_dir=None), schedules=True)
    try:
        yield found
    finally:
        found.stop()


def eventually(found: Callable[[], Any], *, within_s: float, every_s: float = 0.2) -> Any:
    """Return the first true value that ``found`` gives; fails the test when there is none in time."""
    limit = time.monotonic() + within_s
    while not (value := found()):
        assert time.monotonic() < limit, f"nothing came within {within_s:.0f} s"
        time.sleep(every_s)
    return value


def asked(url: str, path: str, **body: Any) -> Any:
    """Return what a Prefect server answers to a POST."""
    request = urllib.request.Request(  # noqa: S310 - a server of the test's own
        f"{url}/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return json.loads(response.read())


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
