"""What people and machines really hand over: a recorded UNUSABLE or one clear line, and nothing half done."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.services.moving import Change
from tests.integration.flows.real_workspace import LINE, label_a_new_type, opened, put_frozen_initialization

REPOSITORY = Path(__file__).resolve().parents[2]
SIDE_PX = 96
COIL = "Band 7 – Überlänge"
PROGRESS = re.compile(r".+: \d+( of \d+)?")
PROGRAM = ["-m", "inspect_pipeline.cli.main"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How one run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line that says what went wrong, after lines of progress if any."""
        assert "Traceback" not in self.err
        told = [line for line in self.err.strip().splitlines() if not PROGRESS.fullmatch(line)]
        (line,) = told
        return line


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("INSPECT_", "MLFLOW_"))}
    return {**clean, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(REPOSITORY)}


def run(*words: str | Path, workspace: Path, before: Sequence[str] = (sys.executable,)) -> Ran:
    """Run the program in the workspace's parent, where no configuration lies."""
    command = [*before, *PROGRAM, "--workspace", str(workspace), *map(str, words)]
    folder = next(folder for folder in workspace.parents if folder.is_dir())
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


def texture(seed: int, *, side_px: int = SIDE_PX) -> NDArray[np.uint8]:
    return np.clip(np.random.default_rng(seed).normal(120, 12, (side_px, side_px)), 0, 255).astype(np.uint8)


def put(path: Path, pixels: NDArray[Any]) -> bytes:
    """Write an image under a name of any script and return its bytes."""
    _, encoded = cv2.imencode(path.suffix, pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.tobytes())
    return encoded.tobytes()


def scratched(seed: int) -> NDArray[np.uint8]:
    pixels = texture(seed)
    cv2.line(pixels, (10 + 7 * seed, 8), (70, SIDE_PX - 8), 240, 3)
    return pixels


def nothing_half_written(workspace: Path) -> None:
    """Every stored file is whole, every row has its file, and no temporary file is left."""
    incoming = workspace / "images" / "incoming"
    assert [path.name for path in incoming.glob("*")] in ([], ["lock"])
    stored = [path for path in (workspace / "images").rglob("*") if path.is_file() and path.parent != incoming]
    assert [path.name for path in workspace.rglob("*") if path.suffix in (".tmp", ".part")] == []
    for path in stored:
        assert cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED) is not None
    with closing(sqlite3.connect(workspace / "catalog.sqlite")) as catalog:
        if catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'frames'").fetchone() is None:
            return  # there was not even room for the tables
        addresses = {address for (address,) in catalog.execute("SELECT image FROM frames WHERE image IS NOT NULL")}
    assert addresses <= {path.name for path in stored}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose line has a detector in force."""
    folder = tmp_path_factory.mktemp("plant")
    with opened(folder / "workspace") as house:
        put_frozen_initialization(house)
        label_a_new_type(house, folder / "taught")
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
    return folder / "workspace"


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a camera server leaves it on a bad day."""
    folder = tmp_path_factory.mktemp("drop") / COIL
    good = put(folder / "01 first frame.png", texture(1))
    put(folder / "02 кадр №2.png", scratched(2))
    put(folder / "03 深い傷.tif", texture(3).astype(np.uint16) * 257)
    (folder / "04 truncated.png").write_bytes(good[: len(good) // 2])
    (folder / "05 text.png").write_text("this is no image\n")
    (folder / "06 empty.png").write_bytes(b"")
    put(folder / "07 dark.png", np.zeros((SIDE_PX, SIDE_PX), np.uint8))
    return folder


UNUSABLE = {
    "04 truncated.png": "truncated",
    "05 text.png": "no PNG, JPEG, BMP or TIFF",
    "06 empty.png": "empty",
    "07 dark.png": "dark",
}


@pytest.mark.required_in_ci
def test_every_file_of_a_bad_day_is_on_the_books_and_what_can_be_judged_is_judged(plant: Path, drop: Path) -> None:
    first = run("ingest", drop, "--line", LINE, "--json", workspace=plant)
    assert (first.code, first.err) == (0, "")
    assert (first.answer["coil"], first.answer["captured"], first.answer["new"]) == (COIL, 7, 7)
    reasons = {row["file"]: row["reason"] for row in first.answer["unusable"]}
    assert reasons.keys() == UNUSABLE.keys()
    for file, word in UNUSABLE.items():
        assert word in reasons[file], reasons[file]
    nothing_half_written(plant)

    again = run("ingest", drop, "--line", LINE, "--json", workspace=plant)
    assert (again.code, again.answer["new"], again.answer["duplicates"]) == (4, 0, 7)
    assert again.line.startswith("nothing to do: all 7 captures")

    # Every coil but the one that holds the taught samples.
    scored = run("score", "--all", "--json", workspace=plant)
    assert scored.code == 0, scored.err
    assert [row["coil"] for row in scored.answer["coils"]] == [COIL]
    assert (scored.answer["judged"], scored.answer["unusable"]) == (3, 4)
    assert scored.answer["verdicts"]["UNUSABLE"] == 4

    report = run("report", COIL, "--json", workspace=plant)
    assert report.code == 0, report.err
    page = Path(report.answer["path"]).read_text(encoding="utf-8")
    assert "7 frames captured = 3 judged + 4 unusable" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert "05 text.png" in page


@pytest.mark.required_in_ci
def test_types_and_samples_may_have_names_of_any_script(plant: Path, tmp_path: Path) -> None:
    name, workspace = "Kratzer – tief (№ 2)", Path(shutil.copytree(plant, tmp_path / "мастерская 1"))
    for number in range(3):
        put(tmp_path / "neue Muster" / f"зразок {number}.png", scratched(number))
    taught = run("teach", name, "--samples", tmp_path / "neue Muster", "--line", LINE, "--json", workspace=workspace)
    assert taught.code == 0, taught.err
    assert (taught.answer["type"], taught.answer["life_cycle"]) == (name, "provisional")
    assert taught.answer["version"] == "2"
    nothing_half_written(workspace)


def test_a_folder_without_an_image_and_one_that_is_not_there_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = run("ingest", tmp_path / "empty", "--json", workspace=tmp_path / "workspace")
    assert (empty.code, empty.out) == (2, "")
    assert "holds no image file" in empty.line
    absent = run("ingest", tmp_path / "absent", workspace=tmp_path / "workspace")
    assert absent.code == 2
    assert "no such folder; check the path" in absent.line


@pytest.mark.required_in_ci
def test_a_class_with_one_image_is_refused_with_the_numbers_and_nothing_is_registered(
    plant: Path, tmp_path: Path
) -> None:
    put(tmp_path / "data" / "images" / "rare" / "only one.png", scratched(0))
    for number in range(3):
        put(tmp_path / "data" / "images" / "good" / f"{number}.png", texture(number))
    with opened(plant) as house:
        before = house.models.listing()
    refused = run("train", "--data", tmp_path / "data", "--json", workspace=plant)
    assert (refused.code, refused.out) == (2, "")
    assert "type 'rare' of family 'data' has 1 samples" in refused.line
    with opened(plant) as house:
        assert house.models.listing() == before


def test_a_workspace_that_cannot_be_made_is_one_line(tmp_path: Path, drop: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for workspace in (tmp_path / "file", Path("/proc/inspect-workspace")):
        refused = run("ingest", drop, "--json", workspace=workspace)
        assert (refused.code, refused.out) == (1, "")
        assert refused.line.startswith(f"error: workspace {workspace} cannot be made")
    assert (tmp_path / "file").read_text() == "in the way"


# Takes from root the right to write everywhere (prctl PR_CAPBSET_DROP, CAP_DAC_OVERRIDE), then starts the program.
_OBEDIENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
OBEDIENT = [sys.executable, "-c", _OBEDIENT]


def skip_where_root_cannot_be_made_to_obey(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o555)
    tried = subprocess.run([*OBEDIENT, "-c", f"open({str(folder / 'file')!r}, 'w')"], capture_output=True, check=False)
    if tried.returncode == 0:
        pytest.skip("this user writes into read-only folders and cannot be kept from it")


def test_a_read_only_workspace_is_one_line_and_stays_as_it_was(tmp_path: Path, drop: Path) -> None:
    skip_where_root_cannot_be_made_to_obey(tmp_path / "read-only")
    workspace, frames = tmp_path / "workspace", Path(shutil.copytree(drop, tmp_path / "frames"))
    assert run("ingest", frames, workspace=workspace).code == 0
    put(frames / "08 later.png", texture(8))
    before = {path: path.stat().st_size for path in workspace.rglob("*") if path.is_file()}
    for path in (*workspace.rglob("*"), workspace):
        path.chmod(0o555 if path.is_dir() else 0o444)
    refused = run("ingest", frames, "--json", workspace=workspace, before=OBEDIENT)
    assert (refused.code, refused.out) == (1, "")
    assert "writable" in refused.line
    assert {path: path.stat().st_size for path in workspace.rglob("*") if path.is_file()} == before


_FULL_THEN_LARGER = """
mount -t tmpfs -o size=$5 none "$1" || exit 77
shift_out() { cp -r "$1/workspace" "$2"; }
run() { "$4" -m inspect_pipeline.cli.main --workspace "$1/workspace" ingest "$3" --json; }
run "$@" > "$2.full.out" 2> "$2.full.err"; echo $? > "$2.full.code"
shift_out "$1" "$2.full"
mount -o remount,size=100m "$1"
run "$@" > "$2.larger.out" 2> "$2.larger.err"; echo $? > "$2.larger.code"
shift_out "$1" "$2.larger"
"""


def ended(stem: str) -> Ran:
    out, err, code = (Path(f"{stem}.{part}").read_text() for part in ("out", "err", "code"))
    return Ran(code=int(code), out=out, err=err)


@pytest.mark.parametrize(("size", "where"), [("100k", "for the database"), ("3m", "to write")])
def test_a_full_disk_is_one_line_and_with_more_room_the_same_command_finishes(
    tmp_path: Path, size: str, where: str
) -> None:
    for number in range(20):
        put(tmp_path / "frames" / f"{number:02}.png", texture(number, side_px=512))
    (tmp_path / "disk").mkdir()
    kept = tmp_path / "kept"
    words = [str(tmp_path / "disk"), str(kept), str(tmp_path / "frames"), sys.executable, size]
    command = ["unshare", "-rm", "sh", "-c", _FULL_THEN_LARGER, "sh", *words]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()[:100]}")
    full, larger = ended(f"{kept}.full"), ended(f"{kept}.larger")
    assert (full.code, full.out) == (1, "")
    assert full.line.startswith(f"error: no space left {where}")
    nothing_half_written(Path(f"{kept}.full"))
    assert (larger.code, larger.err) == (0, "")
    assert (larger.answer["captured"], larger.answer["unusable"]) == (20, [])
    nothing_half_written(Path(f"{kept}.larger"))
