"""Runs the same function in several processes at once; they start from one barrier."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from typing import Any

_LIMIT_S = 60.0
Work = Callable[..., Any]


def at_once(count: int, work: Work, *args: object) -> list[Any]:
    """Return what ``work(*args, number)`` returned in each process, sorted as text; an error in one is one here."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=_run, args=(barrier, answers, work, (*args, number))) for number in range(count)
    ]  # fmt: skip
    for process in processes:
        process.start()
    try:
        found = [answers.get(timeout=_LIMIT_S) for _ in processes]
    except Empty:
        raise AssertionError(f"no answer within {_LIMIT_S} s from {count} processes") from None
    finally:
        for process in processes:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        answers.close()
    assert not [answer for answer in found if isinstance(answer, Exception)], found
    return sorted(found, key=str)


def meet(folder: Path, number: int, *, count: int) -> None:
    """Wait in a process of ``at_once`` until all have come this far; slow imports end at different times."""
    (folder / f"here-{number}").touch()
    limit = time.monotonic() + _LIMIT_S
    while len(list(folder.glob("here-*"))) < count:
        assert time.monotonic() < limit, "the others did not come"
        time.sleep(0.001)


def _run(barrier: Barrier, answers: Any, work: Work, args: tuple[object, ...]) -> None:
    barrier.wait(_LIMIT_S)
    try:
        answers.put(work(*args))
    except Exception as error:  # noqa: BLE001 - the answer of a failed process is its error
        answers.put(AssertionError(f"{type(error).__name__}: {error}"))
