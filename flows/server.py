"""The Prefect server of a workspace: a child process, unless PREFECT_API_URL names one that is run elsewhere."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.environment import API_VARIABLE, Place
from inspect_pipeline.bootstrap.turns import turn_of_this_machine
from inspect_pipeline.errors import StorageError, UserError

_START_LIMIT_S = 180.0  # the first start makes the database; 14 s on a free machine, far more on a busy one
_STOP_LIMIT_S = 10.0
_POLL_S = 0.2
_LOOK_S = 1.0
_SERVING = "serving"
_STARTING = "starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running child; it dies with its parent, however that ends."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the child: SIGTERM, then SIGKILL to that pid only."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(place: Place, *, schedules: bool, port: int | None = None) -> Server:
    """Return a server of the workspace that answers; ``schedules`` gives it the services and pages of a lasting one.

    Raises StorageError with the place of its log when it does not come up.
    """
    # One start at a time: two that make the database together get into each other's way.
    with turn_of_this_machine(place.locks, _STARTING, wait_s=_START_LIMIT_S):
        server, log = _launch(place, [] if schedules else ["--no-services", "--no-ui"], port=port or _free_port())
        try:
            _wait_for_health(server, log)
        except BaseException:
            server.stop()
            raise
    return server


def _launch(place: Place, parts: list[str], *, port: int) -> tuple[Server, Path]:
    log = place.prefect_home / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-m", "flows.server_child", str(os.getpid()), str(port), *parts],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the runs, which still report to the server
        )
    return Server(url=f"http://127.0.0.1:{port}/api", process=process), log


def answers(url: str) -> bool:
    """Whether something at the API address answers HTTP; a server that wants a key counts."""
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - the scheme was looked at above
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def configured(environment: dict[str, str] | os._Environ[str]) -> str | None:
    """Return the server that PREFECT_API_URL names, or None. Raises StorageError when it does not answer."""
    url = environment.get(API_VARIABLE)
    if url and not answers(url.rstrip("/")):
        raise StorageError(f"the Prefect server {url} ({API_VARIABLE}) does not answer; start it or unset the variable")
    return url or None


@contextmanager
def published(place: Place, url: str) -> Iterator[None]:
    """Let other runs in the workspace find the server while the block lasts. Raises UserError when one is there."""
    with turn_of_this_machine(place.locks, _SERVING, wait_s=_LOOK_S) as ours:
        if not ours:
            raise UserError(f"workspace {place.workspace} is served already at {served(place)}; stop that one first")
        _address_file(place).write_text(json.dumps({"url": url}), encoding="utf-8")
        try:
            yield
        finally:
            _address_file(place).unlink(missing_ok=True)


def served(place: Place) -> str | None:
    """Return the address of the server that ``flows serve`` runs for the workspace at this moment, or None."""
    with turn_of_this_machine(place.locks, _SERVING) as free:
        if free or not _address_file(place).exists():
            return None
    url = str(json.loads(_address_file(place).read_text(encoding="utf-8"))["url"])
    return url if answers(url) else None


def _address_file(place: Place) -> Path:
    return place.prefect_home / "serving.json"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_health(server: Server, log: Path) -> None:
    limit_s = time.monotonic() + _START_LIMIT_S
    while not answers(server.url):
        ended = server.process.poll()
        if ended is not None or time.monotonic() > limit_s:
            why = f"ended with code {ended}" if ended is not None else f"gave no answer in {_START_LIMIT_S:.0f} s"
            raise StorageError(f"the Prefect server of the workspace {why}; its log is {log}")
        time.sleep(_POLL_S)


def end_on_sigterm() -> None:
    """Turn SIGTERM into an ordinary exit, so that children are stopped and turns given back."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
