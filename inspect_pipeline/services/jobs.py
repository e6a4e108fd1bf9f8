"""Background work: a bounded row of jobs, one worker of the process, and a page that can ask how far each is.

Who works on a job is told by a turn (``Catalog.turn``) that the process holds as long as it lives, however it ends: a
job whose owner's turn is free has nobody who works on it, and is found ``lost`` by whoever looks next.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import InspectError, NotFoundError, RefusedError, StorageError
from inspect_pipeline.services.ports import Catalog

MOST_WAITING = 16
_REPORT_EVERY_S = 0.4
_MOST_PROCESSES = 64
_OURS = "this is our fault; the log of the server has the place"
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Reporter:
    """How the work of one job tells how far it is; a ``Progress`` that writes a few times a second at most."""

    catalog: Catalog
    job: str
    clock: Clock
    _last: datetime | None = None

    def __call__(self, stage: str, done: int, total: int, _note: str = "", /) -> None:
        """Take how far it is; what comes too soon after the last one is left out."""
        now = self.clock()
        if self._last is not None and (now - self._last).total_seconds() < _REPORT_EVERY_S:
            return
        self._last = now
        with self.catalog.transaction() as unit:
            unit.jobs.report(self.job, stage=stage, done=done, total=total)

    def write(self, document: Mapping[str, Any], *, stage: str) -> None:
        """Keep what is known so far, and say what comes next; never left out."""
        self._last = self.clock()
        with self.catalog.transaction() as unit:
            unit.jobs.write(self.job, document)
            unit.jobs.report(self.job, stage=stage, done=0, total=0)


Work = Callable[[Reporter], Mapping[str, Any]]
"""Does the job and returns its document at the end."""


@dataclass(kw_only=True)
class Jobs:
    """The background work of one process. ``new_id`` gives an id nobody can guess."""

    catalog: Catalog
    clock: Clock
    new_id: Callable[[], str]
    _executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="job"))
    _turns: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: int = 0
    _owner: str = ""

    def start(self, kind: JobKind, line: str, operator: str, *, asked: Mapping[str, Any], work: Work) -> Job:
        """Put a job in the row and return it; ``asked`` is what its document says until there is more.

        Raises RefusedError when too many wait.
        """
        with self._lock:
            if self._open >= MOST_WAITING:
                raise RefusedError(f"{self._open} jobs wait already; look at their outcome, then try again")
            owner = self._named()
            self._open += 1
        job = Job(
            id=self.new_id(),
            kind=kind,
            line=line,
            operator=operator,
            owner=owner,
            created_at=self.clock(),
            document=asked,
        )
        try:
            with self.catalog.transaction() as unit:
                unit.jobs.add(job)
        except InspectError:
            with self._lock:
                self._open -= 1
            raise
        self._executor.submit(self._run, job, work).add_done_callback(lambda future: self._ended(job, future))
        return job

    def job(self, job: str) -> Job:
        """Return a job as it is now; one whose process died is lost. Raises NotFoundError."""
        self.find_lost()
        with self.catalog.transaction() as unit:
            found = unit.jobs.job(job)
        if found is None:
            raise NotFoundError(f"there is no job {job!r}; look at the address")
        return found

    def newest(self, *, line: str | None = None, limit: int = 20) -> list[Job]:
        """Return the newest jobs, of a line or of all."""
        self.find_lost()
        with self.catalog.transaction() as unit:
            return unit.jobs.newest(line=line, limit=limit)

    def find_lost(self) -> None:
        """Say of every open job whose process died that it is lost."""
        with self.catalog.transaction() as unit:
            owners = {job.owner for job in unit.jobs.open_jobs()} - {self._owner}
        for owner in sorted(owners):
            with self.catalog.turn(owner) as free:
                if free:
                    self._lose(owner)

    def close(self) -> None:
        """End: the job that runs is finished, those that wait are lost, and the turn is given back."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._owner:
            self._lose(self._owner)
        self._turns.close()

    def _named(self) -> str:
        """Return the name under which this process works; it holds the turn of that name from now on."""
        for number in range(0 if self._owner else _MOST_PROCESSES):
            name = f"jobs {number}"
            with ExitStack() as attempt:
                if attempt.enter_context(self.catalog.turn(name)):
                    self._lose(name)  # what the process before us under this name left
                    self._owner, self._turns = name, attempt.pop_all()
                    break
        if not self._owner:
            raise StorageError(f"{_MOST_PROCESSES} processes work on jobs of this catalog; end some of them")
        return self._owner

    def _lose(self, owner: str) -> None:
        now = self.clock()
        with self.catalog.transaction() as unit:
            for job in unit.jobs.open_jobs():
                if job.owner == owner:
                    unit.jobs.end(job.id, JobState.LOST, at=now)

    def _run(self, job: Job, work: Work) -> None:
        with self.catalog.transaction() as unit:
            if not unit.jobs.begin(job.id, at=self.clock()):
                return
        document = work(Reporter(catalog=self.catalog, job=job.id, clock=self.clock))
        with self.catalog.transaction() as unit:
            unit.jobs.write(job.id, document)
            unit.jobs.end(job.id, JobState.DONE, at=self.clock())

    def _ended(self, job: Job, future: Future[None]) -> None:
        """Take note of how the work ended; an error of the house is its line, any other is ours and goes to the log."""
        with self._lock:
            self._open -= 1
        error = None if future.cancelled() else future.exception()
        if error is None:
            return
        if not isinstance(error, InspectError):
            _LOG.error("job %s failed", job.id, exc_info=error)
        said = str(error) if isinstance(error, InspectError) else _OURS
        with self.catalog.transaction() as unit:
            unit.jobs.end(job.id, JobState.FAILED, at=self.clock(), error=said)
