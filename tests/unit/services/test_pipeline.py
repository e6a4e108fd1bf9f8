"""Captures pass in order with bounded memory; what finds no place waits or is booked, and no thread is left behind."""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.pipeline import IntakeSettings, WhenFull, in_order

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
LINES = 4
SOON_S = 10.0  # how long a test waits for what must come; reached only when it fails


class CameraGoneError(Exception):
    """What a source raises."""


class PowerCut(BaseException):
    """What no code catches."""


def frame(number: int, *, camera: str = "camera-0", first_line: int | None = None) -> Frame:
    return Frame(
        id=f"{camera}-{number}",
        pixels=np.zeros((LINES, 2), np.uint8),
        first_line=number * LINES if first_line is None else first_line,
        captured_at=NOON,
        mm_per_px_across=1.0,
        mm_per_px_along=1.0,
        camera=camera,
        sequence=number,
        source=f"{camera}-{number}",
    )


def unread(number: int) -> UnusableCapture:
    return UnusableCapture(source=f"camera-0-{number}", reason="torn", first_line=number * LINES, line_count=LINES)


def intake(
    *, workers: int = 2, in_flight: int = 4, when_full: WhenFull = WhenFull.BLOCK, flush_s: float = 5.0
) -> IntakeSettings:
    return IntakeSettings(workers=workers, in_flight=in_flight, when_full=when_full, flush_s=flush_s)


def source_of(capture: Capture) -> str:
    return capture.source


def itself(capture: Capture) -> Capture:
    return capture


def results(captures: Iterable[Capture], work: Callable[[Capture], object], how: IntakeSettings) -> list[object]:
    return [done.result for done in in_order(captures, work, settings=how) if done.result is not None]


def intake_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("intake")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert intake_threads() == []


@dataclass
class Alive:
    """A source that counts how many of its frames are in memory."""

    count: int
    most: int = 0
    given: int = 0
    _alive: set[int] = field(default_factory=set)

    def __iter__(self) -> Iterator[Capture]:
        for number in range(self.count):
            yield self._next(number)  # nothing here holds the frame

    def _next(self, number: int) -> Frame:
        made = frame(number)
        self._alive.add(number)
        weakref.finalize(made.pixels, self._alive.discard, number)
        self.most = max(self.most, len(self._alive))
        self.given += 1
        return made


@dataclass
class Patient:
    """A camera that sends a few frames, then nothing until it is told to stop."""

    count: int = 1
    stopped: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[Capture]:
        yield from (frame(number) for number in range(self.count))
        assert self.stopped.wait(SOON_S), "nobody stopped the source"

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_source_though_the_first_takes_longest(workers: int) -> None:
    second_is_done = threading.Event()

    def work(capture: Capture) -> str:
        if capture.source == "camera-0-0" and workers > 1:
            assert second_is_done.wait(SOON_S)
        if capture.source == "camera-0-1":
            second_is_done.set()
        return capture.source

    made = results((frame(number) for number in range(20)), work, intake(workers=workers))
    assert made == [f"camera-0-{number}" for number in range(20)]


def test_several_captures_are_worked_on_at_once() -> None:
    both = threading.Barrier(2, timeout=SOON_S)

    def work(capture: Capture) -> str:
        both.wait()
        return capture.source

    assert len(results((frame(number) for number in range(6)), work, intake(workers=2))) == 6


@pytest.mark.parametrize("in_flight", [1, 3, 8])
def test_memory_does_not_grow_with_the_coil(in_flight: int) -> None:
    source = Alive(count=300)
    assert len(results(source, source_of, intake(in_flight=in_flight))) == 300
    assert source.most <= in_flight + 2  # the one that waits for a place, and the one being made


def test_a_full_queue_makes_the_source_wait() -> None:
    full, one_more = threading.Event(), threading.Event()

    def source() -> Iterator[Capture]:
        for number in range(50):
            yield frame(number)
            if number == 3:  # it came back for another though three are in flight and one waits for a place
                full.set()
            if number == 4:
                one_more.set()

    coming = in_order(source(), source_of, settings=intake(in_flight=3))
    first = next(coming)  # its place is free again
    assert full.wait(SOON_S)
    assert not one_more.wait(0.03)
    assert [done.result for done in [first, *coming]] == [f"camera-0-{number}" for number in range(50)]


def stalled(captures: list[Capture], *, in_flight: int = 2, fails: bool = False) -> list[Capture]:
    """Run the intake with a worker that stands still until the source has given everything; return the results."""
    all_given = threading.Event()

    def source() -> Iterator[Capture]:
        yield from captures
        all_given.set()
        if fails:
            raise CameraGoneError

    def work(capture: Capture) -> Capture:
        assert all_given.wait(SOON_S), "the source had to wait"
        return capture

    made: list[Capture] = []
    how = intake(workers=1, in_flight=in_flight, when_full=WhenFull.DROP)
    try:
        for done in in_order(source(), work, settings=how):
            if done.result is not None:
                made.append(done.result)  # noqa: PERF401 - what came before the error counts
    except CameraGoneError:
        assert fails
    return made


def lines_of(captures: list[Capture]) -> list[tuple[str, int]]:
    return sorted(
        (one.camera, line)
        for one in captures
        for line in range(one.first_line or 0, (one.first_line or 0) + one.line_count)
    )


def test_with_drop_the_source_never_waits_and_the_lost_lines_are_one_run() -> None:
    made = stalled([frame(number) for number in range(1000)])
    assert [one.source for one in made] == ["camera-0-0", "camera-0-1", "camera-0-2"]
    dropped = made[2]
    assert isinstance(dropped, UnusableCapture)
    assert (dropped.first_line, dropped.line_count, dropped.sequence) == (2 * LINES, 998 * LINES, 2)
    assert dropped.reason.startswith("dropped: 998 frames came while the intake was full")


def test_what_was_dropped_before_the_source_failed_is_told_as_well() -> None:
    made = stalled([frame(number) for number in range(5)], fails=True)
    assert lines_of(made) == [("camera-0", line) for line in range(5 * LINES)]


@settings(max_examples=30, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["a", "b", "unread", "lost"]), max_size=40),
    in_flight=st.integers(1, 4),
    fails=st.booleans(),
)
def test_captured_and_dropped_lines_account_for_every_line_that_the_source_gave(
    kinds: list[str], in_flight: int, fails: bool
) -> None:
    given_ones: list[Capture] = [
        unread(number) if kind == "unread" else frame(number, camera=f"camera-{kind}")
        for number, kind in enumerate(kinds)
        if kind != "lost"
    ]
    made = stalled(given_ones, in_flight=in_flight, fails=fails)
    assert lines_of(made) == lines_of(given_ones)


def test_a_stall_of_several_cameras_takes_one_run_a_camera() -> None:
    both = [frame(number, camera=camera) for number in range(200) for camera in ("left", "right")]
    made = stalled(list(both), in_flight=1)
    assert [(one.camera, one.line_count) for one in made[1:]] == [("right", 200 * LINES), ("left", 199 * LINES)]


def test_dropped_frames_count_right_though_the_frame_counter_starts_again() -> None:
    lost = [frame(number % 3, first_line=number * LINES) for number in range(8)]
    assert "dropped: 6 frames came" in str(getattr(stalled(list(lost))[2], "reason", ""))


def test_what_cannot_be_read_is_never_dropped_and_comes_after_what_was_dropped_before_it() -> None:
    made = stalled([frame(0), frame(1), unread(2), frame(3)], in_flight=1)
    assert [one.first_line for one in made] == [0, LINES, 2 * LINES, 3 * LINES]
    assert [getattr(one, "reason", "")[:7] for one in made] == ["", "dropped", "torn", "dropped"]


def test_frames_are_taken_again_once_there_is_room() -> None:
    first_is_out, queue_is_empty = threading.Event(), threading.Event()

    def source() -> Iterator[Capture]:
        yield frame(0)
        yield frame(1)
        first_is_out.set()
        assert queue_is_empty.wait(SOON_S)
        yield frame(2)

    def work(capture: Capture) -> Capture:
        assert first_is_out.wait(SOON_S)
        return capture

    made = []
    for done in in_order(source(), work, settings=intake(in_flight=1, when_full=WhenFull.DROP)):
        made.append(done.result)
        queue_is_empty.set()
    assert [type(one) for one in made] == [Frame, UnusableCapture, Frame]


def test_what_took_no_place_gives_none_back() -> None:
    taken, all_given = threading.Event(), threading.Event()

    def source() -> Iterator[Capture]:
        yield unread(0)
        assert taken.wait(SOON_S)
        yield from (frame(number) for number in range(1, 6))
        all_given.set()

    def work(capture: Capture) -> Capture:
        assert isinstance(capture, UnusableCapture) or all_given.wait(SOON_S)
        return capture

    made = []
    for done in in_order(source(), work, settings=intake(in_flight=1, when_full=WhenFull.DROP)):
        made.append(done.result)
        taken.set()
    assert [type(one) for one in made] == [UnusableCapture, Frame, UnusableCapture]


@pytest.mark.parametrize("error", [CameraGoneError, PowerCut])
def test_an_error_of_the_source_comes_after_the_results_before_it(error: type[BaseException]) -> None:
    def source() -> Iterator[Capture]:
        yield from (frame(number) for number in range(10))
        raise error

    seen: list[object] = []
    with pytest.raises(error):
        for done in in_order(source(), source_of, settings=intake(in_flight=2)):
            seen.append(done.result)  # noqa: PERF401 - what came before the error counts
    assert seen == [f"camera-0-{number}" for number in range(10)]


def test_an_error_of_the_work_comes_at_its_place_and_ends_the_reading() -> None:
    source, seen = Alive(count=10_000), []

    def work(capture: Capture) -> str:
        if capture.source == "camera-0-5":
            raise CameraGoneError
        return capture.source

    with pytest.raises(CameraGoneError):
        for done in in_order(source, work, settings=intake(in_flight=3)):
            seen.append(done.result)  # noqa: PERF401 - what came before the error counts
    assert seen == [f"camera-0-{number}" for number in range(5)]
    assert source.given <= 5 + 3 + 2


@pytest.mark.parametrize("when_full", list(WhenFull))
def test_a_consumer_that_stops_early_leaves_no_thread(when_full: WhenFull) -> None:
    coming = in_order(Alive(count=10_000), source_of, settings=intake(in_flight=2, when_full=when_full))
    assert next(coming).result == "camera-0-0"
    assert intake_threads() != []
    coming.close()  # type: ignore[attr-defined]
    assert intake_threads() == []


def test_a_source_that_waits_is_told_to_stop() -> None:
    source = Patient()
    coming = in_order(source, source_of, settings=intake())
    assert next(coming).result == "camera-0-0"
    coming.close()  # type: ignore[attr-defined]
    assert source.stopped.is_set()


def test_an_error_of_the_work_ends_a_source_that_waits() -> None:
    def work(capture: Capture) -> str:
        raise CameraGoneError

    source = Patient()
    with pytest.raises(CameraGoneError):
        results(source, work, intake())
    assert source.stopped.is_set()


def test_while_nothing_comes_the_caller_is_told_so_that_what_waits_can_be_written() -> None:
    source, seen = Patient(count=2), []
    for done in in_order(source, source_of, settings=intake(flush_s=0.01)):
        seen.append(done.result)
        if len(seen) == 4:
            source.stop()
        if len(seen) > 4 and source.stopped.is_set():
            break
    assert seen[:4] == ["camera-0-0", "camera-0-1", None, None]


def test_a_source_of_nothing_gives_nothing() -> None:
    assert list(in_order([], itself, settings=intake())) == []


def test_an_intake_that_nobody_takes_from_starts_nothing() -> None:
    in_order(Alive(count=3), itself, settings=intake())
    assert intake_threads() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"in_flight": 0},
        {"thumbnail_px": -1},
        {"least_lines": 0},
        {"flush_s": 0.0},
        {"flush_s": -1.0},
        {"flush_s": float("nan")},
        {"flush_s": float("inf")},
        {"image_form": "jpeg"},
    ],
)
def test_an_intake_that_cannot_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadDataError):
        IntakeSettings(**wrong)  # type: ignore[arg-type]
