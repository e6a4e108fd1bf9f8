"""Labels and the defect types they name in SQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, Region, RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.store.rows import Values, add_new, insert_into
from inspect_pipeline.store.tables import CoilRow, DefectTypeRow, FrameRow, LabelRow


def add_labels(session: Session, labels: Sequence[Label]) -> int:
    """Append labels in the order given; return how many were new."""
    return add_new(session, LabelRow, [_values(label) for label in labels], key=["id"])


def list_labels(session: Session, *, line: str | None, coil: str | None, role: LabelRole | None) -> list[Label]:
    """Return the labels (superseded ones included) in the order they were appended."""
    query = select(LabelRow).order_by(LabelRow.seq)
    if line is not None or coil is not None:
        query = query.join(FrameRow, FrameRow.id == LabelRow.frame)
    if line is not None:
        query = query.join(CoilRow, CoilRow.id == FrameRow.coil).where(CoilRow.line == line)
    if coil is not None:
        query = query.where(FrameRow.coil == coil)
    if role is not None:
        query = query.where(LabelRow.role == role.value)
    return [label_of(row) for row in session.scalars(query)]


def put_type(session: Session, line: str, defect_type: DefectType) -> None:
    """Add the type to the line's taxonomy or move it in its life cycle."""
    statement = insert_into(session, DefectTypeRow).values(line=line, **asdict(defect_type))
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["line", "name"], set_={"life_cycle": statement.excluded["life_cycle"]}
        )
    )


def list_types(session: Session, line: str) -> list[DefectType]:
    """Return the line's types by name."""
    rows = session.scalars(select(DefectTypeRow).where(DefectTypeRow.line == line))
    types = [DefectType(name=row.name, life_cycle=LifeCycle(row.life_cycle)) for row in rows]
    return sorted(types, key=lambda kind: kind.name)


def _values(label: Label) -> Values:
    return {
        "id": label.id,
        "frame": label.region.frame,
        **asdict(label.region.roi),
        "mask": label.region.mask,
        "source": label.region.source.value,
        "kind": label.kind.value,
        "operator": label.operator,
        "labelled_at": label.labelled_at,
        "defect_type": label.defect_type,
        "role": label.role.value,
        "origin": label.origin.value,
        "severity": label.severity,
        "supersedes": label.supersedes,
        "leakage_group": label.group,
    }


def label_of(row: LabelRow) -> Label:
    """Return the label of a row."""
    roi = Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right)
    return Label(
        id=row.id,
        region=Region(frame=row.frame, roi=roi, mask=row.mask, source=RegionSource(row.source)),
        kind=LabelKind(row.kind),
        operator=row.operator,
        labelled_at=row.labelled_at,
        defect_type=row.defect_type,
        role=LabelRole(row.role),
        origin=Origin(row.origin),
        severity=row.severity,
        supersedes=row.supersedes,
        group=row.leakage_group,
    )
