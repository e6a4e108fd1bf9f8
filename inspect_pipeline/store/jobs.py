"""Jobs in SQL: every change names the state that it starts from, so that two processes never undo each other."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.store.job_tables import JobRow
from inspect_pipeline.store.rows import insert_into, table_of

_OPEN = tuple(state.value for state in JobState if state.open)


class SqlJobs:
    """The book of jobs in one transaction; ``writing`` gives the session with the write lock taken."""

    def __init__(self, session: Session, writing: Callable[[], Session]) -> None:
        self._session = session
        self._writing = writing

    def add(self, job: Job) -> None:
        """Add a job that waits. Raises StorageError for an id that is there."""
        values = {**asdict(job), "kind": job.kind.value, "state": job.state.value, "document": dict(job.document)}
        session = self._writing()
        session.execute(insert_into(session, JobRow).values(**values))

    def job(self, job: str) -> Job | None:
        """Return one job or None."""
        row = self._session.scalars(select(JobRow).where(JobRow.id == job)).first()
        return None if row is None else _job(row)

    def newest(self, *, line: str | None = None, limit: int) -> list[Job]:
        """Return at most ``limit`` jobs, of a line or of all, newest first."""
        query = select(JobRow).order_by(JobRow.seq.desc()).limit(limit)
        rows = self._session.scalars(query if line is None else query.where(JobRow.line == line))
        return [_job(row) for row in rows]

    def open_jobs(self) -> list[Job]:
        """Return the jobs that wait or run, oldest first."""
        query = select(JobRow).where(JobRow.state.in_(_OPEN)).order_by(JobRow.seq)
        return [_job(row) for row in self._session.scalars(query)]

    def begin(self, job: str, *, at: datetime) -> bool:
        """Say that a waiting job runs; False when it does not wait (any more)."""
        return self._changed(job, (JobState.WAITING.value,), state=JobState.RUNNING.value, started_at=at)

    def report(self, job: str, *, stage: str, done: int, total: int) -> None:
        """Say how far a running job is; nothing changes for one that does not run."""
        self._changed(job, (JobState.RUNNING.value,), stage=stage, done=done, total=total)

    def write(self, job: str, document: Mapping[str, Any]) -> None:
        """Replace the document of a running job; nothing changes for one that does not run."""
        self._changed(job, (JobState.RUNNING.value,), document=dict(document))

    def end(self, job: str, state: JobState, *, at: datetime, error: str | None = None) -> bool:
        """Say how an open job ended (done, failed, lost); False when it was not open. Its document stays."""
        return self._changed(job, _OPEN, state=state.value, finished_at=at, error=error)

    def _changed(self, job: str, states: tuple[str, ...], **values: Any) -> bool:
        session = self._writing()
        table = table_of(JobRow)
        statement = update(table).where(table.c.id == job, table.c.state.in_(states)).values(values)
        return session.connection().execute(statement).rowcount > 0


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        line=row.line,
        operator=row.operator,
        owner=row.owner,
        created_at=row.created_at,
        document=row.document,
        state=JobState(row.state),
        stage=row.stage,
        done=row.done,
        total=row.total,
        error=row.error,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
