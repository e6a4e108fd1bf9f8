"""A camera that takes up a coil again goes on behind its last line; what passed meanwhile is missing, not forgotten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import CameraExtent, Capture
from inspect_pipeline.services.continued import Continued

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
LINES = 100


@dataclass
class Camera:
    captures: Sequence[Capture]
    stopped: list[bool] = field(default_factory=list)
    expected_lines: int | None = 5000
    expected_cameras: tuple[str, ...] = ("camera-0",)
    notes: tuple[str, ...] = ("rounded",)

    def __iter__(self) -> Iterator[Capture]:
        return iter(self.captures)

    def stop(self) -> None:
        self.stopped.append(True)


def frame(number: int, *, seconds: float, camera: str = "camera-0") -> Frame:
    return Frame(
        id=f"f{number}",
        pixels=np.zeros((LINES, 4), np.uint8),
        first_line=number * LINES,
        captured_at=NOON + timedelta(seconds=seconds),
        mm_per_px_across=0.1,
        mm_per_px_along=0.1,
        camera=camera,
        sequence=number,
        source=f"{camera}-{number}",
    )


def extent(*, frames: int, rate: float | None = 100.0) -> CameraExtent:
    """Frames 0.. at 100 lines a second from noon on; without a rate they all came at noon."""
    last = frames - 1
    return CameraExtent(
        camera="camera-0",
        first_line=0,
        first_at=NOON,
        last_line=last * LINES,
        last_at=NOON + timedelta(seconds=0 if rate is None else last * LINES / rate),
        end_line=frames * LINES,
        last_sequence=last,
    )


def continued(captures: Sequence[Capture], earlier: CameraExtent) -> list[Capture]:
    return list(Continued(source=Camera(captures), earlier={"camera-0": earlier}, session="s2"))


def test_the_next_session_begins_as_many_lines_later_as_passed_by_the_line_rate() -> None:
    # Ten frames until second 9 (that last one ends at second 10); the next session's first frame comes at second 30.
    found = continued([frame(0, seconds=30), frame(1, seconds=31)], extent(frames=10))
    assert [(one.first_line, one.sequence, one.source) for one in found] == [
        (3000, 10, "s2/camera-0-0"),
        (3100, 11, "s2/camera-0-1"),
    ]


def test_a_session_that_begins_at_once_leaves_no_gap_and_none_begins_before_the_last_line() -> None:
    for seconds in (10.0, 9.2):
        assert continued([frame(0, seconds=seconds)], extent(frames=10))[0].first_line == 1000


def test_where_nothing_tells_how_far_the_strip_went_the_ledger_says_so() -> None:
    told, first = continued([frame(7, seconds=30)], extent(frames=1, rate=None))
    assert isinstance(told, UnusableCapture)
    assert (told.first_line, told.line_count) == (LINES, 0)
    assert "neither an encoder nor a line rate tells how many lines passed" in told.reason
    assert (first.first_line, first.sequence) == (LINES, 1)


def test_a_camera_that_is_new_on_the_coil_stays_where_it_is() -> None:
    [found] = continued([frame(2, seconds=30, camera="camera-1")], extent(frames=10))
    assert (found.first_line, found.sequence, found.source) == (200, 2, "s2/camera-1-2")


def test_an_unusable_capture_moves_along_and_one_of_no_place_keeps_none() -> None:
    nowhere = UnusableCapture(source="x", reason="no lines arrived", captured_at=NOON + timedelta(seconds=31))
    placed = UnusableCapture(source="y", reason="no lines arrived", first_line=100, line_count=LINES, sequence=1)
    found = continued([frame(0, seconds=30), nowhere, placed], extent(frames=10))
    assert [(one.source, one.first_line, one.sequence) for one in found[1:]] == [
        ("s2/x", None, None),
        ("s2/y", 3100, 11),
    ]


def test_it_says_what_its_source_says_and_stops_it() -> None:
    camera = Camera([])
    source = Continued(source=camera, earlier={}, session="s2")
    assert (source.expected_lines, source.expected_cameras, source.notes) == (5000, ("camera-0",), ("rounded",))
    source.stop()
    assert camera.stopped == [True]
