"""Broken, huge and wicked files through the drop folder and the watched folder, in a child with a memory limit.

python -m benchmarks.fuzz_files --files 2000 --seed 7

Prints JSON: how many files ended how, crashes, and the child's peak memory beside its bound. The bound is on what the
child may take beyond its start: 16 bytes a pixel of the largest frame allowed (a 16-bit RGBA frame of 8 bytes a pixel,
twice: as decoded and as put in order) and 64 MiB. It is the limit of the child's address space as well, so that whoever
breaks it crashes, and it is compared with the peak of its resident memory.
"""

import argparse
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.drop_folder import open_drop_folder
from inspect_pipeline.cameras.file_captures import FileSettings
from inspect_pipeline.cameras.folder_changes import Changes
from inspect_pipeline.cameras.watched_folder import WatchedFolder, WatchSettings
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from tests.unit.cameras.hostile_files import Planter, entries, frames_that_are_none, kind_of, plant_all

MAX_PX = 1 << 24
BOUND_BYTES = 16 * MAX_PX + (64 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(in_child(asked.files, asked.seed)))
        return
    command = [sys.executable, "-m", "benchmarks.fuzz_files", "--child"]
    command += ["--files", str(asked.files), "--seed", str(asked.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    measured: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-2000:]}
    document = {
        "command": f"python -m benchmarks.fuzz_files --files {asked.files} --seed {asked.seed}",
        "revision": code_revision(),
        "crashes": int(done.returncode != 0),
        **measured,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    print(text)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
    sys.exit(done.returncode)


def in_child(files: int, seed: int) -> dict[str, Any]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        planted = plant_all(folder, count=files, seed=seed, bomb_side_px=math.isqrt(MAX_PX))
        (folder / "coil.done").touch()
        forget_peak()
        start = memory("VmRSS")
        resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + BOUND_BYTES,) * 2)
        ways = {"drop folder": dropped(folder, planted), "watched folder": watched(folder, planted)}
        peak = memory("VmHWM") - start
    return {
        "files": files,
        "seed": seed,
        "max_px": MAX_PX,
        "bound_mib": BOUND_BYTES >> 20,
        "peak_mib": round(peak / (1 << 20), 1),
        "within_bound": peak <= BOUND_BYTES,
        "planted": dict(Counter(planter.kind for planter in planted.values())),
        **ways,
    }


def dropped(folder: Path, planted: dict[str, Planter]) -> dict[str, Any]:
    """Return how a one-shot import ends; the marker of the watched folder is no image to it, and told as such."""
    source, start = open_drop_folder(folder, FileSettings(max_px=MAX_PX)), time.monotonic()
    counted = Count(planted)
    for capture in source:
        counted.add(capture)
    return counted.told(folder, [*source.incomplete, *source.sidecars], time.monotonic() - start)


def watched(folder: Path, planted: dict[str, Planter]) -> dict[str, Any]:
    def changes(_root: Path) -> Changes:
        yield from itertools.repeat(None, 100)

    start = time.monotonic()
    source = WatchedFolder(
        folder,
        FileSettings(max_px=MAX_PX),
        WatchSettings(settle_s=0),
        changes=changes,
        clock=time.monotonic,
        stop=lambda: False,
    )
    counted = Count(planted)
    for capture in source:
        counted.add(capture)
    return counted.told(folder, [*source.incomplete, *source.sidecars], time.monotonic() - start)


class Count:
    """Counts captures without keeping their pixels."""

    def __init__(self, planted: dict[str, Planter]) -> None:
        self.planted = planted
        self.sources: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.frames = 0

    def add(self, capture: Capture) -> None:
        self.sources[capture.source] += 1
        self.frames += isinstance(capture, Frame)
        if isinstance(capture, UnusableCapture):
            self.reasons[kind_of(capture)] += 1
        self.wrong += frames_that_are_none([capture], self.planted)

    def told(self, folder: Path, others: Sequence[str], seconds: float) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "unusable": sum(self.reasons.values()),
            "sidecars_and_incomplete": len(others),
            "entries": sum(entries(folder).values()),
            "unaccounted": sorted((entries(folder) - self.sources - Counter(others)).elements()),
            "told_twice": sorted((self.sources + Counter(others) - entries(folder)).elements()),
            "broken_but_taken": [f"{name}: {self.kind(name)}" for name in self.wrong],
            "seconds": round(seconds, 2),
            "reasons": dict(self.reasons.most_common()),
        }

    def kind(self, source: str) -> str:
        return next((planter.kind for name, planter in self.planted.items() if name == source), "?")


def memory(what: str) -> int:
    """Return a line of the kernel's account of this process, in bytes: VmRSS, VmHWM (its peak), VmSize."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let the kernel's peak begin anew: planting the files took memory, too."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main()
