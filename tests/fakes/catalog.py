"""The catalog in memory: the same promises as the SQL one, kept by the same contract tests."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent
from inspect_pipeline.domain.capture import QualityRange, measured_names
from inspect_pipeline.domain.findings import FrameResult, LatestFinding
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.in_force import PendingMove
from inspect_pipeline.domain.jobs import Job
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.ledger import Span
from inspect_pipeline.domain.material import CapturedFrame, Coil, mm_per_line
from inspect_pipeline.domain.promotions import promotion_event
from inspect_pipeline.domain.records import CameraExtent, Promotion, StageRun
from inspect_pipeline.domain.retention import FrameUse, ImageClass, class_of, is_old
from inspect_pipeline.domain.taxonomy import DefectType, TypeMove
from inspect_pipeline.errors import BadDataError, NotFoundError, StorageError
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.overview import InMemoryOverview
from tests.fakes.people import InMemoryPeople, PeopleState
from tests.fakes.reviews import InMemoryReviews, ReviewState
from tests.fakes.studies import InMemoryStudies, StudiesState
from tests.fakes.trail import TrailUnit

_ONE_AT_A_TIME = threading.RLock()  # of all catalogs: a lock of its own would not let one be copied


@dataclass(slots=True, kw_only=True)
class _State:
    coils: dict[str, Coil] = field(default_factory=dict)
    frames: dict[str, CapturedFrame] = field(default_factory=dict)
    flat_fields: dict[str, FlatFieldVersion] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    types: dict[tuple[str, str], DefectType] = field(default_factory=dict)
    results: dict[tuple[str, str], FrameResult] = field(default_factory=dict)
    stages: list[StageRun] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    type_moves: list[TypeMove] = field(default_factory=list)
    pending: dict[str, PendingMove] = field(default_factory=dict)
    trail: list[AuditEntry] = field(default_factory=list)
    people: PeopleState = field(default_factory=PeopleState)
    reviews: ReviewState = field(default_factory=ReviewState)
    jobs: dict[str, Job] = field(default_factory=dict)
    studies: StudiesState = field(default_factory=StudiesState)

    def copied(self) -> "_State":
        return _State(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})


class InMemoryCatalog:
    """A catalog whose transactions work on a copy, kept when the block ends and dropped when it raises."""

    def __init__(self) -> None:
        self._state = _State()
        self._turns: set[str] = set()

    @contextmanager
    def turn(self, subject: str) -> Iterator[bool]:
        """Yield whether nobody else holds the turn on the subject."""
        ours = subject not in self._turns
        self._turns.add(subject)
        try:
            yield ours
        finally:
            if ours:
                self._turns.discard(subject)

    @contextmanager
    def transaction(self) -> Iterator["InMemoryUnit"]:
        """Yield a unit on a copy of the state; another thread waits meanwhile, as a writer does on a database."""
        with _ONE_AT_A_TIME:
            state = self._state.copied()
            yield InMemoryUnit(state)
            self._state = state


class InMemoryUnit(TrailUnit):
    """One transaction on the in-memory catalog."""

    def __init__(self, state: _State) -> None:
        self._state = state

    @property
    def people(self) -> InMemoryPeople:
        return InMemoryPeople(self._state.people)

    @property
    def reviews(self) -> InMemoryReviews:
        return InMemoryReviews(self._state)

    @property
    def studies(self) -> InMemoryStudies:
        return InMemoryStudies(
            self._state.studies, has_frame=lambda frame: frame in self._state.frames, audit=self.add_audit
        )

    def add_coil(self, coil: Coil) -> bool:
        _check_zone(coil.created_at)
        new = coil.id not in self._state.coils
        known = self._state.coils.setdefault(coil.id, coil)
        if known.line != coil.line:
            raise BadDataError(f"coil {coil.id} is one of line {known.line}, not of {coil.line}")
        if (known.reversed, known.offset_m) != (coil.reversed, coil.offset_m):
            raise BadDataError(f"coil {coil.id} was taken in another way; give this pass an id of its own")
        return new

    def coil(self, coil: str) -> Coil | None:
        return self._state.coils.get(coil)

    def coils(self, *, line: str | None = None) -> list[Coil]:
        chosen = [coil for coil in self._state.coils.values() if line in (None, coil.line)]
        return sorted(chosen, key=lambda coil: (coil.created_at, coil.id))

    def add_frames(self, frames: Sequence[CapturedFrame]) -> int:
        new = 0
        for frame in frames:
            self._check(frame.coil in self._state.coils, f"frame {frame.id} is of a coil that is not there")
            known = self._state.frames.get(frame.id)
            if known is not None and known.coil != frame.coil:
                raise BadDataError(f"frame {frame.id} is one of coil {known.coil}, not of {frame.coil}")
            _check_zone(frame.captured_at)
            _check_text(frame.source)
            new += known is None
            self._state.frames.setdefault(frame.id, frame)
        return new

    def frames(self, coil: str) -> list[CapturedFrame]:
        return sorted((frame for frame in self._state.frames.values() if frame.coil == coil), key=_down_the_web)

    def frame(self, frame: str) -> CapturedFrame | None:
        return self._state.frames.get(frame)

    def spans(self, coil: str) -> list[Span]:
        return [
            Span(
                frame=frame.id,
                camera=frame.camera,
                first_line=frame.first_line,
                line_count=frame.line_count,
                torn_lines=frame.torn_lines,
                reason=frame.reason,
            )
            for frame in self.frames(coil)
        ]

    def frame_keys(self, coil: str) -> Iterator[tuple[str, str, str, bool]]:
        for frame in self.frames(coil):
            yield frame.id, frame.camera, frame.source, frame.fingerprint is not None or frame.image is None

    def first_frames(self, coil: str) -> list[CapturedFrame]:
        first: dict[str, CapturedFrame] = {}
        for frame in self.frames(coil):
            if frame.measures is not None and frame.measures.encoder is not None:
                first.setdefault(frame.camera, frame)
        return [first[camera] for camera in sorted(first)]

    def remarks(self, coil: str) -> list[tuple[str, str | None, str | None]]:
        return [(frame.source, frame.reason, frame.note) for frame in self.frames(coil) if frame.reason or frame.note]

    def count_frames(self, coil: str) -> int:
        return len(self.frames(coil))

    def quality(self, coil: str) -> list[QualityRange]:
        ranges: list[QualityRange] = []
        for camera in sorted({frame.camera for frame in self.frames(coil)}):
            measured = [f.measures for f in self.frames(coil) if f.camera == camera and f.measures is not None]
            for name in measured_names():
                values = [value for one in measured if (value := getattr(one, name)) is not None]
                if values:
                    mean = sum(values) / len(values)
                    ranges.append(
                        QualityRange(camera=camera, measure=name, low=min(values), mean=mean, high=max(values))
                    )
        return ranges

    def mm_per_line(self, coil: str) -> float:
        return mm_per_line(self.frames(coil))

    def extents(self, coil: str) -> list[CameraExtent]:
        every = [frame for frame in self.frames(coil) if frame.line_count > 0]
        found = []
        for camera in sorted({frame.camera for frame in every}):
            own = [frame for frame in every if frame.camera == camera]
            found.append(
                CameraExtent(
                    camera=camera,
                    first_line=min(frame.first_line for frame in own),
                    first_at=min(frame.captured_at for frame in own),
                    last_line=max(frame.first_line for frame in own),
                    last_at=max(frame.captured_at for frame in own),
                    end_line=max(frame.first_line + frame.line_count + frame.torn_lines for frame in own),
                    last_sequence=max(frame.sequence for frame in own),
                )
            )
        return found

    def expect(self, coil: str, *, lines: int | None, cameras: Sequence[str]) -> None:
        known = self._state.coils.get(coil)
        if known is None:
            raise NotFoundError(f"there is no coil {coil}")
        self._state.coils[coil] = replace(
            known,
            expected_lines=known.expected_lines if lines is None else lines,
            cameras=tuple(sorted({*known.cameras, *cameras})),
        )

    def add_flat_field(self, version: FlatFieldVersion) -> bool:
        _check_zone(version.built_at)
        new = version.id not in self._state.flat_fields
        self._state.flat_fields.setdefault(version.id, version)
        return new

    def flat_fields(self, camera: str | None = None) -> list[FlatFieldVersion]:
        chosen = [one for one in self._state.flat_fields.values() if camera in (None, one.camera)]
        return sorted(chosen, key=lambda one: (one.built_at, one.id), reverse=True)

    def add_labels(self, labels: Sequence[Label]) -> int:
        new = 0
        for label in labels:
            self._check(label.region.frame in self._state.frames, f"label {label.id} is on no known frame")
            replaces = label.supersedes
            self._check(replaces is None or replaces in self._state.labels, f"label {label.id} replaces no known label")
            _check_zone(label.labelled_at)
            new += label.id not in self._state.labels
            self._state.labels.setdefault(label.id, label)
        if new:
            people = ", ".join(sorted({label.operator for label in labels}))
            at = max(label.labelled_at for label in labels)
            event = AuditEvent(at=at, actor=people, action=AuditAction.LABELLED, subject="labels")
            self.add_audit(replace(event, detail={"table": "labels", "rows": str(new)}))
        return new

    def labels(self, *, line: str | None = None, coil: str | None = None, role: LabelRole | None = None) -> list[Label]:
        return [
            label
            for label in self._state.labels.values()
            if role in (None, label.role)
            and coil in (None, self._coil_of(label).id)
            and line in (None, self._coil_of(label).line)
        ]

    def put_type(self, line: str, defect_type: DefectType) -> None:
        self._state.types[line, defect_type.name] = defect_type

    def types(self, line: str) -> list[DefectType]:
        return sorted((kind for (of, _), kind in self._state.types.items() if of == line), key=lambda kind: kind.name)

    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        new = 0
        for result in results:
            if any(finding.frame != result.frame for finding in result.findings):
                raise BadDataError(f"a finding of another frame stands in the verdict on frame {result.frame}")
            frame = self._state.frames.get(result.frame)
            self._check(frame is not None and frame.coil == coil, f"frame {result.frame} is none of coil {coil}")
            new += (result.frame, result.detector) not in self._state.results
            self._state.results.setdefault((result.frame, result.detector), result)
        return new

    def results(self, coil: str, *, detector: str) -> list[FrameResult]:
        found = (self._state.results.get((frame.id, detector)) for frame in self.frames(coil))
        return [result for result in found if result is not None]

    def detectors_of(self, coil: str) -> list[str]:
        inside = [detector for frame, detector in self._state.results if self._state.frames[frame].coil == coil]
        return list(dict.fromkeys(reversed(inside)))

    def prunable(
        self, kind: ImageClass, *, before: datetime, after: tuple[str, str] | None, limit: int
    ) -> list[tuple[tuple[str, str], str]]:
        rows = sorted(self._with_image(kind, before))
        return [row for row in rows if after is None or row[0] > after][:limit]

    def mark_pruned(
        self, kind: ImageClass, keys: Sequence[tuple[str, str]], *, before: datetime, at: datetime
    ) -> list[str]:
        _check_zone(at)
        marked = [(key, address) for key, address in self._with_image(kind, before) if key in keys]
        for key, _ in marked:
            if kind is ImageClass.HEATMAP:
                self._state.results[key] = replace(self._state.results[key], heatmap=None)
                continue
            frame = self._state.frames[key[0]]
            if kind is ImageClass.THUMBNAIL and frame.measures is not None:
                frame = replace(frame, measures=replace(frame.measures, thumbnail=None))
            else:
                frame = replace(frame, pruned_at=at)
            self._state.frames[frame.id] = frame
        return [address for _, address in marked]

    def addresses_in_use(self, addresses: Collection[str]) -> set[str]:
        frames = self._state.frames.values()
        used = {frame.image for frame in frames if frame.pruned_at is None}
        used |= {frame.measures.thumbnail for frame in frames if frame.measures is not None}
        used |= {result.heatmap for result in self._state.results.values()}
        used |= {label.region.mask for label in self._state.labels.values()}
        used |= {version.address for version in self._state.flat_fields.values()}
        return {address for address in addresses if address in used}

    def _with_image(self, kind: ImageClass, before: datetime) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield (key, address) of every row of a class that may go."""
        for frame in self._state.frames.values():
            found = self._class(frame)
            if not is_old(frame.captured_at, self._state.coils[frame.coil].created_at, before=before):
                continue
            if found is kind and frame.image is not None and frame.pruned_at is None:
                yield (frame.id, ""), frame.image
            if found is ImageClass.FOUND:
                continue
            if kind is ImageClass.THUMBNAIL and frame.measures is not None and frame.measures.thumbnail is not None:
                yield (frame.id, ""), frame.measures.thumbnail
            if kind is ImageClass.HEATMAP:
                yield from self._heatmaps(frame.id)

    def _heatmaps(self, frame: str) -> Iterator[tuple[tuple[str, str], str]]:
        for key, result in self._state.results.items():
            if key[0] == frame and result.heatmap is not None:
                yield key, result.heatmap

    def _class(self, frame: CapturedFrame) -> ImageClass:
        verdicts = [result for key, result in self._state.results.items() if key[0] == frame.id]
        use = FrameUse(
            usable=frame.usable,
            labelled=any(label.region.frame == frame.id for label in self._state.labels.values()),
            findings=sum(len(result.findings) for result in verdicts),
            verdicts=[result.verdict for result in verdicts],
        )
        return class_of(use)

    @property
    def overview(self) -> InMemoryOverview:
        return InMemoryOverview(self, self._state.stages)

    def add_stage(self, run: StageRun) -> None:
        self._check(run.coil is None or run.coil in self._state.coils, f"stage {run.stage} is of no known coil")
        _check_zone(run.started_at)
        self._state.stages.append(run)

    def stages(self, *, coil: str | None = None) -> list[StageRun]:
        return sorted((run for run in self._state.stages if coil in (None, run.coil)), key=lambda run: run.started_at)

    def add_type_move(self, move: TypeMove) -> None:
        _check_zone(move.at)
        self._state.type_moves.append(move)
        event = AuditEvent(
            at=move.at,
            actor=move.operator,
            action=AuditAction.TYPE_MOVED,
            subject=f"{move.line} {move.defect_type}",
            before=None if move.before is None else move.before.value,
            after=move.after.value,
            reason=move.reason,
            detail={"table": "type_moves", "rows": "1"},
        )
        self.add_audit(event)

    def type_moves(self, line: str, *, defect_type: str | None = None) -> list[TypeMove]:
        moves = (move for move in self._state.type_moves if move.line == line)
        return [move for move in moves if defect_type in (None, move.defect_type)]

    def add_promotion(self, promotion: Promotion) -> AuditEntry:
        _check_zone(promotion.at)
        self._state.promotions.append(promotion)
        return self.add_audit(replace(promotion_event(promotion), detail={"table": "promotions", "rows": "1"}))

    def promotions(self, model: str) -> list[Promotion]:
        return [promotion for promotion in self._state.promotions if promotion.model == model]

    @property
    def jobs(self) -> InMemoryJobs:
        return InMemoryJobs(self._state.jobs)

    def latest_findings(self, line: str, recipe: str, *, limit: int) -> list[LatestFinding]:
        coils = {coil.id for coil in self._state.coils.values() if (coil.line, coil.recipe) == (line, recipe)}
        last: dict[str, tuple[int, FrameResult]] = {}
        for number, result in enumerate(self._state.results.values(), start=1):
            if self._state.frames[result.frame].coil in coils:
                last[result.frame] = (number, result)
        found = [
            LatestFinding(
                item=f"{number}-{ordinal}",
                ordinal=ordinal,
                coil=self._state.frames[result.frame].coil,
                detector=result.detector,
                finding=finding,
            )
            for number, result in sorted(last.values(), key=lambda pair: -pair[0])
            for ordinal, finding in enumerate(result.findings)
        ]
        return found[:limit]

    def _coil_of(self, label: Label) -> Coil:
        return self._state.coils[self._state.frames[label.region.frame].coil]

    @staticmethod
    def _check(holds: bool, message: str) -> None:
        if not holds:
            raise StorageError(f"the catalog refused rows that do not belong together: {message}")


def _down_the_web(frame: CapturedFrame) -> tuple[int, str, int, str]:
    return (frame.first_line, frame.camera, frame.sequence, frame.id)


def _check_zone(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise BadDataError(f"time {moment.isoformat()} has no time zone; give UTC")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadDataError(f"text {text!a} is no Unicode and cannot be stored; rename the file") from None
