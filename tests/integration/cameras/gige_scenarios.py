"""What clients of the fake GigE Vision camera see; runs as a program in its network (see ``fake_gige``).

At 10 ms and no gain the camera sends a ramp that runs on by one with each frame: pixel = (x + y + frame id) % 255. So
every pixel tells which line of which frame it is of.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from inspect_pipeline.cameras.aravis_camera import open_aravis
from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource
from inspect_pipeline.cameras.genicam_features import CameraFeatures
from inspect_pipeline.cameras.gi_binding import load_aravis
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import CameraError, ConfigError
from tests.integration.cameras.fake_gige import CAMERA

_DEVICE = "Aravis-Fake-GV01"
_START_LIMIT_S = 10.0


def settings(
    *, width: int, lines: int, frames: int | None, rate_hz: float, exposure_us: float = 10_000.0, gain_db: float = 0.0
) -> CameraSettings:
    features = CameraFeatures(
        width_px=width,
        lines_per_frame=lines,
        exposure_us=exposure_us,
        gain_db=gain_db,
        raw_gain_step_db=0.5,
        extra={"AcquisitionFrameRate": rate_hz},
    )
    return CameraSettings(features=features, frames=frames)


def steady(_camera: subprocess.Popen[bytes]) -> Any:
    """Take 150 frames, the counter wrapping among them; let go; take 3 more in another process."""
    try:
        open_aravis(_DEVICE, settings(width=5000, lines=64, frames=1, rate_hz=100.0))
        refused = ""
    except ConfigError as error:
        refused = str(error)
    with open_aravis(_DEVICE, settings(width=512, lines=64, frames=150, rate_hz=200.0)) as source:
        began_s = time.monotonic()
        captures = list(source)
        took_s = time.monotonic() - began_s
        found = {**facts(source, captures), "refused": refused, "frames_per_s": len(captures) / took_s}
    client = [sys.executable, "-W", "error", "-m", __spec__.name, "again", "0"]
    done = subprocess.run(client, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return {**found, "second": json.loads(done.stdout)}


def again() -> Any:
    """Take 3 frames with another exposure and gain."""
    wanted = settings(width=256, lines=32, frames=3, rate_hz=100.0, exposure_us=2500.0, gain_db=1.5)
    with open_aravis(None, wanted) as source:
        return facts(source, list(source))


def torn(_camera: subprocess.Popen[bytes]) -> Any:
    """Take 40 frames from a camera that loses packets, more frames than there are buffers."""
    with open_aravis(_DEVICE, settings(width=2048, lines=256, frames=40, rate_hz=50.0)) as source:
        return facts(source, list(source))


def killed(_camera: subprocess.Popen[bytes]) -> Any:
    """Ask for the camera while another client has it, and after that one was killed."""
    client = [sys.executable, "-W", "error", "-m", __spec__.name, "hold", "0"]
    with subprocess.Popen(client, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"streaming\n"
            ticks = count(step=100)  # does not wait: one refusal is enough
            try:
                open_aravis(_DEVICE, CameraSettings(), clock_s=lambda: float(next(ticks)))
                refused = ""
            except CameraError as error:
                refused = str(error)
        finally:
            holder.kill()
    began_s = time.monotonic()
    with open_aravis(_DEVICE, settings(width=512, lines=64, frames=5, rate_hz=100.0)) as source:
        waited_s = time.monotonic() - began_s
        return {**facts(source, list(source)), "refused": refused, "waited_s": waited_s}


def hold() -> Any:
    """Keep the camera streaming until killed."""
    with open_aravis(_DEVICE, settings(width=512, lines=64, frames=None, rate_hz=50.0)) as source:
        for number, _ in enumerate(source):
            if number == 0:
                sys.stdout.write("streaming\n")
                sys.stdout.flush()


def lost(camera: subprocess.Popen[bytes]) -> Any:
    """Take frames from a camera whose plug is pulled; no time limit, so its silence alone is no error."""
    wanted = CameraSettings(features=CameraFeatures(width_px=512, lines_per_frame=64), timeout_s=None)
    captures: list[Capture] = []
    with open_aravis(_DEVICE, wanted) as source:
        try:
            for capture in source:
                captures.append(capture)
                if len(captures) == 5:
                    camera.kill()
                    pulled_s = time.monotonic()
            said = ""
        except CameraError as error:
            said = str(error)
        return {**facts(source, captures), "said": said, "noticed_s": time.monotonic() - pulled_s}


def commands(_camera: subprocess.Popen[bytes]) -> Any:
    """Two sessions of the program on one coil, then one that Ctrl-C ends; what each answers, and the books."""
    with tempfile.TemporaryDirectory() as workspace:
        first = _command("ingest", f"aravis:{_DEVICE}?frames=20", "--coil", "live", workspace=workspace)
        second = _command("ingest", f"aravis:{_DEVICE}?frames=8", "--coil", "live", workspace=workspace)
        ended = _command(
            "ingest", f"aravis:{_DEVICE}", "--coil", "ended", workspace=workspace, interrupted_at_frame=True
        )
        books = _command("coils", "--coil", "live", workspace=workspace)
    return {"first": first, "second": second, "ended": ended, "books": books}


def _command(*words: str, workspace: str, interrupted_at_frame: bool = False) -> Any:
    """Return the answer of the program; with Ctrl-C as soon as it has stored a frame where that is wanted."""
    line = [sys.executable, "-m", "inspect_pipeline.cli.main", *words, "--workspace", workspace, "--json"]
    before = sum(1 for _ in Path(workspace).glob("images/*/*/*"))
    child = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while interrupted_at_frame and child.poll() is None:
        if sum(1 for _ in Path(workspace).glob("images/*/*/*")) > before:
            child.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    said, told = child.communicate(timeout=30)
    assert child.returncode == 0, told
    return json.loads(said)


def facts(source: CameraSource, captures: list[Capture]) -> dict[str, Any]:
    """Return what a test may want to know of a coil."""
    frames = [capture for capture in captures if isinstance(capture, Frame)]
    height = source.applied.lines_per_frame
    phase = (int(frames[0].pixels[0, 0]) - frames[0].first_line % height - frames[0].sequence) % 255
    return {
        "captures": len(captures),
        "unusable": [[one.sequence, one.reason] for one in captures if isinstance(one, UnusableCapture)],
        "sequences": [frame.sequence for frame in frames],
        "first_lines": [frame.first_line for frame in frames],
        "lines": [frame.line_count for frame in frames],
        "valid": [_valid(frame) for frame in frames],
        "widths": sorted({frame.width_px for frame in frames}),
        "times": [frame.captured_at.timestamp() for frame in frames],
        "settings": [asdict(frame.settings) for frame in frames],
        "off_the_ramp": sum(not _fits_ramp(frame, height, phase) for frame in frames),
        "statistics": asdict(source.statistics),
        "changed": source.applied.changed,
    }


def _fits_ramp(frame: Frame, height: int, phase: int) -> bool:
    """Return whether every pixel of the valid lines is of that very line of that very frame, and all others are 0."""
    valid = _valid(frame)
    y, x = np.mgrid[:valid, : frame.width_px]
    # from 65535 to 1 the ramp goes on, for 65535 is a multiple of 255
    ramp = (x + y + frame.first_line % height + frame.sequence + phase) % 255
    return bool((frame.pixels[:valid] == ramp).all()) and not frame.pixels[valid:].any()


def _valid(frame: Frame) -> int:
    return frame.line_count if frame.valid_lines is None else frame.valid_lines


@contextmanager
def fake_camera(lost_per_thousand: int) -> Iterator[subprocess.Popen[bytes]]:
    """Bring the network up and the camera with it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    command = [CAMERA, "-i", "127.0.0.1", "-r", str(lost_per_thousand)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as camera:
        try:
            _wait_for(camera)
            yield camera
        finally:
            camera.kill()


def _wait_for(camera: subprocess.Popen[bytes]) -> None:
    aravis, _ = load_aravis()
    limit_s = time.monotonic() + _START_LIMIT_S
    while True:
        aravis.update_device_list()
        if aravis.get_n_devices():
            return
        assert camera.poll() is None, "the camera ended"
        assert time.monotonic() < limit_s, "the camera does not answer"


SCENARIOS: dict[str, Callable[[subprocess.Popen[bytes]], Any]] = {
    "steady": steady,
    "torn": torn,
    "killed": killed,
    "lost": lost,
    "commands": commands,
}
CLIENTS: dict[str, Callable[[], Any]] = {"again": again, "hold": hold}


def main(name: str, lost_per_thousand: int) -> Any:
    """Run a scenario with a camera of its own, or a further client of the one that runs."""
    if name in CLIENTS:
        return CLIENTS[name]()
    with fake_camera(lost_per_thousand) as camera:
        return SCENARIOS[name](camera)


if __name__ == "__main__":
    answer = json.dumps(main(sys.argv[1], int(sys.argv[2])))
    sys.stdout.write(answer + "\n")
