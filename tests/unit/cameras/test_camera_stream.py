"""A running camera is a frame source that ends when told, and loses nothing that it has."""

from itertools import count

import numpy as np
import pytest

from inspect_pipeline.cameras.camera_stream import CameraSettings, CameraSource, StreamStatistics
from inspect_pipeline.cameras.line_buffers import LineBuffer
from inspect_pipeline.cameras.line_frames import LinePlacement
from inspect_pipeline.domain.material import Frame
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import CameraError, ConfigError
from tests.unit.cameras.camera_fakes import FakeStream
from tests.unit.cameras.lossy_line import mono8

LINES = np.ones((4, 10), np.uint8)


def buffers(*numbers: int) -> list[LineBuffer | None]:
    return [mono8(LINES, frame_id=number) for number in numbers]


class Ticks:
    """A clock that goes on by a step at each look."""

    def __init__(self, step_s: float) -> None:
        self._ticks = count()
        self._step_s = step_s

    def __call__(self) -> float:
        return next(self._ticks) * self._step_s


def test_a_coil_ends_after_its_frames_and_the_camera_is_let_go() -> None:
    stream = FakeStream(buffers(1, 2, 3))
    with CameraSource(stream, CameraSettings(frames=2)) as source:
        assert [capture.first_line for capture in source] == [0, 4]
        assert stream.calls == ["start", "stop"]
    assert stream.calls == ["start", "stop", "close"]


def test_each_pass_is_a_coil_of_its_own() -> None:
    stream = FakeStream(buffers(8, 9))
    source = CameraSource(stream, CameraSettings(frames=2))
    assert [capture.first_line for capture in source] == [capture.first_line for capture in source] == [0, 4]


def test_a_pass_that_is_given_up_stops_the_camera() -> None:
    stream = FakeStream(buffers(1, 2, 3))
    captures = iter(CameraSource(stream, CameraSettings()))
    next(captures)
    captures.close()  # type: ignore[attr-defined]
    assert stream.calls == ["start", "stop"]


def test_a_stop_still_yields_what_the_driver_has_ready_and_no_more() -> None:
    stream = FakeStream([*buffers(1, 2), None, *buffers(3)])
    source = CameraSource(stream, CameraSettings(), stop=lambda: True)
    assert [capture.first_line for capture in source] == [0, 4]
    assert set(stream.waits) == {0.0}


def test_a_stop_takes_at_most_the_buffers_that_the_driver_can_hold() -> None:
    source = CameraSource(FakeStream(buffers(*range(1, 9))), CameraSettings(buffers=3), stop=lambda: True)
    assert len(list(source)) == 3


def test_a_coil_ends_after_its_seconds() -> None:
    source = CameraSource(
        FakeStream(buffers(*range(1, 100))), CameraSettings(seconds=10.0, buffers=2), clock_s=Ticks(1.0)
    )
    assert 2 < len(list(source)) < 15


def test_a_camera_that_falls_silent_is_an_error_after_everything_that_came() -> None:
    seen: list[Capture] = []
    source = CameraSource(FakeStream(buffers(1, 2)), CameraSettings(timeout_s=5.0), clock_s=Ticks(1.0))
    with pytest.raises(CameraError, match="camera camera-0: nothing came for 5 s"):
        seen.extend(source)
    captures = iter(source)
    assert [next(captures).first_line, next(captures).first_line] == [0, 4]


def test_a_strip_may_stand_still_where_no_time_is_set() -> None:
    stream = FakeStream([*buffers(1), *[None] * 50, *buffers(2)])
    source = CameraSource(stream, CameraSettings(timeout_s=None, frames=2), clock_s=Ticks(60.0))
    assert len(list(source)) == 2


def test_the_time_without_a_buffer_begins_anew_with_each_one() -> None:
    stream = FakeStream([one for number in range(1, 9) for one in (*buffers(number), None)])
    source = CameraSource(stream, CameraSettings(timeout_s=3.5, frames=8), clock_s=Ticks(1.0))
    assert len(list(source)) == 8


@pytest.mark.parametrize("lost", [False, True])
def test_a_frame_that_waits_for_its_number_is_yielded_at_the_end_as_well(lost: bool) -> None:
    stream = FakeStream([*buffers(1), mono8(LINES, frame_id=None)], lost=lost)
    captures = iter(CameraSource(stream, CameraSettings(frames=None if lost else 2)))
    assert [type(next(captures)).__name__ for _ in range(2)] == ["Frame", "UnusableCapture"]
    with pytest.raises(CameraError if lost else StopIteration):
        next(captures)


def test_a_camera_that_is_lost_is_an_error_and_is_stopped() -> None:
    stream = FakeStream(buffers(1), lost=True)
    captures = iter(CameraSource(stream, CameraSettings()))
    assert isinstance(next(captures), Frame)
    with pytest.raises(CameraError, match="was lost"):
        next(captures)
    assert stream.calls == ["start", "stop"]


def test_statistics_count_what_came_what_was_torn_and_what_the_counter_jumped_over() -> None:
    torn = mono8(LINES, frame_id=5, arrived=np.array([True, False, True, True]))
    source = CameraSource(FakeStream([*buffers(1, 2), torn]), CameraSettings(frames=3))
    assert source.statistics == StreamStatistics(driver=source.statistics.driver)
    list(source)
    found = source.statistics
    assert (found.delivered, found.incomplete, found.lost_frames, found.driver.underruns) == (3, 1, 2, 3)


def test_it_says_what_it_is_expected_to_see() -> None:
    settings = CameraSettings(placement=LinePlacement(camera="top"), expected_lines=4000)
    source = CameraSource(FakeStream([]), settings)
    assert (source.expected_lines, source.expected_cameras) == (4000, ("top",))
    assert source.applied.width_px == 10


@pytest.mark.parametrize(("buffers_", "timeout_s"), [(1, 1.0), (4, 0.0)])
def test_settings_that_cannot_work_are_refused(buffers_: int, timeout_s: float) -> None:
    with pytest.raises(ConfigError, match="give 2 or more"):
        CameraSettings(buffers=buffers_, timeout_s=timeout_s)
