"""What jobs ask of the world: a book with a row a job, changed only by who works on it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from inspect_pipeline.domain.jobs import Job, JobState


class JobBook(Protocol):
    """The jobs of the workbench."""

    def add(self, job: Job) -> None:
        """Add a job that waits. Raises StorageError for an id that is there."""
        ...

    def job(self, job: str) -> Job | None:
        """Return one job or None."""
        ...

    def newest(self, *, line: str | None = None, limit: int) -> list[Job]:
        """Return at most ``limit`` jobs, of a line or of all, newest first."""
        ...

    def open_jobs(self) -> list[Job]:
        """Return the jobs that wait or run, oldest first."""
        ...

    def begin(self, job: str, *, at: datetime) -> bool:
        """Say that a waiting job runs; False when it does not wait (any more)."""
        ...

    def report(self, job: str, *, stage: str, done: int, total: int) -> None:
        """Say how far a running job is; nothing changes for one that does not run."""
        ...

    def write(self, job: str, document: Mapping[str, Any]) -> None:
        """Replace the document of a running job; nothing changes for one that does not run."""
        ...

    def end(self, job: str, state: JobState, *, at: datetime, error: str | None = None) -> bool:
        """Say how an open job ended (done, failed, lost); False when it was not open. Its document stays."""
        ...
