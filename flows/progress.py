"""Progress of the work: into the log of the run, and from there to the terminal of who started it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_MARK = "inspect_progress"
_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_EVERY_S = 2.0


def marked(what: str = "", done: int = 0, total: int = 0) -> dict[str, Any]:
    """Return the ``extra`` of a log record that is meant for the person at the terminal."""
    return {_MARK: (what, done, total)}


def say(message: str) -> None:
    """Log one line of the run for the person who watches it."""
    get_run_logger().info("%s", message, extra=marked())


@dataclass(kw_only=True)
class LoggedProgress:
    """A progress callback that logs at most every two seconds for each thing done, and always its end."""

    clock: Callable[[], float] = time.monotonic
    _last_s: dict[str, float] = field(default_factory=dict)

    def __call__(self, what: str, done: int, total: int, note: str = "") -> None:
        """Log how far ``what`` has come; ``total`` 0 is not known."""
        now = self.clock()
        if done != total and now - self._last_s.get(what, -_EVERY_S) < _EVERY_S:
            return
        self._last_s[what] = now
        text = f"{what}: {done} of {total}" if total else f"{what}: {done}"
        text = f"{text}, {note}" if note else text
        get_run_logger().info("%s", text, extra=marked(what, done, total))


class TerminalHandler(logging.Handler):
    """Shows the marked records of a run: bars on a terminal, lines elsewhere."""

    def __init__(self, console: Console, bars: Progress | None) -> None:
        super().__init__()
        self.console = console
        self.bars = bars
        self.known: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        mark = getattr(record, _MARK, None)
        if mark is None:
            return
        what, done, total = mark
        if self.bars is None or not what:
            self.console.print(record.getMessage(), markup=False, highlight=False, soft_wrap=True)
            return
        if what not in self.known:
            self.known[what] = self.bars.add_task(what, total=total or None)
        self.bars.update(self.known[what], completed=done, total=total or None)


@contextmanager
def shown(console: Console) -> Iterator[None]:
    """Show the progress of the runs of this process on ``console`` (standard error) while the block lasts."""
    bars = _bars(console) if console.is_terminal else None
    handler = TerminalHandler(console, bars)
    loggers = [logging.getLogger(name) for name in _RUN_LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        if bars is None:
            yield
        else:
            with bars:
                yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
