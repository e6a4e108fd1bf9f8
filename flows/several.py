"""Several jobs of one run: one that fails does not keep the others from being done."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from flows.progress import say
from inspect_pipeline.errors import InspectError

Job = TypeVar("Job")
Row = TypeVar("Row")


def each(jobs: Iterable[Job], work: Callable[[Job], list[Row]]) -> list[Row]:
    """Return the rows of all jobs; when jobs failed, the first error is raised after the last job was tried."""
    rows: list[Row] = []
    failed: InspectError | None = None
    for job in jobs:
        try:
            rows += work(job)
        except InspectError as error:
            say(f"failed: {error}")
            failed = failed or error
    if failed is not None:
        raise failed
    return rows
