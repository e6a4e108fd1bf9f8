"""What was done: stages, promotions and steps of types, appended in SQL."""

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.domain.taxonomy import LifeCycle, TypeMove
from inspect_pipeline.store.tables import PromotionRow, StageRunRow, TypeMoveRow


def add_stage(session: Session, run: StageRun) -> None:
    """Append what a stage did and how long it took."""
    values = {
        "stage": run.stage,
        "started_at": run.started_at,
        "seconds": float(run.seconds),
        "coil": run.coil,
        "model": run.model,
        "detail": dict(run.detail),
    }
    session.execute(insert(StageRunRow).values(values))


def list_stages(session: Session, *, coil: str | None) -> list[StageRun]:
    """Return the stages recorded, oldest first."""
    query = select(StageRunRow).order_by(StageRunRow.started_at, StageRunRow.seq)
    if coil is not None:
        query = query.where(StageRunRow.coil == coil)
    return [
        StageRun(
            stage=row.stage,
            started_at=row.started_at,
            seconds=row.seconds,
            coil=row.coil,
            model=row.model,
            detail=row.detail,
        )
        for row in session.scalars(query)
    ]


def add_promotion(session: Session, promotion: Promotion) -> None:
    """Append a promotion or rollback."""
    values = {
        "model": promotion.model,
        "from_version": promotion.from_version,
        "to_version": promotion.to_version,
        "operator": promotion.operator,
        "reason": promotion.reason,
        "at": promotion.at,
        "kind": promotion.kind.value,
    }
    session.execute(insert(PromotionRow).values(values))


def list_promotions(session: Session, model: str) -> list[Promotion]:
    """Return the promotions of a model, oldest first."""
    query = select(PromotionRow).where(PromotionRow.model == model).order_by(PromotionRow.seq)
    return [
        Promotion(
            model=row.model,
            from_version=row.from_version,
            to_version=row.to_version,
            operator=row.operator,
            reason=row.reason,
            at=row.at,
            kind=MoveKind(row.kind),
        )
        for row in session.scalars(query)
    ]


def add_type_move(session: Session, move: TypeMove) -> None:
    """Append a step of a type in its life cycle."""
    values = {
        "line": move.line,
        "defect_type": move.defect_type,
        "before": None if move.before is None else move.before.value,
        "after": move.after.value,
        "operator": move.operator,
        "reason": move.reason,
        "at": move.at,
    }
    session.execute(insert(TypeMoveRow).values(values))


def list_type_moves(session: Session, line: str, *, defect_type: str | None) -> list[TypeMove]:
    """Return the steps of a line's types, or of one of them, in the order they were appended."""
    query = select(TypeMoveRow).where(TypeMoveRow.line == line).order_by(TypeMoveRow.seq)
    if defect_type is not None:
        query = query.where(TypeMoveRow.defect_type == defect_type)
    return [
        TypeMove(
            line=row.line,
            defect_type=row.defect_type,
            before=None if row.before is None else LifeCycle(row.before),
            after=LifeCycle(row.after),
            operator=row.operator,
            reason=row.reason,
            at=row.at,
        )
        for row in session.scalars(query)
    ]
