"""Teaching over REST: picked labels become a job, a job tells how far it is, types go their way."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from inspect_pipeline.domain.jobs import Job, JobKind, JobState
from inspect_pipeline.domain.taxonomy import TypeMove
from inspect_pipeline.services.type_outlook import view_to
from inspect_pipeline.services.workbench_teaching import TeachRequest
from inspect_pipeline.web.access import Bench, MayApproveType, MayLook, MayTeach

router = APIRouter(tags=["teaching"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
_MOST_LABELS = 200
Labels = Annotated[list[Name], Field(min_length=1, max_length=_MOST_LABELS)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TeachBody(_Body):
    """Labels of a line (their ids) that teach a type from now on; 3 to 5 are asked for, fewer give a candidate."""

    line: Name
    recipe: Name = "default"
    defect_type: Name
    labels: Labels
    seed: Seed = 0


class PrepareBody(_Body):
    """Labels that somebody is about to pick."""

    line: Name
    recipe: Name = "default"
    labels: Labels


class StepBody(_Body):
    """Why a type takes a step."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    recipe: Name = "default"


class JobAnswer(BaseModel):
    """A job: ``document`` holds what was asked for and what is known so far, ``page`` is where a person sees it."""

    id: str
    kind: JobKind
    line: str
    operator: str
    state: JobState
    stage: str
    done: int
    total: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    document: dict[str, Any]
    page: str


class Started(BaseModel):
    """The job that was started."""

    job: str
    page: str


class StepAnswer(BaseModel):
    """A step that a type took."""

    line: str
    defect_type: str
    before: str | None
    after: str
    operator: str
    reason: str
    at: datetime


def page_of(job: str) -> str:
    """Return where a person sees the job."""
    return f"/teach/jobs/{job}"


@router.post("/teachings", status_code=202)
def teach(body: TeachBody, bench: Bench, actor: MayTeach) -> Started:
    """Teach a type from picked labels, in the background."""
    request = TeachRequest(
        line=body.line, recipe=body.recipe, defect_type=body.defect_type, labels=tuple(body.labels), seed=body.seed
    )
    job = bench.teaching.start(request, operator=actor.name)
    return Started(job=job.id, page=page_of(job.id))


@router.post("/teachings/prepare", status_code=202)
def prepare(body: PrepareBody, bench: Bench, actor: MayTeach) -> Started:
    """Describe labels that are about to be picked, so that their teaching answers sooner."""
    job = bench.teaching.prepare(body.line, body.recipe, body.labels, operator=actor.name)
    return Started(job=job.id, page=page_of(job.id))


@router.post("/teachings/{job}/take-back", status_code=202)
def take_back(job: str, bench: Bench, actor: MayTeach) -> Started:
    """Take back what a teaching taught: its labels are what they were before, the detector that of before it."""
    started = bench.teaching.take_back(job, operator=actor.name)
    return Started(job=started.id, page=page_of(started.id))


@router.get("/jobs/{job}")
def read_job(job: str, bench: Bench, _actor: MayLook) -> JobAnswer:
    """Return a job as it is now."""
    return _answer(bench.jobs.job(job))


@router.get("/types/{line}")
def types(
    line: str, bench: Bench, _actor: MayLook, recipe: Annotated[str, Query()] = "default"
) -> list[dict[str, Any]]:
    """Return the types of a line with life cycle, outlook, and what their next step lacks."""
    return [view_to(view) for view in bench.type_views.of(line, recipe)]


@router.post("/types/{line}/{name}/{step}")
def take_step(
    *,
    line: str,
    name: str,
    step: Literal["approve", "retire", "restore"],
    body: StepBody,
    bench: Bench,
    actor: MayApproveType,
) -> StepAnswer:
    """Approve, retire or restore a type; who did so and why stands in the trail."""
    book, who = bench.house.types, actor.name
    if step == "approve":
        return _step(book.approve(line, body.recipe, name, operator=who, reason=body.reason))
    if step == "retire":
        return _step(book.retire(line, name, operator=who, reason=body.reason))
    return _step(book.restore(line, name, operator=who, reason=body.reason))


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        kind=job.kind,
        line=job.line,
        operator=job.operator,
        state=job.state,
        stage=job.stage,
        done=job.done,
        total=job.total,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        document=dict(job.document),
        page=page_of(job.id),
    )


def _step(move: TypeMove) -> StepAnswer:
    return StepAnswer(
        line=move.line,
        defect_type=move.defect_type,
        before=None if move.before is None else move.before.value,
        after=move.after.value,
        operator=move.operator,
        reason=move.reason,
        at=move.at,
    )
