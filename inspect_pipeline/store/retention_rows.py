"""Which rows retention may prune, and which images rows still need, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, String, and_, exists, literal, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.retention import ImageClass
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.store.tables import (
    CoilRow,
    FindingRow,
    FlatFieldRow,
    FrameMeasuresRow,
    FrameResultRow,
    FrameRow,
    LabelRow,
)

_KEYS_A_QUERY = 500
_ALARMS = (Verdict.DEFECT.value, Verdict.UNKNOWN.value)

Key = tuple[str, str]
_Rows = Select[tuple[str, str, str]]


def prunable(
    session: Session, kind: ImageClass, *, before: datetime, after: Key | None, limit: int
) -> list[tuple[Key, str]]:
    """Return (key, address) of at most ``limit`` rows that may go, by key, from behind ``after`` on."""
    query, frame, detector = _may_go(kind, before)
    if after is not None:
        # Written out, for the index on the frame serves the first comparison.
        later = or_(frame > after[0], detector > after[1])
        query = query.where(frame >= after[0], later)
    rows = session.execute(query.order_by(frame, detector).limit(limit))
    return [((frame_id, version), address) for frame_id, version, address in rows]


def mark_pruned(
    session: Session, kind: ImageClass, keys: Sequence[Key], *, before: datetime, at: datetime
) -> list[str]:
    """Mark those of the rows that still may go; return the addresses they held. The session holds the write lock."""
    marked: list[str] = []
    for start in range(0, len(keys), _KEYS_A_QUERY):
        locked = _locked(session, keys[start : start + _KEYS_A_QUERY])
        query, frame, detector = _may_go(kind, before)
        # A statement of its own: on PostgreSQL it sees what was committed until the frames were locked.
        wanted = (frame.in_([one for one, _ in locked]), tuple_(frame, detector).in_(locked))
        rows = session.execute(query.where(*wanted)).all()
        _mark(session, kind, [(frame_id, version) for frame_id, version, _ in rows], at=at)
        marked += [address for _, _, address in rows]
    return marked


def addresses_in_use(session: Session, addresses: Collection[str]) -> set[str]:
    """Return those that an unmarked frame, a heatmap, a thumbnail, a mask or a flat field points at."""
    wanted, found = sorted(addresses), set[str]()
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        chunk = wanted[start : start + _KEYS_A_QUERY]
        for column, condition in _POINTERS:
            pointed_at = session.scalars(select(column).where(column.in_(chunk), *condition))
            found.update(address for address in pointed_at if address is not None)
    return found


_POINTERS: tuple[
    tuple[InstrumentedAttribute[str | None] | InstrumentedAttribute[str], tuple[ColumnElement[bool], ...]], ...
] = (
    (FrameRow.image, (FrameRow.pruned_at.is_(None),)),
    (FrameMeasuresRow.thumbnail, ()),
    (FrameResultRow.heatmap, ()),
    (LabelRow.mask, ()),
    (FlatFieldRow.address, ()),
)


def _may_go(kind: ImageClass, before: datetime) -> tuple[_Rows, ColumnElement[str], ColumnElement[str]]:
    """Return the rows (frame, detector, address) of a class that may go, and the two columns of their key."""
    old = (FrameRow.captured_at < before, CoilRow.created_at < before, ~_found())
    none: ColumnElement[str] = literal("", String)
    if kind is ImageClass.HEATMAP:
        heatmaps = select(FrameResultRow.frame, FrameResultRow.detector, FrameResultRow.heatmap)
        rows = heatmaps.join(FrameRow, FrameRow.id == FrameResultRow.frame).where(FrameResultRow.heatmap.is_not(None))
        frame, detector = FrameResultRow.frame.expression, FrameResultRow.detector.expression
    elif kind is ImageClass.THUMBNAIL:
        thumbnails = select(FrameMeasuresRow.frame, none, FrameMeasuresRow.thumbnail)
        rows = thumbnails.join(FrameRow, FrameRow.id == FrameMeasuresRow.frame)
        rows = rows.where(FrameMeasuresRow.thumbnail.is_not(None))
        frame, detector = FrameMeasuresRow.frame.expression, none
    else:
        images = select(FrameRow.id, none, FrameRow.image)
        rows = images.where(FrameRow.image.is_not(None), FrameRow.pruned_at.is_(None), _is_class(kind))
        frame, detector = FrameRow.id.expression, none
    return rows.join(CoilRow, CoilRow.id == FrameRow.coil).where(*old), frame, detector  # type: ignore[return-value]


def _found() -> ColumnElement[bool]:
    """Whether a label (superseded ones count), an alarm or a finding of any detector rests on the frame."""
    label = exists().where(LabelRow.frame == FrameRow.id)
    other = FrameResultRow.__table__.alias("verdicts")
    alarm = exists().where(other.c.frame == FrameRow.id, other.c.verdict.in_(_ALARMS))
    finding = exists().where(other.c.frame == FrameRow.id, FindingRow.result == other.c.seq)
    return or_(label, alarm, finding)


def _is_class(kind: ImageClass) -> ColumnElement[bool]:
    passed = exists().where(FrameResultRow.frame == FrameRow.id, FrameResultRow.verdict == Verdict.PASS.value)
    if kind is ImageClass.UNUSABLE:
        return FrameRow.reason.is_not(None)
    if kind is ImageClass.PASSED:
        return and_(FrameRow.reason.is_(None), passed)
    if kind is ImageClass.UNJUDGED:
        return and_(FrameRow.reason.is_(None), ~passed)
    raise BadDataError(f"images of class {kind.value!r} are never pruned")


def _locked(session: Session, keys: Sequence[Key]) -> list[Key]:
    """Return the keys whose frames nobody is labelling or judging just now, locked against both until the end.

    On PostgreSQL a label or a verdict locks its frame by its foreign key, so a row that is free now stays without new
    ones; those that are not free are left for the next run instead of waited for. SQLite has one writer.
    """
    frames = {frame for frame, _ in keys}
    query = select(FrameRow.id).where(FrameRow.id.in_(frames)).with_for_update(skip_locked=True)
    free = set(session.scalars(query))
    return [key for key in keys if key[0] in free]


def _mark(session: Session, kind: ImageClass, keys: Sequence[Key], *, at: datetime) -> None:
    frames = [frame for frame, _ in keys]
    if kind is ImageClass.HEATMAP:
        of_key = tuple_(FrameResultRow.frame, FrameResultRow.detector).in_(keys)
        # The frames once more: SQLite finds them by the index, pairs of columns it does not.
        marking = update(FrameResultRow).where(FrameResultRow.frame.in_(frames), of_key).values(heatmap=None)
    elif kind is ImageClass.THUMBNAIL:
        marking = update(FrameMeasuresRow).where(FrameMeasuresRow.frame.in_(frames)).values(thumbnail=None)
    else:
        marking = update(FrameRow).where(FrameRow.id.in_(frames)).values(pruned_at=at)
    session.execute(marking, execution_options={"synchronize_session": False})
