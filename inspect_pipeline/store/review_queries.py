"""Findings of the review queue as people see them, read from SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from inspect_pipeline.domain.explanation import Explanation
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import Reason
from inspect_pipeline.domain.review_records import (
    GroupPage,
    ItemKey,
    ItemState,
    ReviewGroup,
    ReviewItem,
)
from inspect_pipeline.store.labels import label_of
from inspect_pipeline.store.review_tables import ReviewGroupRow, ReviewItemRow, ReviewSkipRow
from inspect_pipeline.store.tables import CoilRow, FindingRow, FrameResultRow, FrameRow, LabelRow

_KEYS_A_QUERY = 400
_PAIR = tuple_(FindingRow.result, FindingRow.ordinal)

_SHOWN = (
    *(FindingRow.result, FindingRow.ordinal, FindingRow.top, FindingRow.left, FindingRow.bottom, FindingRow.right),
    *(FindingRow.defect_type, FindingRow.life_cycle, FindingRow.score, FindingRow.crossweb_mm, FindingRow.downweb_m),
    *(FindingRow.width_mm, FindingRow.length_mm, FindingRow.runner_up, FindingRow.explanation),
    *(
        FrameResultRow.frame,
        FrameResultRow.coil,
        FrameResultRow.detector,
        FrameResultRow.verdict,
        FrameResultRow.heatmap,
    ),
    *(
        FrameRow.camera,
        FrameRow.captured_at,
        FrameRow.line_count,
        FrameRow.width_px,
        FrameRow.image,
        FrameRow.pruned_at,
    ),
    *(CoilRow.line, CoilRow.recipe),
    *(ReviewItemRow.reason, ReviewItemRow.informativeness, ReviewItemRow.group_id, ReviewItemRow.state),
    ReviewItemRow.label,
)
_GROUP = (
    *(ReviewGroupRow.id, ReviewGroupRow.size, ReviewGroupRow.reason, ReviewGroupRow.name, ReviewGroupRow.nearest_type),
    *(ReviewGroupRow.value, ReviewGroupRow.lead_result, ReviewGroupRow.lead_ordinal),
)
"""Columns and not whole rows: a page of groups is asked for all the time, and most of a row is not looked at."""


def group_page(
    session: Session, line: str, recipe: str, *, person: str, now: datetime, offset: int, limit: int
) -> GroupPage:
    """Return groups with open items, the most valuable first, without what the person put behind."""
    mine = (ReviewGroupRow.line == line, ReviewGroupRow.recipe == recipe, ReviewGroupRow.value > 0.0)
    grouped = int(session.scalar(select(func.sum(ReviewGroupRow.size)).where(*mine)) or 0)
    ungrouped = int(session.scalar(_without_group(line, recipe)) or 0)
    skipped = _skipped(session, person=person, now=now)
    settled = [group for group, count in skipped.items() if count >= _size(session, group)]
    order = (ReviewGroupRow.value.desc(), ReviewGroupRow.id.desc())
    query = select(*_GROUP).where(*mine, ReviewGroupRow.id.not_in(settled)).order_by(*order)
    rows = session.execute(query.offset(offset).limit(limit)).all()
    leads = _leads(session, rows, skipped, person=person, now=now)
    found = {item.key: item for item in items_of(session, list(leads.values()))}
    groups = [
        _group(row, found[leads[row.id]], skipped.get(row.id, 0))
        for row in rows
        if row.id in leads and leads[row.id] in found
    ]
    return GroupPage(waiting=grouped + ungrouped, ungrouped=ungrouped, groups=tuple(groups))


def group_items(
    session: Session, group: int, *, person: str, now: datetime, offset: int, limit: int
) -> list[ReviewItem]:
    """Return a group's open items without what the person put behind, then its closed ones."""
    waiting = _of_group(group, ItemState.OPEN).where(_not_skipped(person, now))
    keys = list(session.execute(waiting.offset(offset).limit(limit)))
    if len(keys) < limit:
        before = int(session.scalar(select(func.count()).select_from(waiting.order_by(None).subquery())) or 0)
        closed = _of_group(group, ItemState.CLOSED).offset(max(offset - before, 0)).limit(limit - len(keys))
        keys += list(session.execute(closed))
    return items_of(session, [ItemKey(result=result, ordinal=ordinal) for result, ordinal in keys])


def items_of(session: Session, keys: Sequence[ItemKey]) -> list[ReviewItem]:
    """Return findings in the order of their keys; one that is not there is left out."""
    rows: list[Row[Any]] = []
    for start in range(0, len(keys), _KEYS_A_QUERY):
        part = [(key.result, key.ordinal) for key in keys[start : start + _KEYS_A_QUERY]]
        # The verdicts by themselves too: SQLite looks through all rows for pairs.
        wanted = (FindingRow.result.in_([result for result, _ in part]), _PAIR.in_(part))
        rows += session.execute(_findings().where(*wanted)).all()
    found = {item.key: item for item in _seen(session, rows)}
    return [found[key] for key in keys if key in found]


def nearby(session: Session, item: ReviewItem, *, lines: int, limit: int) -> list[ReviewItem]:
    """Return other findings of the same version on frames that begin at most ``lines`` away, nearest first."""
    first_line = select(FrameRow.first_line).where(FrameRow.id == item.frame).scalar_subquery()
    query = _findings().where(
        FrameRow.coil == item.coil,
        FrameRow.first_line.between(first_line - lines, first_line + lines),
        FrameResultRow.detector == item.detector,
        or_(FindingRow.result != item.key.result, FindingRow.ordinal != item.key.ordinal),
    )
    away = func.abs(FindingRow.downweb_m - item.downweb_m)
    order = (away, func.abs(FindingRow.crossweb_mm - item.crossweb_mm), FindingRow.result, FindingRow.ordinal)
    return _seen(session, session.execute(query.order_by(*order).limit(limit)).all())


def successors(session: Session, labels: Sequence[str]) -> dict[str, Label]:
    """Return of each label the one in force at the end of its chain: itself where nothing superseded it."""
    last: dict[str, str] = {label: label for label in labels}
    while True:
        heads = sorted(set(last.values()))
        query = select(LabelRow.supersedes, LabelRow.id).where(LabelRow.supersedes.in_(heads)).order_by(LabelRow.seq)
        later = {before: after for before, after in session.execute(query) if before is not None}
        if not later:
            break
        last = {label: later.get(head, head) for label, head in last.items()}
    rows = session.scalars(select(LabelRow).where(LabelRow.id.in_(sorted(set(last.values())))))
    found = {row.id: label_of(row) for row in rows}
    return {label: found[head] for label, head in last.items() if head in found}


def best_open(session: Session, group: int) -> tuple[ItemKey, float] | None:
    """Return a group's most informative open item and its informativeness, None where none is open."""
    query = _of_group(group, ItemState.OPEN).add_columns(ReviewItemRow.informativeness).limit(1)
    row = session.execute(query).first()
    return None if row is None else (ItemKey(result=row[0], ordinal=row[1]), float(row[2]))


@cache
def _findings() -> Select[Any]:
    same = and_(ReviewItemRow.result == FindingRow.result, ReviewItemRow.ordinal == FindingRow.ordinal)
    return (
        select(*_SHOWN)
        .join(FrameResultRow, FrameResultRow.seq == FindingRow.result)
        .join(FrameRow, FrameRow.id == FrameResultRow.frame)
        .join(CoilRow, CoilRow.id == FrameRow.coil)
        .outerjoin(ReviewItemRow, same)
    )


def _seen(session: Session, rows: Sequence[Row[Any]]) -> list[ReviewItem]:
    settled = sorted({row.label for row in rows if row.label is not None})
    said = successors(session, settled) if settled else {}
    return [_item(row, said) for row in rows]


def _item(row: Row[Any], said: Mapping[str, Label]) -> ReviewItem:
    label = None if row.label is None else said.get(row.label)
    return ReviewItem(
        key=ItemKey(result=row.result, ordinal=row.ordinal),
        line=row.line,
        recipe=row.recipe,
        coil=row.coil,
        frame=row.frame,
        camera=row.camera,
        detector=row.detector,
        verdict=row.verdict,
        roi=Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right),
        name=row.defect_type,
        life_cycle=row.life_cycle,
        score=row.score,
        crossweb_mm=row.crossweb_mm,
        downweb_m=row.downweb_m,
        width_mm=row.width_mm,
        length_mm=row.length_mm,
        captured_at=row.captured_at,
        frame_height_px=row.line_count,
        frame_width_px=row.width_px,
        image=None if row.pruned_at is not None else row.image,
        heatmap=row.heatmap,
        runner_up=row.runner_up,
        explanation=None if row.explanation is None else Explanation.from_document(row.explanation),
        reason=None if row.reason is None else Reason(row.reason),
        informativeness=row.informativeness,
        group=row.group_id,
        state=None if row.state is None else ItemState(row.state),
        label=None if label is None or label.role is LabelRole.WITHDRAWN else label,
    )


def _group(row: Row[Any], lead: ReviewItem, skipped: int) -> ReviewGroup:
    return ReviewGroup(
        id=row.id,
        size=row.size - skipped,
        reason=Reason(row.reason),
        name=row.name,
        nearest_type=row.nearest_type,
        value=row.value,
        lead=lead,
    )


def _leads(
    session: Session, rows: Sequence[Row[Any]], skipped: Mapping[int, int], *, person: str, now: datetime
) -> dict[int, ItemKey]:
    leads: dict[int, ItemKey] = {}
    for row in rows:
        if row.id in skipped:
            query = _of_group(row.id, ItemState.OPEN).where(_not_skipped(person, now)).limit(1)
            own = session.execute(query).first()
            if own is not None:
                leads[row.id] = ItemKey(result=own[0], ordinal=own[1])
        elif row.lead_result is not None and row.lead_ordinal is not None:
            leads[row.id] = ItemKey(result=row.lead_result, ordinal=row.lead_ordinal)
    return leads


def _skipped(session: Session, *, person: str, now: datetime) -> dict[int, int]:
    """Return of each group how many of its open items the person put behind."""
    same = and_(ReviewItemRow.result == ReviewSkipRow.result, ReviewItemRow.ordinal == ReviewSkipRow.ordinal)
    query = (
        select(ReviewItemRow.group_id, func.count())
        .select_from(ReviewSkipRow)
        .join(ReviewItemRow, same)
        .where(ReviewSkipRow.person == person, ReviewSkipRow.until > now, ReviewItemRow.state == ItemState.OPEN.value)
        .group_by(ReviewItemRow.group_id)
    )
    return {group: count for group, count in session.execute(query) if group is not None}


def _size(session: Session, group: int) -> int:
    return int(session.scalar(select(ReviewGroupRow.size).where(ReviewGroupRow.id == group)) or 0)


def _of_group(group: int, state: ItemState) -> Select[tuple[int, int]]:
    row = ReviewItemRow
    return (
        select(row.result, row.ordinal)
        .where(row.group_id == group, row.state == state.value)
        .order_by(row.informativeness.desc(), row.result.desc(), row.ordinal.desc())
    )


def _not_skipped(person: str, now: datetime) -> ColumnElement[bool]:
    behind = select(ReviewSkipRow.person).where(
        ReviewSkipRow.person == person,
        ReviewSkipRow.result == ReviewItemRow.result,
        ReviewSkipRow.ordinal == ReviewItemRow.ordinal,
        ReviewSkipRow.until > now,
    )
    return ~behind.exists()


def _without_group(line: str, recipe: str) -> Select[tuple[int]]:
    row = ReviewItemRow
    open_ones = (row.group_id.is_(None), row.state == ItemState.OPEN.value)
    return select(func.count()).select_from(row).where(row.line == line, row.recipe == recipe, *open_ones)
