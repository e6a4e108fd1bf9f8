"""The review queue in SQL; every change keeps its groups' sizes, values and leads right in the same transaction."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, case, func, insert, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import Reason, group_value
from inspect_pipeline.domain.review_records import (
    Division,
    GroupPage,
    ItemKey,
    ItemState,
    Leader,
    OpenRegion,
    PlacedItem,
    ReviewItem,
    TypeCount,
    Ungrouped,
    WaitingFinding,
)
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.store import review_queries as queries
from inspect_pipeline.store.labels import label_of
from inspect_pipeline.store.review_arrivals import add_arrivals
from inspect_pipeline.store.review_tables import ReviewGroupRow, ReviewItemRow, ReviewSkipRow
from inspect_pipeline.store.rows import insert_into
from inspect_pipeline.store.tables import CoilRow, FindingRow, FrameResultRow, FrameRow, LabelRow

_NEVER_WAITED = 0.0
"""The uncertainty of a finding that is an item only because someone labelled it; that of what waits is above."""


class SqlReviews:
    """The queue in one transaction; see ``ReviewBook`` for what each method promises."""

    def __init__(self, session: Session, writing: Callable[[], Session]) -> None:
        self._session = session
        self._writing = writing

    def add(self, coil: str, results: Sequence[FrameResult], waiting: Sequence[WaitingFinding]) -> int:
        """Put in the queue what waits of verdicts just added; return how many are new and open."""
        session = self._writing()
        new, replaced = add_arrivals(session, coil, results, waiting)
        self._resize(Counter({group: -count for group, count in replaced.items()}))
        return new

    def groups(
        self, line: str, recipe: str, *, person: str, now: datetime, offset: int = 0, limit: int = 30
    ) -> GroupPage:
        """Return groups with open items, the most valuable first."""
        return queries.group_page(self._session, line, recipe, person=person, now=now, offset=offset, limit=limit)

    def items(self, group: int, *, person: str, now: datetime, offset: int = 0, limit: int = 60) -> list[ReviewItem]:
        """Return a group's items: open ones by informativeness, then closed ones."""
        return queries.group_items(self._session, group, person=person, now=now, offset=offset, limit=limit)

    def item(self, key: ItemKey) -> ReviewItem | None:
        """Return a finding, whether it waits or not, or None."""
        return next(iter(queries.items_of(self._session, [key])), None)

    def nearby(self, item: ReviewItem, *, lines: int, limit: int) -> list[ReviewItem]:
        """Return other findings of the same version on frames that begin at most ``lines`` away, nearest first."""
        return queries.nearby(self._session, item, lines=lines, limit=limit)

    def ungrouped(self, line: str, recipe: str, *, limit: int) -> list[Ungrouped]:
        """Return open items without a group, oldest first."""
        row = ReviewItemRow
        waiting = (row.line == line, row.recipe == recipe, row.group_id.is_(None), row.state == ItemState.OPEN.value)
        query = select(row).where(*waiting).order_by(row.result, row.ordinal).limit(limit)
        return [_ungrouped(found) for found in self._session.scalars(query)]

    def leaders(self, division: Division) -> list[Leader]:
        """Return the leaders of a division's groups, oldest first."""
        row = ReviewGroupRow
        inside = (row.line == division.line, row.recipe == division.recipe, row.reason == division.reason)
        query = select(row.id, row.nearest_type, row.leader).where(
            *inside, row.name == division.name, row.space == division.space
        )
        return [
            Leader(group=group, nearest_type=nearest, point=point)
            for group, nearest, point in self._session.execute(query.order_by(row.id))
        ]

    def add_group(self, leader: Ungrouped) -> int:
        """Make a group that the item leads and return its number."""
        division = leader.division
        values = {
            "line": division.line,
            "recipe": division.recipe,
            "reason": division.reason,
            "name": division.name,
            "space": division.space,
            "nearest_type": leader.nearest_type,
            "leader": leader.point,
            "size": 0,
            "value": 0.0,
        }
        made = self._writing().execute(insert(ReviewGroupRow).values(values).returning(ReviewGroupRow.id))
        return int(made.scalar_one())

    def place(self, items: Sequence[PlacedItem]) -> None:
        """Put items in groups."""
        session, grown = self._writing(), Counter[int]()
        for item in items:
            values = {"group_id": item.group, "informativeness": item.informativeness}
            one = (ReviewItemRow.result == item.key.result, ReviewItemRow.ordinal == item.key.ordinal)
            free = (ReviewItemRow.group_id.is_(None), ReviewItemRow.state == ItemState.OPEN.value)
            taken = session.scalars(
                update(ReviewItemRow).where(*one, *free).values(values).returning(ReviewItemRow.result)
            )
            grown[item.group] += len(taken.all())
        self._resize(grown)

    def hold(self, keys: Sequence[ItemKey]) -> None:
        """Hold the items until the transaction ends; a finding that never waited becomes a closed item."""
        session = self._writing()
        wanted = sorted(set(keys))
        row = ReviewItemRow
        pairs = tuple_(row.result, row.ordinal).in_([(key.result, key.ordinal) for key in wanted])
        query = select(row.result, row.ordinal).where(row.result.in_([key.result for key in wanted]), pairs)
        query = query.order_by(row.result, row.ordinal)
        held = {ItemKey(result=one, ordinal=at) for one, at in session.execute(query.with_for_update())}
        for key in wanted:
            if key not in held:
                self._make_closed(session, key)

    def close(self, keys: Sequence[ItemKey], label: str) -> None:
        """Settle items by a label."""
        closed = {"state": ItemState.CLOSED.value, "label": label}
        self._resize(self._moved(keys, ItemState.OPEN, closed, by=-1))
        session = self._writing()
        for key in keys:  # those that were closed already: the label of before is superseded
            one = (ReviewItemRow.result == key.result, ReviewItemRow.ordinal == key.ordinal)
            session.execute(update(ReviewItemRow).where(*one).values(closed))

    def reopen(self, labels: Sequence[str]) -> int:
        """Open the items again that one of these labels settled; return how many."""
        row, session = ReviewItemRow, self._writing()
        settled = (row.label.in_(labels), row.state == ItemState.CLOSED.value)
        query = select(row.result, row.ordinal).where(*settled, row.uncertainty > _NEVER_WAITED)
        found = session.execute(query.order_by(row.result, row.ordinal))
        keys = [ItemKey(result=result, ordinal=ordinal) for result, ordinal in found]
        self._resize(self._moved(keys, ItemState.CLOSED, {"state": ItemState.OPEN.value, "label": None}, by=1))
        session.execute(update(row).where(*settled).values(label=None))
        return len(keys)

    def skip(self, person: str, key: ItemKey, *, until: datetime) -> None:
        """Put an item behind for a person."""
        session = self._writing()
        values = {"person": person, "result": key.result, "ordinal": key.ordinal, "until": until}
        statement = insert_into(session, ReviewSkipRow).values(values)
        again = statement.on_conflict_do_update(index_elements=["person", "result", "ordinal"], set_={"until": until})
        session.execute(again)

    def open_on(self, frame: str) -> list[OpenRegion]:
        """Return the regions of a frame that wait."""
        item, finding = ReviewItemRow, FindingRow
        same = (finding.result == item.result) & (finding.ordinal == item.ordinal)
        query = select(finding).join(item, same).where(item.frame == frame, item.state == ItemState.OPEN.value)
        return [
            OpenRegion(
                key=ItemKey(result=row.result, ordinal=row.ordinal),
                frame=frame,
                roi=Roi(top=row.top, left=row.left, bottom=row.bottom, right=row.right),
            )
            for row in self._session.scalars(query.order_by(finding.result, finding.ordinal))
        ]

    def heatmap(self, frame: str, detector: str | None) -> str | None:
        """Return the content address of a version's heatmap of a frame, of the latest one that kept one for None."""
        row = FrameResultRow
        query = select(row.heatmap).where(row.frame == frame, row.heatmap.is_not(None)).order_by(row.seq.desc())
        return self._session.scalars(
            (query if detector is None else query.where(row.detector == detector)).limit(1)
        ).first()

    def label(self, label: str) -> Label | None:
        """Return one label, superseded or not."""
        row = self._session.scalars(select(LabelRow).where(LabelRow.id == label)).one_or_none()
        return None if row is None else label_of(row)

    def line_of(self, frame: str) -> tuple[str, str] | None:
        """Return (line, recipe) of a frame's coil, None for an unknown frame."""
        query = select(CoilRow.line, CoilRow.recipe).join(FrameRow, FrameRow.coil == CoilRow.id)
        row = self._session.execute(query.where(FrameRow.id == frame)).one_or_none()
        return None if row is None else (row[0], row[1])

    def successor(self, label: str) -> Label:
        """Return the label in force of the chain that this one belongs to. Raises NotFoundError."""
        found = queries.successors(self._session, [label])
        if label not in found:
            raise NotFoundError(f"there is no label {label[:80]!r}; it may be of another workspace")
        return found[label]

    def labels_on(self, frame: str) -> list[Label]:
        """Return all labels of a frame, superseded ones included, in the order they were appended."""
        query = select(LabelRow).where(LabelRow.frame == frame).order_by(LabelRow.seq)
        return [label_of(row) for row in self._session.scalars(query)]

    def labels(
        self, line: str, *, defect_type: str | None, role: LabelRole | None, offset: int, limit: int
    ) -> list[Label]:
        """Return labels in force of a line, latest first; withdrawn ones only when asked for by role."""
        query = _in_force(line).order_by(LabelRow.seq.desc())
        if defect_type is not None:
            query = query.where(LabelRow.defect_type == defect_type)
        query = query.where(LabelRow.role != LabelRole.WITHDRAWN.value if role is None else LabelRow.role == role.value)
        return [label_of(row) for row in self._session.scalars(query.offset(offset).limit(limit))]

    def type_counts(self, line: str) -> Mapping[str, TypeCount]:
        """Return of each type that labels in force of the line name how many do."""
        teaching = func.sum(case((LabelRow.role == LabelRole.SUPPORT.value, 1), else_=0))
        chosen = _in_force(line).where(LabelRow.role != LabelRole.WITHDRAWN.value, LabelRow.defect_type.is_not(None))
        query = chosen.with_only_columns(LabelRow.defect_type, func.count(), teaching).group_by(LabelRow.defect_type)
        return {
            str(name): TypeCount(labels=int(count), supports=int(supports))
            for name, count, supports in self._session.execute(query)
        }

    def _moved(
        self, keys: Sequence[ItemKey], before: ItemState, values: Mapping[str, object], *, by: int
    ) -> Counter[int]:
        """Change items that are in a state; return how the sizes of their groups change."""
        session, moved = self._writing(), Counter[int]()
        for key in sorted(set(keys)):
            one = (ReviewItemRow.result == key.result, ReviewItemRow.ordinal == key.ordinal)
            changed = update(ReviewItemRow).where(*one, ReviewItemRow.state == before.value).values(values)
            for group in session.scalars(changed.returning(ReviewItemRow.group_id)):
                if group is not None:
                    moved[group] += by
        return moved

    def _resize(self, changes: Mapping[int, int]) -> None:
        """Bring sizes, values and leads of groups in line with their items."""
        session = self._writing()
        for group, change in sorted(changes.items()):
            row = session.scalars(select(ReviewGroupRow).where(ReviewGroupRow.id == group).with_for_update()).one()
            best = queries.best_open(session, group)
            size = row.size + change
            values = {
                "size": size,
                "value": 0.0 if best is None else group_value(best[1], size),
                "lead_result": None if best is None else best[0].result,
                "lead_ordinal": None if best is None else best[0].ordinal,
            }
            session.execute(update(ReviewGroupRow).where(ReviewGroupRow.id == group).values(values))

    def _make_closed(self, session: Session, key: ItemKey) -> None:
        found = next(iter(queries.items_of(session, [key])), None)
        if found is None:
            raise NotFoundError(f"there is no item {key}; open the queue again")
        values = {
            "result": key.result,
            "ordinal": key.ordinal,
            "line": found.line,
            "recipe": found.recipe,
            "frame": found.frame,
            "reason": Reason.PROVISIONAL.value,
            "name": found.name,
            "space": "",
            "nearest_type": found.nearest_type,
            "uncertainty": _NEVER_WAITED,
            "informativeness": _NEVER_WAITED,
            "state": ItemState.CLOSED.value,
        }
        there = ["result", "ordinal"]
        session.execute(insert_into(session, ReviewItemRow).values(values).on_conflict_do_nothing(index_elements=there))


def _ungrouped(row: ReviewItemRow) -> Ungrouped:
    division = Division(line=row.line, recipe=row.recipe, reason=row.reason, name=row.name, space=row.space)
    return Ungrouped(
        key=ItemKey(result=row.result, ordinal=row.ordinal),
        division=division,
        nearest_type=row.nearest_type,
        uncertainty=row.uncertainty,
        point=row.point,
    )


def _in_force(line: str) -> Select[tuple[LabelRow]]:
    """Return the query of the labels of a line that nothing superseded."""
    later = aliased(LabelRow)
    replaced = select(later.seq).where(later.supersedes == LabelRow.id).exists()
    on_line = select(LabelRow).join(FrameRow, FrameRow.id == LabelRow.frame).join(CoilRow, CoilRow.id == FrameRow.coil)
    return on_line.where(CoilRow.line == line, ~replaced)
