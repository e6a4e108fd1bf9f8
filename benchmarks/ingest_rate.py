"""How fast ingest takes in frames of a 4096-px line camera, and what share of this machine's limits that is.

python -m benchmarks.ingest_rate [--frames 500] [--long 20000] [--folder DIR] [--out FILE]

In one run, on the same frames and the same disk, in turns that are repeated: ingest as it is (flat field, quality,
edges, thumbnail, lossless image with fsync, rows in SQLite), from a camera in memory and from a folder of TIFF files;
the plain OpenCV loop that people write (decode, correct, write) on that folder, with and without fsync; copying in
memory; writing and fsync of plain files. Then the memory of a coil of 20,000 frames. Set OMP_WAIT_POLICY=PASSIVE.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.synthetic import SyntheticLine
from inspect_pipeline.cameras.synthetic_options import settings_from
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.imaging.decode import encode
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.settings import Recipe, RecipeSettings, Settings

WIDTH, LINES = 4096, 1024
TARGET_MB_S = 300.0
_POOL, _RING = 16, 32
_START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_SETUP = CaptureSettings(exposure_us=40.0, gain_db=0.0, temperature_c=38.0, bits=8)


class MemoryCamera:
    """Frames as a camera's driver hands them over: a ring of buffers, each stamped so that none is stored twice.

    The ring is longer than what ingest holds at once, so no buffer changes while it is looked at.
    """

    def __init__(self, pool: list[NDArray[np.uint8]], frames: int, lines: int = LINES) -> None:
        self._frames, self._lines = frames, lines
        self._ring = [pool[number % len(pool)][:lines].copy() for number in range(_RING)]

    @property
    def expected_lines(self) -> int:
        return self._frames * self._lines

    def __iter__(self) -> Iterator[Capture]:
        for number in range(self._frames):
            pixels = self._ring[number % _RING]
            pixels[0, :8] = np.frombuffer(number.to_bytes(8, "big"), np.uint8) // 2 + 40
            pixels[1, :8] = np.frombuffer(number.to_bytes(8, "big"), np.uint8) % 2 + 40
            yield Frame(
                id=f"f{number}",
                pixels=pixels.view(),  # a frame makes its pixels read-only
                first_line=number * self._lines,
                captured_at=_START + timedelta(seconds=number * self._lines / 80_000),
                mm_per_px_across=0.1,
                mm_per_px_along=0.1,
                sequence=number,
                source=f"camera-0-{number:06d}",
                encoder=number * self._lines,
                settings=_SETUP,
            )


def material(seed: int) -> tuple[SyntheticLine, list[NDArray[np.uint8]]]:
    """Return the synthetic camera and a pool of its raw frames."""
    options = {"width_px": str(WIDTH), "lines_per_frame": str(LINES), "frames": str(_POOL), "seed": str(seed)}
    [settings] = settings_from({**options, "jitter_lines": "0"})
    line = SyntheticLine(settings)
    return line, [capture.pixels.copy() for capture in line if isinstance(capture, Frame)]


def opened(workspace: Path) -> House:
    """Return a house with the recipe of the benchmark: strip edges on, otherwise the defaults."""
    recipe = Recipe(edges=EdgeSettings(enabled=True))
    return open_house(Settings(workspace=workspace, recipes=RecipeSettings(recipes={"default": recipe})))


def with_flat_field(house: House, line: SyntheticLine) -> None:
    """Build the flat field of the camera from its references."""
    dark, bright = line.dark_reference, line.bright_reference
    house.flat_fields.build([dark], [bright], camera="camera-0", operator="benchmark")


def seconds_of(work: Callable[[], None]) -> float:
    """Return how long the work takes, everything written before it on the disk."""
    os.sync()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ingest_camera(scratch: Path, line: SyntheticLine, pool: list[NDArray[np.uint8]], frames: int) -> float:
    """Return MB/s of ingest from a camera in memory."""
    workspace = scratch / "camera"
    with opened(workspace) as house:
        with_flat_field(house, line)
        coil = house.coil_named("coil", line="l", recipe="default", family="f")
        summary = house.ingesting("default").run(MemoryCamera(pool, frames), coil)
    _refuse(summary, frames)
    shutil.rmtree(workspace)
    return summary.rates.megabytes_per_s


def ingest_folder(scratch: Path, line: SyntheticLine, folder: Path, frames: int) -> float:
    """Return MB/s of ingest from a folder of TIFF files."""
    workspace = scratch / "folder"
    with opened(workspace) as house:
        with_flat_field(house, line)
        summary = house.ingest(str(folder))
    _refuse(summary, frames)
    shutil.rmtree(workspace)
    return summary.rates.megabytes_per_s


def _refuse(summary: IngestSummary, frames: int) -> None:
    """Raise where a frame was lost or not usable: then the figure would be of other work."""
    if (summary.captured, summary.unusable, summary.missing) != (frames, (), ()):
        raise RuntimeError(f"{summary.captured} of {frames} frames, {summary.unusable[:1]}, {summary.missing[:1]}")


def plain_loop(scratch: Path, line: SyntheticLine, folder: Path, *, fsync: bool) -> float:
    """Return MB/s of the loop that people write: decode, subtract, multiply, write; one thread, no checks, no rows."""
    out = scratch / "plain"
    out.mkdir()
    dark = line.dark_reference.pixels.mean(axis=0, dtype=np.float32)
    gain = 130.0 / np.maximum(line.bright_reference.pixels.mean(axis=0, dtype=np.float32) - dark, 1.0)
    files = sorted(folder.glob("*.tif"))

    def work() -> None:
        for path in files:
            raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            flat = np.clip((raw.astype(np.float32) - dark) * gain + 0.5, 0, 255).astype(np.uint8)
            cv2.imwrite(str(out / path.name), flat, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
            if fsync:
                _sync(out / path.name)

    seconds = seconds_of(work)
    shutil.rmtree(out)
    return len(files) * WIDTH * LINES / 1e6 / seconds


def memcpy(pool: list[NDArray[np.uint8]], frames: int) -> float:
    """Return MB/s of copying frames in memory."""
    target = np.empty_like(pool[0])

    def work() -> None:
        for number in range(frames):
            np.copyto(target, pool[number % len(pool)])

    return frames * pool[0].nbytes / 1e6 / seconds_of(work)


def disk(scratch: Path, pool: list[NDArray[np.uint8]], frames: int) -> float:
    """Return MB/s of writing plain files of a frame each with fsync, one after the other."""
    out = scratch / "disk"
    out.mkdir()

    def work() -> None:
        for number in range(frames):
            path = out / f"{number}.raw"
            path.write_bytes(pool[number % len(pool)].data)
            _sync(path)

    seconds = seconds_of(work)
    shutil.rmtree(out)
    return frames * pool[0].nbytes / 1e6 / seconds


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def long_coil(scratch: Path, line: SyntheticLine, pool: list[NDArray[np.uint8]], frames: int) -> dict[str, object]:
    """Return the memory of a coil of many frames: resident set by its progress, and what the whole coil holds."""
    workspace, lines = scratch / "long", 32
    seen: list[tuple[int, float]] = []

    class Watched(MemoryCamera):
        def __iter__(self) -> Iterator[Capture]:
            for number, capture in enumerate(super().__iter__()):
                if number % (frames // 20) == 0:
                    seen.append((number, _resident_mib()))
                yield capture

    with opened(workspace) as house:
        with_flat_field(house, line)
        coil = house.coil_named("coil", line="l", recipe="default", family="f")
        summary = house.ingesting("default").run(Watched(pool, frames, lines), coil)
    shutil.rmtree(workspace)
    settled = [mib for number, mib in seen if number >= frames // 10]
    return {
        "frames": summary.captured,
        "lines_a_frame": lines,
        "resident_mib": [[number, round(mib, 1)] for number, mib in seen],
        "growth_mib_from_a_tenth_to_the_end": round(settled[-1] - settled[0], 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "frames_per_s": round(frames / summary.seconds, 1),
    }


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Run everything and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--long", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write; else the folder of temporary files")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        document = measured(Path(name), arguments)
    text = json.dumps(document, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def measured(scratch: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Return all figures, the median of the repeats of each."""
    line, pool = material(arguments.seed)
    folder = scratch / "frames"
    folder.mkdir()
    written = min(arguments.frames, 200)
    for capture in MemoryCamera(pool, written):
        if isinstance(capture, Frame):
            content, suffix = encode(capture.pixels, "tiff")
            (folder / f"{capture.sequence:05}.{suffix}").write_bytes(content)
    # Taken when the references were, so that the flat field holds for them.
    (folder / "coil.json").write_text(json.dumps({"captured_at": _START.isoformat()}), encoding="utf-8")
    works: dict[str, Callable[[], float]] = {
        "ingest_from_camera": lambda: ingest_camera(scratch, line, pool, arguments.frames),
        "ingest_from_folder": lambda: ingest_folder(scratch, line, folder, written),
        "plain_opencv_loop": lambda: plain_loop(scratch, line, folder, fsync=False),
        "plain_opencv_loop_fsync": lambda: plain_loop(scratch, line, folder, fsync=True),
        "memcpy": lambda: memcpy(pool, arguments.frames),
        "disk_write_fsync": lambda: disk(scratch, pool, written),
    }
    runs: dict[str, list[float]] = {key: [] for key in works}
    for _ in range(arguments.repeats):
        for key, work in works.items():
            runs[key].append(work())
    rate = {key: statistics.median(values) for key, values in runs.items()}
    ingest = rate["ingest_from_camera"]
    return {
        "command": f"OMP_WAIT_POLICY=PASSIVE python -m benchmarks.ingest_rate --frames {arguments.frames} "
        f"--long {arguments.long} --repeats {arguments.repeats} --seed {arguments.seed}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"), "opencv": 1, "intake workers": 2},
        "frame": f"{WIDTH} x {LINES} px, 8 bit, {WIDTH * LINES / 1e6:.2f} MB",
        "megabytes_per_s": {key: round(value, 1) for key, value in rate.items()},
        "runs": {key: [round(value, 1) for value in values] for key, values in runs.items()},
        "target_megabytes_per_s": TARGET_MB_S,
        "target_met": ingest >= TARGET_MB_S,
        "ratios": {
            "ingest_from_camera / plain_opencv_loop_fsync": round(ingest / rate["plain_opencv_loop_fsync"], 3),
            "ingest_from_folder / plain_opencv_loop_fsync": round(
                rate["ingest_from_folder"] / rate["plain_opencv_loop_fsync"], 3
            ),
            "ingest_from_camera / memcpy": round(ingest / rate["memcpy"], 4),
            "ingest_from_camera / disk_write_fsync": round(ingest / rate["disk_write_fsync"], 3),
        },
        "long_coil": long_coil(scratch, line, pool, arguments.long),
    }


if __name__ == "__main__":
    sys.exit(main())
