"""Attribute agreement studies: made by an engineer, judged blind by those who are asked, shown when closed.

While a study is open nobody is shown a name, a score, an earlier answer or one of others, not even how items are
numbered: an appraiser meets them at places 1 to n of an order of their own on every trial.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.studies import NOT_A_DEFECT, Judgement, Study, StudyItem, StudyState
from inspect_pipeline.domain.study_results import StudyResults, study_results
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.services.in_force import CHALLENGER, version_in_force
from inspect_pipeline.services.ports import Catalog, ImageStore, ModelRegistry
from inspect_pipeline.services.study_draw import draw_items
from inspect_pipeline.services.study_pictures import study_picture

MOST_ITEMS = 300


class ModelAppraiser(Protocol):
    """Judges the items of a study by a detector."""

    def judge(self, study: Study, model: str) -> list[Judgement]:
        """Return the detector's answers on every trial; an item that it cannot judge has none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDraft:
    """What an engineer asks for; ``champion`` and ``challenger`` of ``recipe`` take part as one more appraiser each."""

    name: str
    line: str
    people: tuple[str, ...]
    trials: int = 2
    items: int = 50
    seed: int = 0
    with_reference: bool = True
    recipe: str = "default"
    champion: bool = False
    challenger: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.items <= MOST_ITEMS or not 0 <= self.seed < 2**53:
            raise BadDataError(
                f"{self.items} items with seed {self.seed} cannot be; give 1 to {MOST_ITEMS} items and a seed from 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Where an appraiser is: on place ``position`` of ``items`` of trial ``trial``; both None where they are done."""

    study: str
    name: str
    trial: int | None
    position: int | None
    items: int
    trials: int
    types: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the appraiser has judged everything."""
        return self.trial is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many of their answers an appraiser has given."""

    appraiser: str
    given: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A study from outside, and how far its people are."""

    id: str
    name: str
    line: str
    state: StudyState
    made_by: str
    made_at: str
    items: int
    trials: int
    models: tuple[str, ...]
    has_reference: bool
    closed_by: str | None
    closed_at: str | None
    progress: tuple[Progress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Studies:
    """The studies of a workspace with the adapters they need; ``model`` is made when a detector first takes part."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    clock: Clock
    model: Callable[[], ModelAppraiser]

    def make(self, draft: StudyDraft, *, by: str) -> Study:
        """Draw the items and open the study. Raises BadDataError, or NotFoundError without the detector asked for."""
        line = checked_name(draft.line, what="line")
        models = self._models(line, draft)
        with self.catalog.transaction() as unit:
            drawn = draw_items(
                unit,
                line,
                wanted=draft.items,
                seed=draft.seed,
                with_reference=draft.with_reference,
                untaught=bool(models),
            )
            name, now = checked_name(draft.name, what="study"), self.clock()
            study = Study(
                id=hashlib.sha256(f"{now.isoformat()}\x1f{by}\x1f{name}\x1f{draft}".encode()).hexdigest()[:16],
                line=line,
                name=name,
                made_by=by,
                made_at=now,
                trials=draft.trials,
                seed=draft.seed,
                types=drawn.types,
                items=drawn.items,
                people=tuple(checked_name(who, what="appraiser") for who in draft.people),
                models=models,
            )
            unit.studies.add(study)
            detail = {"line": line, "items": str(len(study.items)), "appraisers": ", ".join(study.appraisers)}
            unit.add_audit(
                AuditEvent(
                    at=study.made_at,
                    actor=by,
                    action=AuditAction.STUDY_OPENED,
                    subject=f"study {study.id}",
                    after=study.name,
                    detail=detail,
                )
            )
        return study

    def _models(self, line: str, draft: StudyDraft) -> tuple[str, ...]:
        """Return the detector versions that take part."""
        name = detector_name(line, checked_name(draft.recipe, what="recipe"))
        found = []
        if draft.champion:
            found.append(("in force", version_in_force(self.catalog, self.registry, name)))
        if draft.challenger:
            found.append(("challenger", self.registry.aliased(name, CHALLENGER)))
        for what, version in found:
            if version is None:
                raise NotFoundError(f"{name} has no version {what}; make the study without it, or teach one first")
        return tuple(dict.fromkeys(f"{name}@{version}" for _, version in found))

    def overviews(self, *, line: str | None = None) -> list[Overview]:
        """Return the studies, newest first, without anything that was answered."""
        with self.catalog.transaction() as unit:
            return [_overview(study, unit.studies.judgements(study.id)) for study in unit.studies.studies(line=line)]

    def overview(self, study_id: str) -> Overview:
        """Return one study from outside. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            return _overview(_known(unit.studies.study(study_id), study_id), unit.studies.judgements(study_id))

    def task(self, study_id: str, *, who: str) -> Task:
        """Return where the appraiser is. Raises RefusedError for a closed study, or one who is not asked."""
        with self.catalog.transaction() as unit:
            study = _asked(unit.studies.study(study_id), study_id, who)
            return _task(study, unit.studies.judgements(study_id, appraiser=who))

    def judge(self, study_id: str, *, who: str, trial: int, position: int, answer: str, seconds: float) -> Task:
        """Keep what an appraiser calls the item at their place, and return where they are now.

        Raises RefusedError where that is not the next place (an answer was given before, or comes too early), and
        BadDataError for an answer that is not offered.
        """
        with self.catalog.transaction() as unit:
            study = _asked(unit.studies.study(study_id), study_id, who)
            given = unit.studies.judgements(study_id, appraiser=who)
            at = _task(study, given)
            if (trial, position) != (at.trial, at.position):
                raise RefusedError(_out_of_turn(trial, position, at))
            if answer != NOT_A_DEFECT and answer not in study.types:
                raise BadDataError(
                    f"answer {answer!r} is not offered; give one of {', '.join(study.types)} or no defect"
                )
            number = blind_order(study, who, trial)[position - 1]
            judgement = Judgement(
                study=study_id,
                item=number,
                trial=trial,
                appraiser=who,
                answer=answer,
                seconds=seconds,
                at=self.clock(),
            )
            unit.studies.add_judgements(study_id, [judgement])
            return _task(study, [*given, judgement])

    def picture(self, study_id: str, *, who: str, trial: int, position: int) -> bytes:
        """Return the picture (PNG) at an appraiser's place, or the one after it so that it is at hand.

        Raises RefusedError for any other: nobody leafs through a study.
        """
        with self.catalog.transaction() as unit:
            study = _asked(unit.studies.study(study_id), study_id, who)
            at = _task(study, unit.studies.judgements(study_id, appraiser=who))
            if at.position is None or trial != at.trial or position not in (at.position, at.position + 1):
                raise RefusedError(_out_of_turn(trial, position, at))
            if position > len(study.items):
                raise NotFoundError(f"the trial has {len(study.items)} items, and no number {position}")
            item = study.items[blind_order(study, who, trial)[position - 1] - 1]
            frame = unit.frame(item.frame)
        return self._shown(item, frame)

    def item_picture(self, study_id: str, number: int) -> bytes:
        """Return the picture (PNG) of an item of a closed study by its number. Raises RefusedError for an open one."""
        with self.catalog.transaction() as unit:
            study = _closed(unit.studies.study(study_id), study_id)
            item = next((item for item in study.items if item.number == number), None)
            if item is None:
                raise NotFoundError(f"study {study.name!r} has {len(study.items)} items, and no number {number}")
            frame = unit.frame(item.frame)
        return self._shown(item, frame)

    def _shown(self, item: StudyItem, frame: CapturedFrame | None) -> bytes:
        if frame is None or frame.image is None or frame.pruned_at is not None:
            raise NotFoundError("the image of this item is no longer kept; judge it as you can, or end the study")
        return study_picture(decode(self.images.get(frame.image), name="the item's frame"), item.roi)

    def close(self, study_id: str, *, by: str, incomplete: bool = False) -> Study:
        """Let the detectors judge, and close the study: from now on it shows its results and takes no more answers.

        Raises RefusedError while answers are missing, unless ``incomplete``.
        """
        with self.catalog.transaction() as unit:
            study = _known(unit.studies.study(study_id), study_id)
            given = len(unit.studies.judgements(study_id))
        wanted = len(study.people) * len(study.items) * study.trials
        if study.state is StudyState.CLOSED:
            raise RefusedError(f"study {study.name!r} was closed by {study.closed_by}")
        if given < wanted and not incomplete:
            raise RefusedError(
                f"{wanted - given} of {wanted} answers are missing in study {study.name!r}; wait for them, or close it "
                "incomplete: what not all have judged then does not count"
            )
        answers = [answer for model in study.models for answer in self.model().judge(study, model)]
        with self.catalog.transaction() as unit:
            if answers:
                unit.studies.add_judgements(study_id, answers)
            at = self.clock()
            unit.studies.close(study_id, by=by, at=at)
            event = AuditEvent(at=at, actor=by, action=AuditAction.STUDY_CLOSED, subject=f"study {study_id}")
            unit.add_audit(event)
            return _known(unit.studies.study(study_id), study_id)

    def results(self, study_id: str) -> StudyResults:
        """Return what a closed study says. Raises RefusedError for an open one, whoever asks."""
        with self.catalog.transaction() as unit:
            study = _closed(unit.studies.study(study_id), study_id)
            return study_results(study, unit.studies.judgements(study_id))


def blind_order(study: Study, who: str, trial: int) -> list[int]:
    """Return the numbers of the items in the order in which an appraiser meets them on a trial; the seed tells it."""
    digest = hashlib.sha256(f"{study.id}\x1f{who}".encode()).digest()
    generator = np.random.default_rng([study.seed, int.from_bytes(digest[:8]), trial])
    return [study.items[place].number for place in generator.permutation(len(study.items))]


def _task(study: Study, given: Sequence[Judgement]) -> Task:
    """Return the place behind the answers given: a trial begins when the one before it has ended."""
    counts = [sum(one.trial == trial for one in given) for trial in range(1, study.trials + 1)]
    trial = next((n for n, count in enumerate(counts, start=1) if count < len(study.items)), None)
    return Task(
        study=study.id,
        name=study.name,
        trial=trial,
        position=None if trial is None else counts[trial - 1] + 1,
        items=len(study.items),
        trials=study.trials,
        types=study.types,
    )


def _overview(study: Study, judgements: Sequence[Judgement]) -> Overview:
    return Overview(
        id=study.id,
        name=study.name,
        line=study.line,
        state=study.state,
        made_by=study.made_by,
        made_at=study.made_at.isoformat(),
        items=len(study.items),
        trials=study.trials,
        models=study.models,
        has_reference=study.has_reference,
        closed_by=study.closed_by,
        closed_at=None if study.closed_at is None else study.closed_at.isoformat(),
        progress=tuple(
            Progress(
                appraiser=who,
                given=sum(one.appraiser == who for one in judgements),
                wanted=len(study.items) * study.trials,
            )
            for who in study.people
        ),
    )


def _known(study: Study | None, study_id: str) -> Study:
    if study is None:
        raise NotFoundError(f"there is no study {study_id!r}; the list of studies has those that are there")
    return study


def _asked(study: Study | None, study_id: str, who: str) -> Study:
    found = _known(study, study_id)
    if who not in found.people:
        raise RefusedError(f"{who} is not asked in study {found.name!r}; only those who are named in it judge")
    if found.state is StudyState.CLOSED:
        raise RefusedError(f"study {found.name!r} was closed by {found.closed_by}; it takes no more answers")
    return found


def _closed(study: Study | None, study_id: str) -> Study:
    found = _known(study, study_id)
    if found.state is not StudyState.CLOSED:
        raise RefusedError(f"study {found.name!r} is open: it shows nothing before it is closed")
    return found


def _out_of_turn(trial: int, position: int, at: Task) -> str:
    if at.done:
        return "you have judged all items of all trials; thank you"
    return (
        f"item {position} of trial {trial} is not your next one, that is item {at.position} of trial {at.trial}; "
        "an answer that was given cannot be changed"
    )
