from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.cameras.replay import Replay
from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures
from inspect_pipeline.domain.material import CapturedFrame, Frame, UnusableCapture
from inspect_pipeline.errors import AlteredError, BadDataError, NotFoundError, StorageError
from tests.unit.imaging.image_files import encoded, textured

TAKEN = datetime(2026, 3, 1, 11, tzinfo=UTC)
SETTINGS = CaptureSettings(exposure_us=20.0, gain_db=3.0, temperature_c=41.0, reverse=True, bits=8)


class Time:
    """A clock that only moves when it is slept on, or when work takes time."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def row(number: int, **facts: Any) -> CapturedFrame:
    known: dict[str, Any] = {
        "id": f"frame-{number}",
        "coil": "7",
        "camera": "links",
        "sequence": number + 3,
        "source": f"{number}.png",
        "first_line": 40 * number,
        "line_count": 40,
        "width_px": 60,
        "captured_at": TAKEN,
        "mm_per_px_across": 0.1,
        "mm_per_px_along": 0.2,
        "image": str(number),
        "measures": FrameMeasures(settings=SETTINGS, encoder=4000 * number),
    }
    return CapturedFrame(**{**known, **facts})


def load(address: str) -> bytes:
    return encoded(textured(40, 60, seed=int(address)))


def replay(
    rows: list[CapturedFrame],
    *,
    lines_per_s: float | None = None,
    time: Time | None = None,
    source: Callable[[str], bytes] = load,
    camera: str | None = None,
) -> Replay:
    time = time or Time()
    return Replay(rows, source, lines_per_s=lines_per_s, clock=time.clock, sleep=time.sleep, camera=camera)


def test_a_recorded_frame_comes_back_with_its_pixels_and_its_facts() -> None:
    (frame,) = replay([row(2)])
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.pixels, textured(40, 60, seed=2))
    assert (frame.id, frame.source, frame.camera) == ("frame-2", "2.png", "links")
    assert (frame.first_line, frame.sequence, frame.encoder) == (80, 5, 8000)
    assert (frame.mm_per_px_across, frame.mm_per_px_along) == (0.1, 0.2)
    assert (frame.captured_at, frame.settings, frame.valid_lines) == (TAKEN, SETTINGS, None)


def test_a_row_without_measures_has_no_encoder_and_no_settings() -> None:
    (frame,) = replay([row(0, measures=None)])
    assert isinstance(frame, Frame)
    assert (frame.encoder, frame.settings) == (None, CaptureSettings())


def test_frames_are_due_at_the_rate_of_the_line() -> None:
    time = Time()
    due = [time.now for _ in replay([row(0), row(1), row(5)], lines_per_s=100.0, time=time)]
    assert due == pytest.approx([50.0, 50.4, 52.0])


def test_without_a_rate_nothing_is_waited_for() -> None:
    time = Time()
    assert len(list(replay([row(0), row(9)], time=time))) == 2
    assert time.slept == []


def test_a_source_that_is_too_slow_says_by_how_much_and_catches_up() -> None:
    time = Time()

    def slow(address: str) -> bytes:
        time.now += 1.0 if address == "1" else 0.0
        return load(address)

    source = replay([row(0), row(1), row(2), row(5)], lines_per_s=100.0, time=time, source=slow)
    behind = [source.behind_s for _ in source]
    assert behind == pytest.approx([0.0, 0.6, 0.2, 0.0])
    assert source.most_behind_s == pytest.approx(0.6)


def test_the_frame_is_loaded_before_it_is_waited_for() -> None:
    time = Time()

    def takes_a_while(address: str) -> bytes:
        time.now += 0.3
        return load(address)

    source = replay([row(0), row(1)], lines_per_s=100.0, time=time, source=takes_a_while)
    assert [source.behind_s for _ in source] == pytest.approx([0.3, 0.2])


def test_one_camera_can_be_replayed_alone() -> None:
    rows = [row(0), row(0, camera="rechts", source="r.png"), row(1)]
    assert [one.source for one in replay(rows, camera="rechts")] == ["r.png"]
    assert replay(rows, camera="rechts").expected_cameras == ("rechts",)


def test_what_was_unusable_without_an_image_is_unusable_for_the_same_reason() -> None:
    (capture,) = replay([row(1, image=None, reason="1.png: the file is empty")])
    assert capture == UnusableCapture(
        source="1.png",
        reason="1.png: the file is empty",
        first_line=40,
        line_count=40,
        sequence=4,
        captured_at=TAKEN,
        camera="links",
    )


def test_a_dark_frame_that_kept_its_image_is_judged_again() -> None:
    (frame,) = replay([row(1, reason="too dark")])
    assert isinstance(frame, Frame)


def test_a_torn_frame_is_torn_again() -> None:
    (frame,) = replay([row(1, torn_lines=15)])
    assert isinstance(frame, Frame)
    assert (frame.line_count, frame.valid_lines) == (55, 40)
    assert np.array_equal(frame.pixels[:40], textured(40, 60, seed=1))
    assert not frame.pixels[40:].any()


@pytest.mark.parametrize("error", [NotFoundError("image 1 is not there"), AlteredError("image 1 was altered")])
def test_an_image_that_is_gone_or_altered_is_unusable_and_the_rest_is_replayed(error: Exception) -> None:
    def broken(address: str) -> bytes:
        if address == "1":
            raise error
        return load(address)

    _, lost, after = replay([row(0), row(1), row(2)], source=broken)
    assert isinstance(lost, UnusableCapture)
    assert (lost.reason, lost.first_line, lost.line_count) == (str(error), 40, 40)
    assert isinstance(after, Frame)


def test_an_image_that_is_no_image_or_of_another_size_is_unusable() -> None:
    no_image, other = replay([row(0), row(1, line_count=30)], source=lambda one: b"text" if one == "0" else load(one))
    assert isinstance(no_image, UnusableCapture)
    assert no_image.reason.startswith("0.png: no PNG")
    assert isinstance(other, UnusableCapture)
    assert other.reason == "1.png: its image has 60 x 40 px, its row says 60 x 30"


def test_a_store_that_cannot_be_read_at_all_ends_the_replay() -> None:
    def failing(_address: str) -> bytes:
        raise StorageError("the disk is gone")

    with pytest.raises(StorageError, match="the disk is gone"):
        list(replay([row(0)], source=failing))


def test_torn_lines_that_no_frame_has_take_no_memory() -> None:
    (capture,) = replay([row(0, torn_lines=2**40)])
    assert isinstance(capture, UnusableCapture)


def test_a_second_pass_starts_its_clock_anew() -> None:
    time = Time()
    source = replay([row(0), row(1)], lines_per_s=100.0, time=time)
    assert len([*source, *source]) == 4
    assert time.slept == pytest.approx([0.4, 0.4])
    assert source.most_behind_s == 0.0


def test_a_replay_says_that_its_frames_were_corrected_before() -> None:
    assert replay([]).corrected


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(BadDataError, match="lines a second cannot be replayed"):
        replay([replace(row(0))], lines_per_s=rate)
