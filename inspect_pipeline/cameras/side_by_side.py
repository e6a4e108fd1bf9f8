"""Several cameras over one strip as one source: their captures as they come, each with the name of its camera."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from inspect_pipeline.domain.records import Capture

_WAITING_EACH = 2
_POLL_S = 0.1


class OneCamera(Protocol):
    """A source of one camera's captures."""

    def __iter__(self) -> Iterator[Capture]:
        """Yield the captures."""
        ...

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines where it is known."""
        ...

    @property
    def expected_cameras(self) -> Sequence[str]:
        """The name of the camera."""
        ...


class SideBySide:
    """One source of several. ``live``: each is read by a thread of its own; else they take turns, in a fixed order.

    The coil ends when all of them have ended. When one fails, its error is raised after what all of them have given by
    then.
    """

    def __init__(self, sources: Sequence[OneCamera], *, live: bool) -> None:
        self._sources = tuple(sources)
        self._live = live

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil: the longest that one of the sources expects."""
        return max((source.expected_lines for source in self._sources if source.expected_lines), default=None)

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        """The names of all cameras."""
        return tuple(name for source in self._sources for name in source.expected_cameras)

    def __iter__(self) -> Iterator[Capture]:
        """Yield the captures of all cameras."""
        return self._as_they_come() if self._live else self._in_turn()

    def _in_turn(self) -> Iterator[Capture]:
        waiting = [iter(source) for source in self._sources]
        while waiting:
            for one in list(waiting):
                try:
                    yield next(one)
                except StopIteration:
                    waiting.remove(one)

    def _as_they_come(self) -> Iterator[Capture]:
        captures: queue.Queue[Capture | None] = queue.Queue(maxsize=_WAITING_EACH * len(self._sources))
        ended = threading.Event()
        with ThreadPoolExecutor(len(self._sources), thread_name_prefix="camera") as pool:
            readers = [pool.submit(_read, source, captures, ended) for source in self._sources]
            try:
                left = len(readers)
                while left:
                    capture = captures.get()
                    if capture is None:
                        left -= 1
                    else:
                        yield capture
            finally:
                ended.set()
            for reader in readers:
                reader.result()


def _read(source: Iterable[Capture], captures: "queue.Queue[Capture | None]", ended: threading.Event) -> None:
    try:
        for capture in source:
            if not _put(captures, capture, ended):
                return
    finally:
        _put(captures, None, ended)


def _put(captures: "queue.Queue[Capture | None]", capture: Capture | None, ended: threading.Event) -> bool:
    """Wait for room; False when nobody takes captures any more."""
    while not ended.is_set():
        try:
            captures.put(capture, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
