"""Attribute agreement studies for programs: the same rules as on the pages, an open study shows nothing."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Actor
from inspect_pipeline.domain.studies import NOT_A_DEFECT, StudyRemark, remarks
from inspect_pipeline.domain.study_results import StudyResults
from inspect_pipeline.services.studies import MOST_ITEMS, Overview, StudyDraft, Task
from inspect_pipeline.web.access import Bench, ForbiddenError, MayJudgeStudy, MayLook, MayManageStudy

router = APIRouter(prefix="/studies", tags=["studies"])
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class NewStudy(BaseModel):
    """A study to make; ``champion`` and ``challenger`` take part as one more appraiser each."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    line: _Name
    people: Annotated[list[_Name], Field(min_length=2, max_length=3)]
    trials: Annotated[int, Field(ge=2, le=3)] = 2
    items: Annotated[int, Field(ge=1, le=MOST_ITEMS)] = 50
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    with_reference: bool = True
    recipe: _Name = "default"
    champion: bool = False
    challenger: bool = False


class MadeStudy(BaseModel):
    """The study that was made, and what is to be known before one trusts it."""

    id: str
    items: int
    remarks: list[StudyRemark]


class Answer(BaseModel):
    """What the item at a place of a trial is called: a type that is offered, or null for no defect."""

    model_config = ConfigDict(extra="forbid")

    trial: Annotated[int, Field(ge=1, le=3)]
    position: Annotated[int, Field(ge=1, le=MOST_ITEMS)]
    answer: _Name | None
    seconds: Annotated[float, Field(ge=0, le=24 * 3600, allow_inf_nan=False)]


class Closing(BaseModel):
    """How a study is closed; ``incomplete`` where answers are still missing."""

    model_config = ConfigDict(extra="forbid")

    incomplete: bool = False


@router.get("")
def list_studies(bench: Bench, actor: MayLook, line: str | None = None) -> list[Overview]:
    """Return the studies, newest first, without anything that was answered."""
    return bench.studies.overviews(line=line)


@router.post("", status_code=201)
def make_study(bench: Bench, actor: MayManageStudy, wanted: NewStudy) -> MadeStudy:
    """Draw the items of a study from the line's labels and open it."""
    draft = StudyDraft(
        name=wanted.name,
        line=wanted.line,
        people=tuple(wanted.people),
        trials=wanted.trials,
        items=wanted.items,
        seed=wanted.seed,
        with_reference=wanted.with_reference,
        recipe=wanted.recipe,
        champion=wanted.champion,
        challenger=wanted.challenger,
    )
    study = bench.studies.make(draft, by=actor.name)
    return MadeStudy(id=study.id, items=len(study.items), remarks=remarks(study.items))


@router.get("/{study}")
def read_study(bench: Bench, actor: MayLook, study: str) -> Overview:
    """Return a study from outside: how far its people are, nothing that was answered."""
    return bench.studies.overview(study)


@router.get("/{study}/task")
def next_item(bench: Bench, actor: MayJudgeStudy, study: str) -> Task:
    """Return which item the caller judges next; trial and position are null when all are judged."""
    return bench.studies.task(study, who=judging_person(bench, actor, study))


@router.post("/{study}/judgements", status_code=201)
def judge_item(bench: Bench, actor: MayJudgeStudy, study: str, given: Answer) -> Task:
    """Keep an answer, which cannot be changed, and return which item is next."""
    return bench.studies.judge(
        study,
        who=judging_person(bench, actor, study),
        trial=given.trial,
        position=given.position,
        answer=NOT_A_DEFECT if given.answer is None else given.answer,
        seconds=given.seconds,
    )


@router.post("/{study}/close")
def close_study(bench: Bench, actor: MayManageStudy, study: str, how: Closing) -> Overview:
    """Let the detectors judge and close the study; its results can be read from now on."""
    bench.studies.close(study, by=actor.name, incomplete=how.incomplete)
    return bench.studies.overview(study)


@router.get("/{study}/results")
def study_results(bench: Bench, actor: MayLook, study: str) -> StudyResults:
    """Return what a closed study says; an open one answers 409, whoever asks."""
    return bench.studies.results(study)


def judging_person(bench: Workbench, actor: Actor, study: str) -> str:
    """Return the name of a person who judges in a study. Raises NotFoundError, ForbiddenError for a machine."""
    if actor.machine:
        asked = bench.studies.overview(study)
        raise ForbiddenError(f"{actor.name} is a machine's token; people judge in study {asked.name!r}, by their names")
    return actor.name
