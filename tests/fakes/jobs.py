"""The book of jobs in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from inspect_pipeline.domain.jobs import Job, JobState
from inspect_pipeline.errors import StorageError


@dataclass(frozen=True, slots=True)
class InMemoryJobs:
    """Jobs by their id, in the order in which they were added."""

    jobs: dict[str, Job]

    def add(self, job: Job) -> None:
        if job.id in self.jobs:
            raise StorageError(f"job {job.id} is there already")
        self.jobs[job.id] = job

    def job(self, job: str) -> Job | None:
        return self.jobs.get(job)

    def newest(self, *, line: str | None = None, limit: int) -> list[Job]:
        return [job for job in reversed(self.jobs.values()) if line in (None, job.line)][:limit]

    def open_jobs(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.state.open]

    def begin(self, job: str, *, at: datetime) -> bool:
        if self.jobs[job].state is not JobState.WAITING:
            return False
        self.jobs[job] = replace(self.jobs[job], state=JobState.RUNNING, started_at=at)
        return True

    def report(self, job: str, *, stage: str, done: int, total: int) -> None:
        if self.jobs[job].state is JobState.RUNNING:
            self.jobs[job] = replace(self.jobs[job], stage=stage, done=done, total=total)

    def write(self, job: str, document: Mapping[str, Any]) -> None:
        if self.jobs[job].state is JobState.RUNNING:
            self.jobs[job] = replace(self.jobs[job], document=dict(document))

    def end(self, job: str, state: JobState, *, at: datetime, error: str | None = None) -> bool:
        if not self.jobs[job].state.open:
            return False
        self.jobs[job] = replace(self.jobs[job], state=state, finished_at=at, error=error)
        return True
