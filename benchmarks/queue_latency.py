"""How long the queue page waits for its answers with a million findings in the database and 20 people clicking.

python -m benchmarks.queue_latency [--findings 1000000] [--users 20] [--seconds 60] [--database URL] [--out FILE]

The findings are put in in bulk, the application is the real one under uvicorn in a process of its own. Every user is a
thread that opens the queue, a group, a finding, and now and then labels one, undoes a label or puts one behind. It is
measured twice: clicking as people do (a pause of a second between clicks), and without any pause, which no people do,
so that the line waits for the processor. Sign-in is not part of it. Set OMP_WAIT_POLICY=PASSIVE.
"""

import argparse
import http.client
import json
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmarks.queue_rows import LINE, Plan, fill
from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.settings import Settings

TARGET_MS = 200.0
PAUSE_S = 1.0
_LABEL_SHARE, _SKIP_SHARE, _UNDO_SHARE = 0.3, 0.05, 0.1


@dataclass
class Clicks:
    """What one user measured: milliseconds by kind of request, and what went wrong."""

    times_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    refused: int = 0


class User(threading.Thread):
    """A person who works through the queue until a moment."""

    def __init__(self, port: int, *, until: float, pause_s: float, seed: int) -> None:
        super().__init__()
        self.clicks = Clicks()
        self._port, self._until, self._pause_s = port, until, pause_s
        self._draw = random.Random(seed)  # noqa: S311 - whoever clicks need not be secret
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def run(self) -> None:
        time.sleep(self._draw.random() * self._pause_s)
        while time.monotonic() < self._until:
            self._round()
        self._connection.close()

    def _round(self) -> None:
        offset = self._draw.choice((0, 0, 0, 30, 60))
        page = self._ask("groups", "GET", f"/api/v1/queue/groups?line={LINE}&offset={offset}&limit=30")
        if not page or not page["groups"]:
            return
        group = self._draw.choice(page["groups"])
        items = self._ask("items", "GET", f"/api/v1/queue/groups/{group['id']}/items?limit=60")
        waiting = [one for one in items["items"] if one["label"] is None] if items else []
        if not waiting:
            return
        item = self._ask("item", "GET", f"/api/v1/queue/items/{self._draw.choice(waiting)['id']}")
        if item:
            self._say(item)

    def _say(self, item: Mapping[str, Any]) -> None:
        drawn = self._draw.random()
        if drawn < _SKIP_SHARE:
            self._ask("skip", "POST", f"/api/v1/queue/items/{item['id']}/skip")
        elif drawn < _SKIP_SHARE + _LABEL_SHARE:
            target = {"item": item["id"], "expected": item["label"] and item["label"]["id"]}
            said = {"items": [target], "kind": "defect", "defect_type": f"type-{self._draw.randrange(20)}"}
            made = self._ask("label", "POST", "/api/v1/labels", said)
            if made and self._draw.random() < _UNDO_SHARE:
                self._ask("undo", "POST", f"/api/v1/labels/{quote(made['labels'][0]['id'])}/undo")

    def _ask(self, kind: str, method: str, path: str, body: object | None = None) -> Any:
        content = None if body is None else json.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        started = time.perf_counter()
        self._connection.request(method, path, body=content, headers=headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self.clicks.times_ms[kind].append((time.perf_counter() - started) * 1000.0)
        time.sleep(self._pause_s * (0.5 + self._draw.random()))
        if answer.status == 409:  # another user was first and this one is told
            self.clicks.refused += 1
            return None
        if answer.status >= 400:
            self.clicks.errors.append(f"{kind}: {answer.status} {text[:200].decode(errors='replace')}")
            return None
        return json.loads(text) if text else {}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        workspace = Path(folder)
        started = time.monotonic()
        plan = Plan(findings=options.findings, seed=options.seed)
        settings = Settings(workspace=workspace, **_database(options.database))
        with open_house(settings) as house:
            counts = fill(house, plan)
        filled_s = time.monotonic() - started
        print(f"filled in {filled_s:.0f} s: {counts}", file=sys.stderr)
        answer = {
            **_where(options),
            "rows": counts,
            "fill_seconds": round(filled_s, 1),
            "database_mib": _size_mib(workspace),
            "target": {"groups_p95_ms": TARGET_MS},
        }
        with served(workspace, options.database) as port:
            _warm(port)
            answer["clicking"] = _measured(port, options, pause_s=PAUSE_S)
            answer["without_pause"] = _measured(port, options, pause_s=0.0)
        clicking = answer["clicking"]
        answer["target_met"] = clicking["requests"]["groups"]["p95_ms"] < TARGET_MS and not clicking["errors"]
        text = json.dumps(answer, indent=2)
        print(text)
        if options.out is not None:
            options.out.write_text(text + "\n", encoding="utf-8")


def _measured(port: int, options: argparse.Namespace, *, pause_s: float) -> dict[str, Any]:
    load = os.getloadavg()[0]
    until = time.monotonic() + options.seconds
    users = [User(port, until=until, pause_s=pause_s, seed=options.seed * 1000 + n) for n in range(options.users)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    kinds = sorted({kind for user in users for kind in user.clicks.times_ms})
    every = {kind: np.concatenate([user.clicks.times_ms[kind] for user in users]) for kind in kinds}
    return {
        "users": options.users,
        "seconds": options.seconds,
        "pause_s": pause_s,
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "requests": {kind: _figures(times) for kind, times in every.items()},
        "requests_per_s": round(sum(len(times) for times in every.values()) / options.seconds, 1),
        "second_at_the_same_item": sum(user.clicks.refused for user in users),
        "errors": [error for user in users for error in user.clicks.errors][:20],
    }


def _figures(times_ms: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float | int | list[float]]:
    """Return the count and quantiles; the interval of the 95th percentile is that of its order statistics."""
    ordered = np.sort(times_ms)
    count = len(ordered)
    spread = 1.96 * (count * 0.95 * 0.05) ** 0.5
    low, high = (int(np.clip(round(0.95 * count + by), 0, count - 1)) for by in (-spread, spread))
    return {
        "count": count,
        "p50_ms": round(float(np.quantile(ordered, 0.5)), 1),
        "p95_ms": round(float(np.quantile(ordered, 0.95)), 1),
        "p95_interval_ms": [round(float(ordered[low]), 1), round(float(ordered[high]), 1)],
        "most_ms": round(float(ordered[-1]), 1),
    }


@contextmanager
def served(workspace: Path, database: str | None) -> Iterator[int]:
    """Serve the application on a workspace in a process of its own; gives the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.queue_server", str(workspace), str(port)]
    process = subprocess.Popen([*command, *([database] if database else [])])
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server does not answer")


def _warm(port: int) -> None:
    """Ask everything once, so that no import is measured."""
    user = User(port, until=0.0, pause_s=0.0, seed=-1)
    for _ in range(10):
        user._round()


def _database(url: str | None) -> dict[str, Any]:
    return {} if url is None else {"catalog_url": url}


def _where(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "command": "OMP_WAIT_POLICY=PASSIVE python -m benchmarks.queue_latency "
        f"--findings {options.findings} --users {options.users} --seconds {options.seconds}"
        + (" --database postgresql+psycopg://..." if options.database else ""),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, clients and server on them",
        "database": "PostgreSQL" if options.database else "SQLite",
        "seed": options.seed,
    }


def _size_mib(workspace: Path) -> float:
    file = workspace / "catalog.sqlite"
    return round(file.stat().st_size / 2**20, 1) if file.exists() else 0.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database", default=None)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
