"""Teaching from labels that a person picked at the workbench, and taking that back: work behind a page.

Picked labels only measured until now (``HELD_OUT``); they are superseded by the same statement that teaches
(``SUPPORT``). What fails teaches nothing: the labels go back to what they were.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.jobs import Job, JobKind
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, in_force
from inspect_pipeline.domain.outlook import outlook
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.taxonomy import checked_type
from inspect_pipeline.errors import BadDataError, InspectError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.finding_preview import FindingPreview, preview_to
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.jobs import Jobs, Reporter
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ModelRegistry
from inspect_pipeline.services.teaching import Teaching, TeachSummary
from inspect_pipeline.services.withdrawing import in_another_role

PICKABLE = (LabelRole.HELD_OUT, LabelRole.SUPPORT)
"""Labels of the gate, golden ones and those of history never teach a line from here."""

_TURN_S, _LOOK_S = 300.0, 0.2
ANSWER, PREVIEW, EFFECT = "answer", "preview", "effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachRequest:
    """What a person asks to teach: picked ``labels`` (ids) of a line under the name of a type.

    Those that say 'not a defect' teach as good material; a defect that had another name gets this one.
    """

    line: str
    recipe: str
    defect_type: str
    labels: tuple[str, ...]
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a teaching gave: its detector's version, what was in force then, and the job's document so far."""

    teaching: Teaching
    version: str
    champion: str | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchTeaching:
    """Teaches in the background. ``teaching`` gives the teaching of a recipe."""

    catalog: Catalog
    registry: ModelRegistry
    teaching: Callable[[str], Teaching]
    preview: FindingPreview
    jobs: Jobs
    clock: Clock
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def start(self, request: TeachRequest, *, operator: str) -> Job:
        """Put a teaching in the row and return its job.

        Raises BadDataError for labels that cannot teach, NotFoundError for those that are not there, RefusedError for a
        retired type and where too many jobs wait.
        """
        wanted = replace(request, defect_type=checked_type(request.defect_type))
        self._picked(wanted)
        asked = {"request": {**asdict(wanted), "labels": list(wanted.labels)}}

        def work(report: Reporter) -> Mapping[str, Any]:
            with self._turn(wanted.line, report):
                return self._teach(wanted, operator, report, asked)

        return self.jobs.start(JobKind.TEACH, wanted.line, operator, asked=asked, work=work)

    def prepare(self, line: str, recipe: str, labels: Sequence[str], *, operator: str) -> Job:
        """Describe labels that somebody is about to pick, so that the teaching need not; return the job.

        Raises as ``start`` does.
        """
        asked = {"labels": list(labels)}
        self._labels(line, labels)

        def work(report: Reporter) -> Mapping[str, Any]:
            teaching = replace(self.teaching(recipe), progress=report)
            return {**asked, "frames": teaching.describe(self._labels(line, labels))}

        return self.jobs.start(JobKind.PREPARE, line, operator, asked=asked, work=work)

    def take_back(self, job: str, *, operator: str) -> Job:
        """Put back what a teaching's labels were before it, and adapt to what is left; return the new job.

        Raises NotFoundError, RefusedError for a job that taught nothing, NothingToDoError when it was taken back.
        """
        taught = self.jobs.job(job)
        supports = tuple(taught.document.get("supports", ()))
        if taught.kind is not JobKind.TEACH or not supports:
            raise RefusedError(f"job {job} taught nothing that could be taken back")
        request = TeachRequest(**{**taught.document["request"], "labels": supports})
        if not self._in_force(request.line, supports):
            raise NothingToDoError(f"what job {job} taught was taken back already, or its labels were corrected since")
        asked = {"request": {**asdict(request), "labels": list(supports)}, "takes_back": job}

        def work(report: Reporter) -> Mapping[str, Any]:
            with self._turn(request.line, report):
                self._restored(request.line, self._in_force(request.line, supports), operator)
                return self._followed(request, report, self._answered(request, report, asked))

        return self.jobs.start(JobKind.TAKE_BACK, request.line, operator, asked=asked, work=work)

    def _teach(
        self, request: TeachRequest, operator: str, report: Reporter, asked: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        supports = self._supported(self._picked(request), request.defect_type, operator)
        try:
            answer = self._answered(request, report, {**asked, "supports": [label.id for label in supports]})
        except InspectError:  # no detector came of it, so the labels are what they were
            self._restored(request.line, supports, operator)
            raise
        return self._followed(request, report, answer)

    def _answered(self, request: TeachRequest, report: Reporter, document: Mapping[str, Any]) -> "_Answer":
        """Return what the teaching gave: a registered detector."""
        begin = self.seconds()
        champion = self.registry.aliased(detector_name(request.line, request.recipe), CHAMPION)
        report.write(document, stage=ANSWER)
        teaching = replace(self.teaching(request.recipe), progress=report)
        summary = teaching.answer(request.line, request.recipe, seed=request.seed)
        answered = {**document, "answer": answer_to(summary, champion), "answer_s": self.seconds() - begin}
        return _Answer(teaching=teaching, version=summary.version, champion=champion, document=answered)

    def _followed(self, request: TeachRequest, report: Reporter, answer: "_Answer") -> Mapping[str, Any]:
        """Return the document with the preview, then the effect beside the answer: each is written when it is there."""
        if answer.version == answer.champion:  # taken back to what is in force: nothing changes
            return answer.document
        report.write(answer.document, stage=PREVIEW)
        begin = self.seconds()
        model = detector_name(request.line, request.recipe)
        challenger = Detector.from_bundle(self.registry.load(model, version=answer.version)[1])
        preview = preview_to(self.preview.of(request.line, request.recipe, challenger))
        previewed = {**answer.document, "preview": preview, "preview_s": self.seconds() - begin}
        report.write(previewed, stage=EFFECT)
        begin = self.seconds()
        effect = answer.teaching.effect(request.line, request.recipe, version=answer.version, against=answer.champion)
        return {**previewed, "effect": effect, "effect_s": self.seconds() - begin}

    def _picked(self, request: TeachRequest) -> list[Label]:
        """Return the picked labels as they are in force, in the order of the pick."""
        with self.catalog.transaction() as unit:
            retired = Taxonomy.of(unit.types(request.line)).retired
        if request.defect_type in retired:
            raise RefusedError(f"type {request.defect_type!r} is retired on line {request.line!r}; restore it first")
        return self._labels(request.line, request.labels)

    def _labels(self, line: str, labels: Sequence[str]) -> list[Label]:
        """Return labels that may teach as they are in force."""
        wanted = list(dict.fromkeys(labels))
        if not wanted:
            raise BadDataError("no label is picked; pick 3 to 5 samples of the type")
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
        there, valid = {label.id for label in every}, {label.id: label for label in in_force(every)}
        for name in wanted:
            if name not in there:
                raise NotFoundError(f"line {line!r} has no label {name!r}; open the page again")
            if name not in valid:
                raise BadDataError(f"label {name!r} was corrected by a later one; open the page again")
            if valid[name].role not in PICKABLE:
                kept_for = valid[name].role.value
                raise BadDataError(f"label {name!r} is kept as {kept_for!r}, so it never teaches; pick others")
        return [valid[name] for name in wanted]

    def _in_force(self, line: str, labels: Sequence[str]) -> list[Label]:
        """Return those of the labels that teach still."""
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
        return [label for label in in_force(every, role=LabelRole.SUPPORT) if label.id in labels]

    def _supported(self, picked: Sequence[Label], defect_type: str, operator: str) -> list[Label]:
        """Append what the picked labels say as supports of the type; return the new rows. Who teaches it stays."""
        now = self.clock()
        named = [
            label if label.kind is LabelKind.NOT_A_DEFECT else replace(label, defect_type=defect_type)
            for label in picked
        ]
        new = [
            in_another_role(label, LabelRole.SUPPORT, operator=operator, at=now)
            for label, before in zip(named, picked, strict=True)
            if label.role is not LabelRole.SUPPORT or label.statement != before.statement
        ]
        self._append(new)
        return new

    def _restored(self, line: str, supports: Sequence[Label], operator: str) -> None:
        """Append, for rows of ``_supported``, what they superseded."""
        with self.catalog.transaction() as unit:
            by_id = {label.id: label for label in unit.labels(line=line)}
        before = [(label, by_id[str(label.supersedes)]) for label in supports]
        now = self.clock()
        self._append(
            [
                replace(in_another_role(label, old.role, operator=operator, at=now), defect_type=old.defect_type)
                for label, old in before
            ]
        )

    def _append(self, labels: Sequence[Label]) -> None:
        if labels:
            with self.catalog.transaction() as unit:
                unit.add_labels(labels)

    @contextmanager
    def _turn(self, line: str, report: Reporter) -> Iterator[None]:
        """Hold the turn on teaching the line; another process that holds it is waited for."""
        begin = self.seconds()
        while True:
            with self.catalog.turn(f"teach {line}") as ours:
                if ours:
                    yield
                    return
            if self.seconds() - begin > _TURN_S:
                raise RefusedError(f"another teaching of line {line!r} goes on for {_TURN_S:g} s; try again later")
            report("waits for another teaching of the line", 0, 0)
            self.sleep(_LOOK_S)


def answer_to(summary: TeachSummary, champion: str | None) -> dict[str, Any]:
    """Return what a teaching gave as plain JSON, with each type's outlook; ``against`` is the champion's version."""
    rows = {
        name: {**row, "outlook": outlook_to(row["found"], row["of"])} for name, row in summary.leave_one_out.items()
    }
    return {**asdict(replace(summary, leave_one_out=rows)), "against": champion}


def outlook_to(found: int, trials: int) -> dict[str, Any]:
    """Return the outlook of a type as plain JSON."""
    seen = outlook(found, trials)
    return {
        "found": found,
        "of": trials,
        "interval": [seen.seen.low, seen.seen.high],
        "more_on_average": seen.more_on_average,
        "more_for_confidence": seen.more_for_confidence,
        "sentence": seen.sentence,
    }
