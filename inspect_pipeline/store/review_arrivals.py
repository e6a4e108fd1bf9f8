"""New verdicts come to the review queue in SQL: what waits is put in, what a later version found anew is replaced."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session, aliased

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import same_region
from inspect_pipeline.domain.review_records import ItemKey, ItemState, WaitingFinding
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.store.review_tables import ReviewItemRow
from inspect_pipeline.store.rows import Values, insert_into, table_of
from inspect_pipeline.store.tables import CoilRow, FindingRow, FrameResultRow, LabelRow

_Key = tuple[str, str]


def add_arrivals(
    session: Session, coil: str, results: Sequence[FrameResult], waiting: Sequence[WaitingFinding]
) -> tuple[int, Mapping[int, int]]:
    """Put in what waits; return how many are new and open, and of each group how many of its items were replaced."""
    numbers = _numbers(session, results)
    replaced = _replace(session, results, numbers)
    place = session.execute(select(CoilRow.line, CoilRow.recipe).where(CoilRow.id == coil)).one_or_none()
    if place is None:
        raise NotFoundError(f"coil {coil!r} is not in the catalog; ingest it first")
    said = _said(session, sorted({item.frame for item in waiting}))
    findings = {(result.frame, result.detector): result.findings for result in results}
    rows = []
    for item in waiting:
        finding = findings[item.frame, item.detector][item.ordinal]
        label = next((one for roi, one in said.get(item.frame, ()) if same_region(roi, finding.roi)), None)
        nearest = None if finding.explanation is None else finding.explanation.nearest_type
        row = _values(item, numbers[item.frame, item.detector], line=place[0], recipe=place[1], label=label)
        rows.append({**row, "name": finding.defect_type, "nearest_type": nearest})
    return _insert(session, rows), replaced


def _insert(session: Session, rows: Sequence[Values]) -> int:
    if not rows:
        return 0
    statement = insert_into(session, ReviewItemRow).on_conflict_do_nothing(index_elements=["result", "ordinal"])
    columns = table_of(ReviewItemRow).c
    new = session.connection().execute(statement.returning(columns.state), list(rows))
    return sum(state == ItemState.OPEN.value for (state,) in new)


def _numbers(session: Session, results: Sequence[FrameResult]) -> dict[_Key, int]:
    row = FrameResultRow
    keys = [(result.frame, result.detector) for result in results]
    pairs = tuple_(row.frame, row.detector).in_(keys)
    query = select(row.frame, row.detector, row.seq).where(row.frame.in_([frame for frame, _ in keys]), pairs)
    return {(frame, detector): number for frame, detector, number in session.execute(query)}


def _replace(session: Session, results: Sequence[FrameResult], numbers: Mapping[_Key, int]) -> Counter[int]:
    """Mark open items whose region one of the verdicts found again; return of each group how many."""
    item, finding = ReviewItemRow, FindingRow
    same = (finding.result == item.result) & (finding.ordinal == item.ordinal)
    frames = sorted({result.frame for result in results if result.findings})
    query = select(item.frame, item.group_id, finding).join(finding, same)
    query = query.where(item.frame.in_(frames), item.state == ItemState.OPEN.value)
    found: dict[str, list[tuple[int, Roi]]] = defaultdict(list)
    for result in results:
        own = numbers[result.frame, result.detector]
        found[result.frame] += [(own, one.roi) for one in result.findings]
    counts = Counter[int]()
    for frame, group, old in session.execute(query).all():
        roi = Roi(top=old.top, left=old.left, bottom=old.bottom, right=old.right)
        if any(number > old.result and same_region(roi, new) for number, new in found[frame]):
            _mark_replaced(session, ItemKey(result=old.result, ordinal=old.ordinal))
            if group is not None:
                counts[group] += 1
    return counts


def _mark_replaced(session: Session, key: ItemKey) -> None:
    one = (ReviewItemRow.result == key.result, ReviewItemRow.ordinal == key.ordinal)
    session.execute(update(ReviewItemRow).where(*one).values(state=ItemState.REPLACED.value))


def _said(session: Session, frames: Sequence[str]) -> dict[str, list[tuple[Roi, str]]]:
    """Return the regions of the labels in force on these frames, those appended last first."""
    later = aliased(LabelRow)
    replaced = select(later.seq).where(later.supersedes == LabelRow.id).exists()
    query = select(LabelRow).where(LabelRow.frame.in_(frames), LabelRow.role != LabelRole.WITHDRAWN.value, ~replaced)
    said: dict[str, list[tuple[Roi, str]]] = defaultdict(list)
    for row in session.scalars(query.order_by(LabelRow.seq.desc())):
        said[row.frame].append((Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right), row.id))
    return said


def _values(item: WaitingFinding, number: int, *, line: str, recipe: str, label: str | None) -> Values:
    return {
        "result": number,
        "ordinal": item.ordinal,
        "line": line,
        "recipe": recipe,
        "frame": item.frame,
        "reason": item.reason.value,
        "space": item.space or "",
        "point": item.point,
        "uncertainty": item.uncertainty,
        "informativeness": item.uncertainty,
        "state": (ItemState.OPEN if label is None else ItemState.CLOSED).value,
        "label": label,
    }
