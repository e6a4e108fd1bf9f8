"""Work that goes on behind a page: who asked for it, how far it is, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from inspect_pipeline.errors import BadDataError


class JobKind(StrEnum):
    """What is worked on."""

    PREPARE = "prepare"
    TEACH = "teach"
    TAKE_BACK = "take back"


class JobState(StrEnum):
    """How far a job is. One whose process died is ``lost``: nobody works on it any more."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"

    @property
    def open(self) -> bool:
        """Whether somebody is to work on it still."""
        return self in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work. ``owner`` is the process that works on it, by the name of its turn.

    ``stage`` is what is being done, ``done`` of ``total`` (0: not known) how much of it. ``document`` is plain JSON:
    what was asked for, and what is known so far of the outcome. ``error`` is one line, set exactly when it failed.
    """

    id: str
    kind: JobKind
    line: str
    operator: str
    owner: str
    created_at: datetime
    document: Mapping[str, Any]
    state: JobState = JobState.WAITING
    stage: str = ""
    done: int = 0
    total: int = 0
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.state is JobState.FAILED) != bool(self.error):
            raise BadDataError(f"job {self.id} is {self.state} with error {self.error!r}; a failed one says why")
        if not self.done >= 0 or self.total < 0:
            raise BadDataError(f"job {self.id}: {self.done} of {self.total} cannot be; give counts")
