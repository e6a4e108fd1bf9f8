"""Another program run to its end in this one's place, and what signals ask of this one."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

_SECONDS_TO_STOP = 30.0


class Stoppable(Protocol):
    """Something that can be asked to end."""

    def terminate(self) -> None:
        """Ask it to end."""
        ...


def run_process(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command line without a shell and return its exit code; 128 + n where signal n ended it.

    A request to stop (SIGTERM) is passed on. An interrupt reaches the other program from the terminal itself; it is
    given half a minute to put its things away.
    """
    child = subprocess.Popen(list(command), env=dict(environment))  # noqa: S603 - our own interpreter and module
    with stop_passed_on(child):
        try:
            code = child.wait()
        except KeyboardInterrupt:
            code = _stopped(child)
    return code if code >= 0 else 128 - code


def _stopped(child: subprocess.Popen[bytes]) -> int:
    try:
        return child.wait(timeout=_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        child.terminate()
        return child.wait()


@contextmanager
def stop_passed_on(child: Stoppable) -> Iterator[None]:
    """Pass a request to stop (SIGTERM) on to the child while the block runs."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        child.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and the first Ctrl-C set while the block runs; a second Ctrl-C interrupts at once."""
    ended = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if ended.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
