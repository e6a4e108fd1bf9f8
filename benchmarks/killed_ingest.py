"""``kill -9`` at random moments of an ingest: what is lost, doubled, half-written or wrongly booked afterwards.

python -m benchmarks.killed_ingest [--kills 200] [--seed 0] [--out FILE]

A folder of frames (one broken, one missing, lines expected) is ingested by the real command in a process of its own,
which is killed; what lies on the disk is examined; the command is started again, and killed again, until all captures
are in. Then the books must be those of a run that was never killed, and a new workspace is begun.
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.store.images import FileImageStore

FRAMES, LINES, COLUMNS = 120, 512, 1024
BROKEN, MISSING = 17, 31
_LONGEST_S = 120.0


@dataclass(kw_only=True)
class Outcome:
    """What was found: kills by what the command was doing, and every fault (there must be none)."""

    kills: int = 0
    finished: int = 0
    during: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def make_folder(folder: Path) -> None:
    """Write the frames of a coil with sidecar facts: one file is cut short, one frame is not there."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(7)
    for number in range(FRAMES):
        if number == MISSING:
            continue
        pixels = generator.integers(40, 220, (LINES, COLUMNS), dtype=np.uint8)
        content = cv2.imencode(".png", pixels)[1].tobytes()
        (folder / f"{number:04}.png").write_bytes(content[: len(content) // 2] if number == BROKEN else content)
        facts = {"first_line": number * LINES, "sequence": number, "encoder": number * LINES}
        (folder / f"{number:04}.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "coil.json").write_text(json.dumps({"expected_lines": FRAMES * LINES}), encoding="utf-8")


def command(*words: str, workspace: Path) -> list[str]:
    """Return the command line of the program on a workspace."""
    return [sys.executable, "-m", "inspect_pipeline.cli.main", *words, "--workspace", str(workspace), "--json"]


def books(workspace: Path, coil: str) -> dict[str, object]:
    """Return what ``coils --coil`` says, without what a clock made."""
    done = subprocess.run(
        command("coils", "--coil", coil, workspace=workspace), capture_output=True, text=True, check=True
    )
    [book] = json.loads(done.stdout)["coils"]
    return dict(book)


def run(folder: Path, *, kills: int, seed: int, scratch: Path) -> Outcome:
    """Kill ``kills`` ingests of the folder at moments drawn by the seed; return what was found."""
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    never_killed = scratch / "never-killed"
    work_s = _work_s(folder, never_killed)
    wanted = books(never_killed, folder.name)
    outcome, workspaces = Outcome(), 0
    while outcome.kills < kills:
        workspaces += 1
        workspace = scratch / f"workspace-{workspaces}"
        while outcome.kills < kills and row_count(workspace) < FRAMES - 1:
            if _killed(folder, workspace, moments.uniform(0.0, work_s), outcome):
                break
            outcome.faults += [f"kill {outcome.kills}: {fault}" for fault in faults_on_disk(workspace)]
        _finish(folder, workspace, wanted, outcome)
        shutil.rmtree(workspace)
    return outcome


def _started(folder: Path, workspace: Path) -> subprocess.Popen[bytes]:
    """Start an ingest and wait until its catalog is opened: before that nothing can be lost.

    SQLite makes its ``-wal`` file when the catalog is opened, and a run that was killed leaves one behind.
    """
    for left in workspace.glob("catalog.sqlite-*"):
        _recovered(workspace / "catalog.sqlite", left)
    child = subprocess.Popen(
        command("ingest", str(folder), workspace=workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    opened, deadline = workspace / "catalog.sqlite-wal", time.monotonic() + _LONGEST_S
    while not opened.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    return child


def _recovered(catalog: Path, left: Path) -> None:
    """Open and close the catalog, which takes in what a killed run left in its log and removes the log."""
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if left.exists():
        raise RuntimeError(f"{left.name} is still there; another process has the catalog open")


def _work_s(folder: Path, workspace: Path) -> float:
    """Return how long an ingest works that nobody kills. Raises where it fails."""
    child = _started(folder, workspace)
    began = time.monotonic()
    if child.wait(timeout=_LONGEST_S) != 0:
        raise RuntimeError(f"the ingest that nobody killed ended with {child.returncode}")
    return time.monotonic() - began


def _killed(folder: Path, workspace: Path, after_s: float, outcome: Outcome) -> bool:
    """Start an ingest and kill it ``after_s`` into its work; True where it had ended by itself before."""
    child = _started(folder, workspace)
    try:
        child.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        outcome.kills += 1
        outcome.during[_stage(workspace)] += 1
        return False
    return True


def _stage(workspace: Path) -> str:
    rows = row_count(workspace)
    if rows == 0:
        return "before the first rows"
    return "among the rows" if rows < FRAMES - 1 else "after the last row"


def row_count(workspace: Path) -> int:
    """Return how many captures are in the catalog, 0 where it has no tables yet."""
    if not (workspace / "catalog.sqlite").exists():
        return 0
    with closing(sqlite3.connect(workspace / "catalog.sqlite")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        return connection.execute("SELECT count(*) FROM frames").fetchone()[0] if "frames" in tables else 0


def faults_on_disk(workspace: Path) -> list[str]:
    """Return what no crash may leave: a row without its file, a file whose content is not its name, a row twice."""
    root = workspace / "images"
    found = []
    if root.exists():
        store = FileImageStore(root)
        for address, _, _ in store.addresses():
            try:
                store.get(address)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault and is reported
                found.append(f"half-written or altered: {error}")
    if row_count(workspace) == 0:
        return found
    with closing(sqlite3.connect(workspace / "catalog.sqlite")) as connection:
        images = [image for (image,) in connection.execute("SELECT image FROM frames WHERE image IS NOT NULL")]
        thumbnails = connection.execute("SELECT thumbnail FROM frame_measures WHERE thumbnail IS NOT NULL")
        missing = [
            one for one in [*images, *(t for (t,) in thumbnails)] if not (root / one[:2] / one[2:4] / one).exists()
        ]
        found += [f"a row without its file: {one}" for one in missing]
        twice = connection.execute("SELECT source FROM frames GROUP BY camera, source HAVING count(*) > 1").fetchall()
        found += [f"a row twice: {source}" for (source,) in twice]
    return found


def _finish(folder: Path, workspace: Path, wanted: dict[str, object], outcome: Outcome) -> None:
    """Let a run end by itself; the books are then those of a run that was never killed."""
    done = subprocess.run(command("ingest", str(folder), workspace=workspace), capture_output=True, check=False)
    outcome.finished += 1
    if done.returncode not in (0, 4):
        outcome.faults.append(
            f"workspace {outcome.finished}: the last run ended with {done.returncode}: {done.stderr!r}"
        )
        return
    outcome.faults += [f"workspace {outcome.finished}: {fault}" for fault in faults_on_disk(workspace)]
    found = books(workspace, folder.name)
    outcome.faults += [
        f"workspace {outcome.finished}: {key} is {found.get(key)!r}, without a kill {wanted[key]!r}"
        for key in wanted
        if found.get(key) != wanted[key]
    ]


def main() -> int:
    """Run and print the outcome; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "coil-7"
        make_folder(folder)
        outcome = run(folder, kills=arguments.kills, seed=arguments.seed, scratch=Path(scratch))
    document = {
        "command": f"python -m benchmarks.killed_ingest --kills {arguments.kills} --seed {arguments.seed}",
        "revision": code_revision(),
        "frames": FRAMES,
        "kills": outcome.kills,
        "finished": outcome.finished,
        "during": dict(outcome.during),
        "faults": outcome.faults,
    }
    text = json.dumps(document, indent=1, sort_keys=True)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
