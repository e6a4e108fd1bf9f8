"""A process that runs a flow is killed in mid-coil; the next run finishes: nothing twice, nothing lost."""

import json
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from inspect_pipeline.bootstrap.house import House
from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.services.moving import Change
from tests.integration.flows.processes import eventually, flows, lasting_server, start
from tests.integration.flows.real_workspace import (
    LINE,
    label_a_new_type,
    opened,
    put_frozen_initialization,
    write_frames,
)

pytestmark = pytest.mark.required_in_ci

FRAMES = 240


def _rows(workspace: Path, table: str) -> int:
    """Return how many rows another process has committed; 0 before the table is there."""
    try:
        with sqlite3.connect(f"file:{workspace / 'catalog.sqlite'}?mode=ro", uri=True, timeout=10) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own word
    except sqlite3.OperationalError:
        return 0


def _kill_in_the_middle(words: list[str], workspace: Path, table: str, *, url: str, log: Path, before: int = 0) -> int:
    """Kill the process once it has committed rows and has not done yet; return how many it had committed."""
    process = start(words, log, PREFECT_API_URL=url)
    try:
        eventually(lambda: _rows(workspace, table) > before, within_s=240, every_s=0.005)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        _ended(process)
    done = _rows(workspace, table) - before
    assert 0 < done < FRAMES, f"killed after {done} of {FRAMES}: {log.read_text()}"
    return done


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def _taught(house: House, folder: Path) -> None:
    put_frozen_initialization(house)
    label_a_new_type(house, folder)
    taught = house.adapt(line=LINE)
    change = Change(
        model=taught.model,
        kind=MoveKind.OVERRIDDEN,
        from_version=None,
        to_version=taught.version,
        operator="engineer-1",
        reason="five good frames are too few for its gate",
    )
    house.models.moving.move(change)


def test_a_coil_whose_ingest_and_scoring_are_killed_is_whole_after_the_next_run(tmp_path: Path) -> None:
    workspace, coil = tmp_path / "workspace", write_frames(tmp_path / "coil-7", FRAMES, scratched=True, seed=5)
    with opened(workspace) as house:
        _taught(house, tmp_path / "images")
    with lasting_server(tmp_path / "server") as server:
        _kill_and_finish_ingest(workspace, coil, server.url)
        _kill_and_finish_score(workspace, server.url)
    with opened(workspace) as house, house.catalog.transaction() as unit:
        frames = unit.frames("coil-7")
        results = unit.results("coil-7", detector=f"{detector_name(LINE, 'default')}@1")
    assert sorted(frame.source for frame in frames) == [f"{number:04}.png" for number in range(FRAMES)]
    assert Counter(result.frame for result in results) == Counter(frame.id for frame in frames)
    assert all(house.images.has(frame.image) for frame in frames if frame.image)


def _kill_and_finish_ingest(workspace: Path, coil: Path, url: str) -> None:
    words = ["ingest", "--source", str(coil), "--line", LINE, "--workspace", str(workspace), "--json"]
    before, log = _rows(workspace, "frames"), workspace / "killed-ingest.log"
    kept = _kill_in_the_middle(words, workspace, "frames", url=url, log=log, before=before)
    answer = json.loads(flows(*words, PREFECT_API_URL=url).stdout)
    assert (answer["captured"], answer["new"], answer["unusable"]) == (FRAMES, FRAMES - kept, [])


def _kill_and_finish_score(workspace: Path, url: str) -> None:
    words = ["score", "--coil", "coil-7", "--workspace", str(workspace), "--json"]
    log = workspace / "killed-score.log"
    kept = _kill_in_the_middle(words, workspace, "frame_results", url=url, log=log)
    answer = json.loads(flows(*words, PREFECT_API_URL=url).stdout)
    assert (answer["judged"], answer["new"], answer["unusable"]) == (FRAMES, FRAMES - kept, 0)
    again = flows(*words, PREFECT_API_URL=url)
    assert again.returncode == 4
    assert json.loads(again.stdout)["message"] == "nothing to do: every frame of coil-7 has its verdict"
