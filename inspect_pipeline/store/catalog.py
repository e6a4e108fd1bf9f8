"""The SQL catalog: a transaction is a unit of work, committed whole or not at all."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent, TrailProof
from inspect_pipeline.domain.capture import QualityRange
from inspect_pipeline.domain.findings import FrameResult, LatestFinding
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.in_force import PendingMove, Standing
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.ledger import Span
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.promotions import promotion_event
from inspect_pipeline.domain.records import CameraExtent, Promotion, StageRun
from inspect_pipeline.domain.retention import ImageClass
from inspect_pipeline.domain.taxonomy import DefectType, TypeMove
from inspect_pipeline.errors import InspectError
from inspect_pipeline.store import audit_rows, history, moves, retention_rows
from inspect_pipeline.store import frames as frame_rows
from inspect_pipeline.store import labels as label_rows
from inspect_pipeline.store import measures as measure_rows
from inspect_pipeline.store import results as result_rows
from inspect_pipeline.store.engine import open_engine, take_write_lock
from inspect_pipeline.store.failures import database_errors, shown
from inspect_pipeline.store.jobs import SqlJobs
from inspect_pipeline.store.overview import SqlOverview
from inspect_pipeline.store.people import SqlPeople
from inspect_pipeline.store.reviews import SqlReviews
from inspect_pipeline.store.schema import upgrade
from inspect_pipeline.store.studies import SqlStudies
from inspect_pipeline.store.turns import turn


def open_catalog(url: str | URL) -> "SqlCatalog":
    """Return the catalog at ``sqlite:///FILE`` or ``postgresql+psycopg://...``, its tables made or migrated.

    Raises ConfigError for a URL of another kind; StorageError for a missing folder, a read-only or unreachable
    database, or one that is newer than this program.
    """
    engine = open_engine(url)
    try:
        upgrade(engine)
    except InspectError:
        engine.dispose()
        raise
    return SqlCatalog(engine)


class SqlCatalog:
    """The catalog on an engine whose database has this program's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator["SqlUnit"]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        A block that only reads takes no lock. Raises StorageError or DiskFullError when the database fails.
        """
        with database_errors(shown(self._engine.url)), Session(self._engine) as session, session.begin():
            yield SqlUnit(session)

    def turn(self, subject: str) -> AbstractContextManager[bool]:
        """Give True while the turn on the subject is ours, False when another process holds it."""
        return turn(self._engine, subject)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class SqlUnit:
    """One transaction on the catalog; see ``CatalogUnit`` for what each method promises."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._may_write = False

    @property
    def people(self) -> SqlPeople:
        """The people of the workbench."""
        return SqlPeople(self._session, self._writing)

    @property
    def reviews(self) -> SqlReviews:
        """The review queue."""
        return SqlReviews(self._session, self._writing)

    def add_coil(self, coil: Coil) -> bool:
        """Add the coil; False when it was there. Raises BadDataError when it was there for another line."""
        return frame_rows.add_coil(self._writing(), coil)

    def coil(self, coil: str) -> Coil | None:
        """Return the coil or None."""
        return frame_rows.find_coil(self._session, coil)

    def coils(self, *, line: str | None = None) -> list[Coil]:
        """Return the coils, oldest first."""
        return frame_rows.list_coils(self._session, line=line)

    def add_frames(self, frames: Sequence[CapturedFrame]) -> int:
        """Add frames; return how many were new. Raises BadDataError for an id that another coil has."""
        return frame_rows.add_frames(self._writing(), frames)

    def frames(self, coil: str) -> list[CapturedFrame]:
        """Return the frames of a coil by first line, unusable ones included."""
        return frame_rows.list_frames(self._session, coil)

    def frame(self, frame: str) -> CapturedFrame | None:
        """Return one frame or None."""
        return frame_rows.find_frame(self._session, frame)

    def spans(self, coil: str) -> list[Span]:
        """Return what the ledger needs of each capture of a coil, in no order."""
        return frame_rows.list_spans(self._session, coil)

    def frame_keys(self, coil: str) -> Iterator[tuple[str, str, str, bool]]:
        """Yield (id, camera, source, whether a fingerprint made the id) of each capture of a coil."""
        return frame_rows.frame_keys(self._session, coil)

    def first_frames(self, coil: str) -> list[CapturedFrame]:
        """Return of each camera of a coil the frame with the lowest first line among those with an encoder."""
        return frame_rows.first_frames(self._session, coil)

    def remarks(self, coil: str) -> list[tuple[str, str | None, str | None]]:
        """Return (source, reason, note) of the captures of a coil that are unusable or odd, by first line."""
        return frame_rows.list_remarks(self._session, coil)

    def count_frames(self, coil: str) -> int:
        """Return how many captures a coil has."""
        return frame_rows.count_frames(self._session, coil)

    def quality(self, coil: str) -> list[QualityRange]:
        """Return lowest, mean and highest of each measure of each camera of a coil, by camera; unmeasured ones not."""
        return measure_rows.quality(self._session, coil)

    def mm_per_line(self, coil: str) -> float:
        """Return the resolution downweb of a coil, as ``domain.material.mm_per_line`` of its frames."""
        return frame_rows.mm_per_line_of(self._session, coil)

    def extents(self, coil: str) -> list[CameraExtent]:
        """Return how far the frames of each camera of a coil reach, by camera; captures without lines not counted."""
        return frame_rows.list_extents(self._session, coil)

    def expect(self, coil: str, *, lines: int | None, cameras: Sequence[str]) -> None:
        """Set the expected length (None: leave it) and add the cameras. Raises NotFoundError for an unknown coil."""
        frame_rows.expect(self._writing(), coil, lines=lines, cameras=cameras)

    def add_flat_field(self, version: FlatFieldVersion) -> bool:
        """Add a version of a camera's flat field; False when it was there."""
        return measure_rows.add_flat_field(self._writing(), version)

    def flat_fields(self, camera: str | None = None) -> Sequence[FlatFieldVersion]:
        """Return the versions of a camera's flat field, or of all, newest first."""
        return measure_rows.list_flat_fields(self._session, camera=camera)

    def add_labels(self, labels: Sequence[Label]) -> int:
        """Append labels and the entry of the trail that vouches for them; return how many were new."""
        session = self._writing()
        before = audit_rows.last_number(session, "labels")
        new = label_rows.add_labels(session, labels)
        if new:
            people = ", ".join(sorted({label.operator for label in labels}))
            at = max(label.labelled_at for label in labels)
            event = AuditEvent(at=at, actor=people, action=AuditAction.LABELLED, subject="labels")
            audit_rows.append_sealed(session, event, table="labels", after=before)
        return new

    def labels(self, *, line: str | None = None, coil: str | None = None, role: LabelRole | None = None) -> list[Label]:
        """Return the labels (superseded ones included) in the order they were appended."""
        return label_rows.list_labels(self._session, line=line, coil=coil, role=role)

    def put_type(self, line: str, defect_type: DefectType) -> None:
        """Add the type to the line's taxonomy or move it in its life cycle."""
        label_rows.put_type(self._writing(), line, defect_type)

    def types(self, line: str) -> list[DefectType]:
        """Return the line's types by name."""
        return label_rows.list_types(self._session, line)

    def add_type_move(self, move: TypeMove) -> None:
        """Append a step of a type in its life cycle and the entry of the trail that vouches for it."""
        session = self._writing()
        before = audit_rows.last_number(session, "type_moves")
        history.add_type_move(session, move)
        event = AuditEvent(
            at=move.at,
            actor=move.operator,
            action=AuditAction.TYPE_MOVED,
            subject=f"{move.line} {move.defect_type}",
            before=None if move.before is None else move.before.value,
            after=move.after.value,
            reason=move.reason,
        )
        audit_rows.append_sealed(session, event, table="type_moves", after=before)

    def type_moves(self, line: str, *, defect_type: str | None = None) -> list[TypeMove]:
        """Return the steps of a line's types, or of one of them, in the order they were appended."""
        return history.list_type_moves(self._session, line, defect_type=defect_type)

    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        """Add verdicts with their findings; one per (frame, detector); return how many were new."""
        return result_rows.add_results(self._writing(), coil, results)

    def results(self, coil: str, *, detector: str) -> list[FrameResult]:
        """Return a detector version's verdicts on a coil with their findings, by first line."""
        return result_rows.list_results(self._session, coil, detector=detector)

    def detectors_of(self, coil: str) -> list[str]:
        """Return the detector versions that judged a coil, latest first."""
        return result_rows.detectors_of(self._session, coil)

    def latest_findings(self, line: str, recipe: str, *, limit: int) -> list[LatestFinding]:
        """Return at most ``limit`` findings of a line's newest verdicts, newest first; of a frame the last one."""
        return result_rows.latest_findings(self._session, line, recipe, limit=limit)

    @property
    def jobs(self) -> SqlJobs:
        """The background work of the workbench."""
        return SqlJobs(self._session, self._writing)

    def prunable(
        self, kind: ImageClass, *, before: datetime, after: tuple[str, str] | None, limit: int
    ) -> list[tuple[tuple[str, str], str]]:
        """Return (key, address) of at most ``limit`` rows whose images may go, by key, from behind ``after`` on."""
        return retention_rows.prunable(self._session, kind, before=before, after=after, limit=limit)

    def mark_pruned(
        self, kind: ImageClass, keys: Sequence[tuple[str, str]], *, before: datetime, at: datetime
    ) -> list[str]:
        """Mark those of the rows that still may go; return the addresses they held."""
        return retention_rows.mark_pruned(self._writing(), kind, keys, before=before, at=at)

    def addresses_in_use(self, addresses: Collection[str]) -> set[str]:
        """Return those that an unmarked frame, a heatmap, a thumbnail, a mask or a flat field points at."""
        return retention_rows.addresses_in_use(self._session, addresses)

    def add_stage(self, run: StageRun) -> None:
        """Append what a stage did and how long it took."""
        history.add_stage(self._writing(), run)

    def stages(self, *, coil: str | None = None) -> list[StageRun]:
        """Return the stages recorded, oldest first."""
        return history.list_stages(self._session, coil=coil)

    def add_promotion(self, promotion: Promotion) -> AuditEntry:
        """Append a change of the version in force; return the entry of the trail that vouches for it."""
        session = self._writing()
        before = audit_rows.last_number(session, "promotions")
        history.add_promotion(session, promotion)
        return audit_rows.append_sealed(session, promotion_event(promotion), table="promotions", after=before)

    def promotions(self, model: str) -> list[Promotion]:
        """Return the promotions of a model, oldest first."""
        return history.list_promotions(self._session, model)

    def standing(self, model: str) -> Standing:
        """Return which version the records put in force, and the change that was begun, if any."""
        return moves.standing(self._session, model)

    def pending_moves(self) -> list[PendingMove]:
        """Return the changes of versions in force that were begun and not concluded, by model."""
        return moves.pending_moves(self._session)

    def begin_move(self, move: PendingMove) -> None:
        """Note a change that begins. Raises RefusedError when another one of the model was begun."""
        moves.begin_move(self._writing(), move)

    def end_move(self, model: str) -> None:
        """Forget the change that was begun."""
        moves.end_move(self._writing(), model)

    def add_audit(self, event: AuditEvent) -> AuditEntry:
        """Append an entry to the audit trail."""
        return audit_rows.append(self._writing(), event)

    def audit(
        self, *, after: int = 0, limit: int | None = None, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        """Return the entries of the trail behind number ``after``, in their order."""
        return audit_rows.list_entries(self._session, after=after, limit=limit, subject=subject, action=action)

    def latest_audit(
        self, *, before: int | None, limit: int, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        """Return at most ``limit`` entries of the trail in front of number ``before`` (None: the end), latest first."""
        return audit_rows.latest_entries(self._session, before=before, limit=limit, subject=subject, action=action)

    def audit_proof(self, anchors: Mapping[int, str]) -> TrailProof:
        """Return where the trail, or a row it vouches for, is not what was written; ``anchors`` are seq: digest."""
        return audit_rows.proof(self._session, anchors=anchors)

    @property
    def overview(self) -> SqlOverview:
        """Counts over coils, for pages and the watch."""
        return SqlOverview(self._session)

    @property
    def studies(self) -> SqlStudies:
        """The attribute agreement studies."""
        return SqlStudies(self._session, self._writing)

    def _writing(self) -> Session:
        """Return the session with the write lock taken and nothing remembered from before."""
        if not self._may_write:
            take_write_lock(self._session.connection())
            self._may_write = True
        self._session.expire_all()
        return self._session
