"""Captures through worker threads and out again in order, with bounded memory and a stated answer to a full queue.

One thread reads the source, a few do the work (decoding, OpenCV, hashing and writing leave the interpreter free), the
caller takes the results. No more than ``in_flight`` captures are between source and caller, whatever their number.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, runtime_checkable

from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError

T = TypeVar("T")
_POLL_S = 0.1


class WhenFull(StrEnum):
    """What happens to a capture that comes while the queue is full."""

    BLOCK = "block"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """How captures are taken in. ``in_flight`` frames are in memory at most, beside the one that is read next.

    ``when_full`` BLOCK lets the source wait (folders, replays); DROP lets a camera go on, and every line that is
    dropped stands in the ledger as unusable. ``image_form`` tiff (as they are: fastest) or png (smaller); both
    lossless. ``thumbnail_px`` 0: none. A torn frame of fewer than ``least_lines`` is not kept. ``flush_s``: rows of a
    slow source wait no longer for their transaction.
    """

    workers: int = 2
    in_flight: int = 8
    when_full: WhenFull = WhenFull.BLOCK
    image_form: str = "tiff"
    thumbnail_px: int = 256
    least_lines: int = 16
    flush_s: float = 1.0

    def __post_init__(self) -> None:
        if self.workers < 1 or self.in_flight < 1 or self.thumbnail_px < 0 or self.least_lines < 1:
            raise BadDataError(
                f"intake with {self.workers} workers, {self.in_flight} in flight, thumbnails of {self.thumbnail_px} px "
                f"and {self.least_lines} least lines cannot work; give 1 or more (thumbnails: 0 or more)"
            )
        if not 0.0 < self.flush_s <= threading.TIMEOUT_MAX:
            raise BadDataError(
                f"intake that waits {self.flush_s} s for a transaction cannot work; give seconds above 0"
            )
        if self.image_form not in ("tiff", "png"):
            raise BadDataError(f"image form {self.image_form!r} is not written here; give tiff or png")


@runtime_checkable
class Stoppable(Protocol):
    """A source that may wait for long and can be told to end."""

    def stop(self) -> None:
        """Let the iteration end soon; called from another thread, and only where it has not ended by itself."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[T]):
    """The result for one capture; ``result`` None: nothing came for a while, so what waits can be written."""

    result: T | None


def in_order(
    captures: Iterable[Capture],
    work: Callable[[Capture], T],
    *,
    settings: IntakeSettings,
) -> Iterator[Done[T]]:
    """Yield the result of every capture in the order of the source, now and then a Done without one.

    What the source or the work raises is raised here, after the results before it; the source is not read on then.
    """
    line = _Line(captures, work, settings)
    try:
        yield from line.results()
    finally:
        line.stop()


class _Line(Generic[T]):
    def __init__(self, captures: Iterable[Capture], work: Callable[[Capture], T], settings: IntakeSettings) -> None:
        self._captures = captures
        self._work = work
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.workers + 1, thread_name_prefix="intake")
        self._places = threading.Semaphore(settings.in_flight)
        self._queue: queue.SimpleQueue[tuple[Future[T], bool] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._ended = False
        self._dropped = _Dropped()

    def results(self) -> Iterator[Done[T]]:
        reader = self._pool.submit(self._read)
        while True:
            try:
                item = self._queue.get(timeout=self._settings.flush_s)
            except queue.Empty:
                yield Done(result=None)
                continue
            if item is None:
                self._ended = True
                reader.result()  # raises what the source raised
                return
            future, has_place = item
            result = future.result()
            if has_place:
                self._places.release()
            yield Done(result=result)

    def stop(self) -> None:
        """Let the reader end at its next capture, and wait for what is under way: no thread outlives the run."""
        self._stopped.set()
        if not self._ended and isinstance(self._captures, Stoppable):
            self._captures.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self) -> None:
        try:
            self._read_all()
        finally:
            self._queue.put(None)

    def _read_all(self) -> None:
        try:
            for capture in self._captures:
                if self._stopped.is_set() or not self._taken(capture):
                    return
        finally:  # what was dropped before the source failed stands in the ledger too
            if not self._stopped.is_set():
                self._submit_dropped()

    def _taken(self, capture: Capture) -> bool:
        """Queue one capture, or book it as dropped; False when the run was stopped meanwhile."""
        if self._settings.when_full is WhenFull.BLOCK:
            if not self._place():
                return False
            self._submit(capture, has_place=True)
        elif not isinstance(capture, Frame):
            self._submit_dropped()  # what came before it stays before it
            self._submit(capture, has_place=False)  # it holds no pixels: a camera never waits for it
        elif self._places.acquire(blocking=False):
            self._submit_dropped()
            self._submit(capture, has_place=True)
        else:
            self._dropped.add(capture)
        return True

    def _place(self) -> bool:
        """Wait for a place; False when the run was stopped."""
        while not self._places.acquire(timeout=_POLL_S):
            if self._stopped.is_set():
                return False
        return True

    def _submit(self, capture: Capture, *, has_place: bool) -> None:
        self._queue.put((self._pool.submit(self._work, capture), has_place))

    def _submit_dropped(self) -> None:
        for run in self._dropped.taken():
            self._submit(run, has_place=False)


class _Dropped:
    """Frames that found the queue full, as runs of lines without pixels, so that a long stall takes no memory."""

    def __init__(self) -> None:
        self._runs: list[tuple[UnusableCapture, int]] = []

    def add(self, frame: Frame) -> None:
        for at, (run, frames) in enumerate(self._runs):
            if run.camera == frame.camera and (run.first_line or 0) + run.line_count == frame.first_line:
                longer = replace(run, line_count=run.line_count + frame.line_count, reason=_reason(frames + 1))
                self._runs[at] = (longer, frames + 1)
                return
        run = UnusableCapture(
            source=frame.source,
            reason=_reason(1),
            first_line=frame.first_line,
            line_count=frame.line_count,
            sequence=frame.sequence,
            captured_at=frame.captured_at,
            camera=frame.camera,
        )
        self._runs.append((run, 1))

    def taken(self) -> list[UnusableCapture]:
        runs, self._runs = self._runs, []
        return [run for run, _ in runs]


def _reason(frames: int) -> str:
    came = "1 frame" if frames == 1 else f"{frames} frames"
    return f"dropped: {came} came while the intake was full (policy drop); slow the line or give it more room"
