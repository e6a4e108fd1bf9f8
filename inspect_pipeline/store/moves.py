"""Changes of the version in force that were begun, and what the records say is in force."""

from dataclasses import asdict

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.in_force import MoveKind, PendingMove, Standing
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.store.rows import add_new
from inspect_pipeline.store.tables import PendingMoveRow, PromotionRow


def begin_move(session: Session, move: PendingMove) -> None:
    """Note the change. Raises RefusedError when another one of the model was begun and not concluded."""
    if not add_new(session, PendingMoveRow, [{**asdict(move), "kind": move.kind.value}], key=["model"]):
        raise RefusedError(f"another change of {move.model} is under way; look at its outcome, then try again")


def end_move(session: Session, model: str) -> None:
    """Forget the change that was begun."""
    session.execute(delete(PendingMoveRow).where(PendingMoveRow.model == model))


def pending_moves(session: Session) -> list[PendingMove]:
    """Return the changes that were begun and not concluded, by model."""
    return [_move(row) for row in session.scalars(select(PendingMoveRow).order_by(PendingMoveRow.model))]


def standing(session: Session, model: str) -> Standing:
    """Return what the records say of the model."""
    query = select(PromotionRow.to_version).where(PromotionRow.model == model).order_by(PromotionRow.seq.desc())
    pending = session.get(PendingMoveRow, model)
    return Standing(
        recorded=session.scalars(query.limit(1)).first(), pending=None if pending is None else _move(pending)
    )


def _move(row: PendingMoveRow) -> PendingMove:
    return PendingMove(
        model=row.model,
        kind=MoveKind(row.kind),
        from_version=row.from_version,
        to_version=row.to_version,
        previous_before=row.previous_before,
        challenger_before=row.challenger_before,
        operator=row.operator,
        reason=row.reason,
        at=row.at,
    )
