"""Coils and their frames in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from inspect_pipeline.domain.ledger import Span
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.records import CameraExtent
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.store.measures import measures_of, measures_row
from inspect_pipeline.store.rows import add_new
from inspect_pipeline.store.tables import CoilRow, FrameMeasuresRow, FrameRow

_KEYS_A_QUERY = 500
_FRAME_COLUMNS = tuple(field.name for field in fields(CapturedFrame) if field.name != "measures")
_COIL_COLUMNS = tuple(field.name for field in fields(Coil))


def add_coil(session: Session, coil: Coil) -> bool:
    """Add the coil; False when it was there. Raises BadDataError when it was there for another line or direction."""
    values = {**{name: getattr(coil, name) for name in _COIL_COLUMNS}, "cameras": list(coil.cameras)}
    if add_new(session, CoilRow, [values], key=["id"]):
        return True
    known = coil_of(session.scalars(select(CoilRow).where(CoilRow.id == coil.id)).one())
    if known.line != coil.line:
        raise BadDataError(
            f"coil {coil.id} is one of line {known.line}, not of {coil.line}; give another id or that line"
        )
    if (known.reversed, known.offset_m) != (coil.reversed, coil.offset_m):
        raise BadDataError(
            f"coil {coil.id} was taken in {_way(known)}, not {_way(coil)}; give this pass an id of its own"
        )
    return False


def find_coil(session: Session, coil: str) -> Coil | None:
    """Return the coil or None."""
    row = session.get(CoilRow, coil)
    return None if row is None else coil_of(row)


def list_coils(session: Session, *, line: str | None) -> list[Coil]:
    """Return the coils, oldest first."""
    query = select(CoilRow)
    if line is not None:
        query = query.where(CoilRow.line == line)
    coils = [coil_of(row) for row in session.scalars(query)]
    return sorted(coils, key=lambda coil: (coil.created_at, coil.id))


def expect(session: Session, coil: str, *, lines: int | None, cameras: Sequence[str]) -> None:
    """Set the expected length (None: leave it) and add the cameras. Raises NotFoundError for an unknown coil."""
    # The row is the lock: two writers add their cameras one after the other.
    row = session.scalars(select(CoilRow).where(CoilRow.id == coil).with_for_update()).first()
    if row is None:
        raise NotFoundError(f"there is no coil {coil}; ingest it first")
    wanted = sorted({*row.cameras, *cameras})
    length = row.expected_lines if lines is None else lines
    if (wanted, length) != (row.cameras, row.expected_lines):
        session.execute(update(CoilRow).where(CoilRow.id == coil).values(cameras=wanted, expected_lines=length))


def add_frames(session: Session, frames: Sequence[CapturedFrame]) -> int:
    """Add frames with their measures; return how many were new. Raises BadDataError for an id that another coil has."""
    # In the order of their keys, so that two writers of the same frames never wait for each other in a ring.
    ordered = sorted(frames, key=lambda frame: frame.id)
    values = [{name: getattr(frame, name) for name in _FRAME_COLUMNS} for frame in ordered]
    new = add_new(session, FrameRow, values, key=["id"])
    if new < len(ordered):
        _check_coil(session, ordered)
    measured = [measures_row(frame.id, frame.measures) for frame in ordered if frame.measures is not None]
    add_new(session, FrameMeasuresRow, measured, key=["frame"])
    return new


def list_frames(session: Session, coil: str) -> list[CapturedFrame]:
    """Return the frames of a coil by first line."""
    frames = list(_read(session, FrameRow.coil == coil))
    # Sorted here, since databases differ in how they order text.
    return sorted(frames, key=lambda frame: (frame.first_line, frame.camera, frame.sequence, frame.id))


def find_frame(session: Session, frame: str) -> CapturedFrame | None:
    """Return one frame or None."""
    return next(_read(session, FrameRow.id == frame), None)


def list_spans(session: Session, coil: str) -> list[Span]:
    """Return what the ledger needs of each capture of a coil, in no order."""
    columns = (FrameRow.id, FrameRow.camera, FrameRow.first_line, FrameRow.line_count)
    query = select(*columns, FrameRow.torn_lines, FrameRow.reason).where(FrameRow.coil == coil)
    return [
        Span(
            frame=row.id,
            camera=row.camera,
            first_line=row.first_line,
            line_count=row.line_count,
            torn_lines=row.torn_lines,
            reason=row.reason,
        )
        for row in session.execute(query)
    ]


def frame_keys(session: Session, coil: str) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (id, camera, source, whether a fingerprint made the id) of each capture of a coil."""
    query = select(FrameRow.id, FrameRow.camera, FrameRow.source, FrameRow.fingerprint, FrameRow.image)
    for row in session.execute(query.where(FrameRow.coil == coil)):
        yield row.id, row.camera, row.source, row.fingerprint is not None or row.image is None


def first_frames(session: Session, coil: str) -> list[CapturedFrame]:
    """Return of each camera of a coil the frame with the lowest first line among those with an encoder, by camera."""
    cameras = sorted(session.scalars(select(FrameRow.camera).where(FrameRow.coil == coil).distinct()))
    found: list[CapturedFrame] = []
    for camera in cameras:
        condition = (FrameRow.coil == coil) & (FrameRow.camera == camera) & FrameMeasuresRow.encoder.is_not(None)
        query = _joined().where(condition).order_by(FrameRow.first_line, FrameRow.sequence).limit(1)
        found += [_frame(row, measures) for row, measures in session.execute(query)]
    return found


def list_remarks(session: Session, coil: str) -> list[tuple[str, str | None, str | None]]:
    """Return (source, reason, note) of the captures of a coil that are unusable or odd, by first line."""
    odd = FrameRow.reason.is_not(None) | FrameRow.note.is_not(None)
    order = (FrameRow.first_line, FrameRow.camera, FrameRow.sequence, FrameRow.id)
    query = select(FrameRow.source, FrameRow.reason, FrameRow.note, *order).where((FrameRow.coil == coil) & odd)
    rows = sorted(session.execute(query), key=lambda row: (row.first_line, row.camera, row.sequence, row.id))
    return [(row.source, row.reason, row.note) for row in rows]


def first_usable(session: Session, coil: str, *, limit: int) -> list[CapturedFrame]:
    """Return the usable frames of a coil with the lowest first lines, those first."""
    query = _joined().where((FrameRow.coil == coil) & FrameRow.reason.is_(None))
    order = (FrameRow.first_line, FrameRow.camera, FrameRow.sequence, FrameRow.id)
    return [_frame(row, measures) for row, measures in session.execute(query.order_by(*order).limit(limit))]


def count_frames(session: Session, coil: str) -> int:
    """Return how many captures a coil has."""
    return session.scalars(select(func.count()).select_from(FrameRow).where(FrameRow.coil == coil)).one()


def mm_per_line_of(session: Session, coil: str) -> float:
    """Return the resolution downweb of a coil: that of its first frame with an image, 1 where none has one."""
    query = select(FrameRow.mm_per_px_along).where((FrameRow.coil == coil) & FrameRow.image.is_not(None))
    found = session.scalars(query.order_by(FrameRow.first_line, FrameRow.camera).limit(1)).first()
    return 1.0 if found is None else found


def list_extents(session: Session, coil: str) -> list[CameraExtent]:
    """Return how far the frames of each camera of a coil reach, by camera; captures without lines not counted."""
    end_line = FrameRow.first_line + FrameRow.line_count + FrameRow.torn_lines
    query = (
        select(
            FrameRow.camera,
            func.min(FrameRow.first_line).label("first_line"),
            func.min(FrameRow.captured_at).label("first_at"),
            func.max(FrameRow.first_line).label("last_line"),
            func.max(FrameRow.captured_at).label("last_at"),
            func.max(end_line).label("end_line"),
            func.max(FrameRow.sequence).label("last_sequence"),
        )
        .where((FrameRow.coil == coil) & (FrameRow.line_count > 0))
        .group_by(FrameRow.camera)
    )
    found = [CameraExtent(**row._mapping) for row in session.execute(query)]
    return sorted(found, key=lambda extent: extent.camera)


def _read(session: Session, condition: ColumnElement[bool]) -> Iterator[CapturedFrame]:
    for row, measures in session.execute(_joined().where(condition)):
        yield _frame(row, measures)


def _joined() -> Select[tuple[FrameRow, FrameMeasuresRow]]:
    return select(FrameRow, FrameMeasuresRow).outerjoin(FrameMeasuresRow, FrameMeasuresRow.frame == FrameRow.id)


def _check_coil(session: Session, frames: Sequence[CapturedFrame]) -> None:
    wanted = {frame.id: frame.coil for frame in frames}
    ids = list(wanted)
    for start in range(0, len(ids), _KEYS_A_QUERY):
        query = select(FrameRow.id, FrameRow.coil).where(FrameRow.id.in_(ids[start : start + _KEYS_A_QUERY]))
        for frame, coil in session.execute(query):
            if wanted[frame] != coil:
                raise BadDataError(f"frame {frame} is one of coil {coil}, not of {wanted[frame]}; give it another id")


def coil_of(row: CoilRow) -> Coil:
    """Return the coil of a row."""
    return Coil(
        id=row.id,
        line=row.line,
        recipe=row.recipe,
        family=row.family,
        created_at=row.created_at,
        expected_lines=row.expected_lines,
        cameras=tuple(row.cameras),
        reversed=row.reversed,
        offset_m=row.offset_m,
    )


def _frame(row: FrameRow, measures: FrameMeasuresRow | None) -> CapturedFrame:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in _FRAME_COLUMNS}
    return CapturedFrame(**values, measures=None if measures is None else measures_of(measures))


def _way(coil: Coil) -> str:
    return f"{'against' if coil.reversed else 'along'} the coil from {coil.offset_m:g} m"
