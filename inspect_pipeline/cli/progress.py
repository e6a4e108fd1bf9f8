"""Progress of long work on standard error: bars for a person at a terminal, sparse lines for a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from inspect_pipeline.cli.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from inspect_pipeline.domain.records import Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_shown(*, bars: bool) -> Iterator["Progress"]:
    """Give the callback that shows progress while the block runs."""
    if not bars:
        yield ProgressLines(stream=sys.stderr)
        return
    with _rich_progress() as rich_progress:
        yield ProgressBars(rich_progress)


class ProgressLines:
    """One line when a piece of work ends, and one every ten seconds before that, with the time left by its pace."""

    def __init__(self, *, stream: TextIO, seconds: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._seconds = seconds
        self._last: dict[str, float] = {}
        self._begun: dict[str, tuple[float, int]] = {}
        self._done: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total`` (0: not known)."""
        now = self._seconds()
        if done < self._done.get(stage, done + 1):  # heard of for the first time, or begun anew
            self._begun[stage] = (now, done)
        self._done[stage] = done
        waited = now - self._last.setdefault(stage, now)
        if waited < _SECONDS_BETWEEN_LINES and done != total:
            return
        self._last[stage] = now
        count = f"{done} of {total}" if total else str(done)
        more = f", {printable(note)}" if note else ""
        print(f"{printable(stage)}: {count}{more}{self._left(stage, done, total, now)}", file=self._stream, flush=True)

    def _left(self, stage: str, done: int, total: int, now: float) -> str:
        """Return the time left at the pace since the stage was first heard of, nothing where that is not known."""
        since, begun = self._begun[stage]
        passed = now - since
        if passed <= 0.0 or not begun < done < total:
            return ""
        return f", {(total - done) * passed / (done - begun):.0f} s left"


class ProgressBars:
    """One bar a piece of work."""

    def __init__(self, bars: "RichProgress") -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total`` (0: not known)."""
        if stage not in self._tasks:
            self._end_open_bars()
            self._tasks[stage] = self._bars.add_task(printable(stage), total=total or None)
        text = printable(f"{stage}: {note}" if note else stage)
        self._bars.update(self._tasks[stage], completed=done, total=total or None, description=text)

    def _end_open_bars(self) -> None:
        """Fill the bars of unknown length: when another piece of work begins, they are done."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=task.completed)


def _rich_progress() -> "RichProgress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Standard output stays as it is: it may be a file or a pipe that waits for the answer.
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
