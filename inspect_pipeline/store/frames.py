"""Coils, their frames and their gaps in SQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.material import CapturedFrame, Coil, Gap
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.store.rows import add_new, insert_into
from inspect_pipeline.store.tables import CoilRow, FrameRow, GapRow

_KEYS_A_QUERY = 500


def add_coil(session: Session, coil: Coil) -> bool:
    """Add the coil; False when it was there. Raises BadDataError when it was there for another line."""
    if add_new(session, CoilRow, [asdict(coil)], key=["id"]):
        return True
    line = session.scalars(select(CoilRow.line).where(CoilRow.id == coil.id)).one()
    if line != coil.line:
        raise BadDataError(f"coil {coil.id} is one of line {line}, not of {coil.line}; give another id or that line")
    return False


def find_coil(session: Session, coil: str) -> Coil | None:
    """Return the coil or None."""
    row = session.get(CoilRow, coil)
    return None if row is None else _coil(row)


def list_coils(session: Session, *, line: str | None) -> list[Coil]:
    """Return the coils, oldest first."""
    query = select(CoilRow)
    if line is not None:
        query = query.where(CoilRow.line == line)
    coils = [_coil(row) for row in session.scalars(query)]
    return sorted(coils, key=lambda coil: (coil.created_at, coil.id))


def add_frames(session: Session, frames: Sequence[CapturedFrame]) -> int:
    """Add frames; return how many were new. Raises BadDataError for an id that another coil has."""
    # In the order of their keys, so that two writers of the same frames never wait for each other in a ring.
    ordered = sorted(frames, key=lambda frame: frame.id)
    new = add_new(session, FrameRow, [asdict(frame) for frame in ordered], key=["id"])
    if new < len(ordered):
        _check_coil(session, ordered)
    return new


def list_frames(session: Session, coil: str) -> list[CapturedFrame]:
    """Return the frames of a coil by first line."""
    frames = [_frame(row) for row in session.scalars(select(FrameRow).where(FrameRow.coil == coil))]
    # Sorted here, since databases differ in how they order text.
    return sorted(frames, key=lambda frame: (frame.first_line, frame.camera, frame.sequence, frame.id))


def find_frame(session: Session, frame: str) -> CapturedFrame | None:
    """Return one frame or None."""
    row = session.get(FrameRow, frame)
    return None if row is None else _frame(row)


def replace_gaps(session: Session, coil: str, gaps: Sequence[Gap]) -> None:
    """Set the missing intervals of a coil. Raises NotFoundError for an unknown coil."""
    # The coil's row is the lock: two writers replace one after the other.
    if session.scalars(select(CoilRow.id).where(CoilRow.id == coil).with_for_update()).first() is None:
        raise NotFoundError(f"there is no coil {coil}; ingest it first")
    session.execute(delete(GapRow).where(GapRow.coil == coil))
    if gaps:
        values = [{"coil": coil, "ordinal": ordinal, **asdict(gap)} for ordinal, gap in enumerate(gaps)]
        session.connection().execute(insert_into(session, GapRow), values)


def list_gaps(session: Session, coil: str) -> list[Gap]:
    """Return the missing intervals, head first."""
    query = select(GapRow).where(GapRow.coil == coil).order_by(GapRow.first_line, GapRow.ordinal)
    return [
        Gap(first_line=row.first_line, line_count=row.line_count, reason=row.reason) for row in session.scalars(query)
    ]


def _check_coil(session: Session, frames: Sequence[CapturedFrame]) -> None:
    wanted = {frame.id: frame.coil for frame in frames}
    ids = list(wanted)
    for start in range(0, len(ids), _KEYS_A_QUERY):
        query = select(FrameRow.id, FrameRow.coil).where(FrameRow.id.in_(ids[start : start + _KEYS_A_QUERY]))
        for frame, coil in session.execute(query):
            if wanted[frame] != coil:
                raise BadDataError(f"frame {frame} is one of coil {coil}, not of {wanted[frame]}; give it another id")


def _coil(row: CoilRow) -> Coil:
    return Coil(id=row.id, line=row.line, recipe=row.recipe, family=row.family, created_at=row.created_at)


def _frame(row: FrameRow) -> CapturedFrame:
    return CapturedFrame(
        id=row.id,
        coil=row.coil,
        camera=row.camera,
        sequence=row.sequence,
        source=row.source,
        first_line=row.first_line,
        line_count=row.line_count,
        width_px=row.width_px,
        captured_at=row.captured_at,
        mm_per_px_across=row.mm_per_px_across,
        mm_per_px_along=row.mm_per_px_along,
        image=row.image,
        reason=row.reason,
    )
