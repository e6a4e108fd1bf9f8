"""What people say of regions: appended rows that supersede each other, with a word to who comes second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region, in_force
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.review import same_region
from inspect_pipeline.domain.review_records import ItemKey, ReviewItem
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle, TypeMove, checked_type
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.imaging.region_mask import encoded_mask, read_mask
from inspect_pipeline.services.ports import Catalog, CatalogUnit, ImageStore

MOST_AT_ONCE = 500
SEVERITIES = range(1, 6)
"""From 1 (cosmetic) to 5 (scrap)."""

_BEHIND = timedelta(hours=8)
_AGREED = frozenset({LabelRole.GATE, LabelRole.GOLDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An item, and the label that the person saw in force on it (None: none)."""

    item: ItemKey
    expected: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says; ``box`` and ``mask`` (PNG bytes of the box's size) correct where the defect is."""

    kind: LabelKind
    defect_type: str | None = None
    severity: int | None = None
    box: Roi | None = None
    mask: bytes | None = None

    def __post_init__(self) -> None:
        if (self.defect_type is not None) != (self.kind is LabelKind.DEFECT):
            raise BadDataError("a defect needs a type, and 'not a defect' must have none")
        if self.severity is not None and (self.severity not in SEVERITIES or self.kind is not LabelKind.DEFECT):
            raise BadDataError(f"severity {self.severity} cannot be; give a defect 1 (cosmetic) to 5 (scrap), or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """Labels items and regions. ``new_id`` gives a name that no label has yet.

    A label of the queue is held out: it only measures, until someone picks it for a teaching. One that says the same
    type as the label before it keeps that one's role.
    """

    catalog: Catalog
    images: ImageStore
    clock: Clock
    new_id: Callable[[], str]

    def label_items(self, targets: Sequence[Target], said: Said, *, operator: str) -> list[Label]:
        """Label items in one transaction, all or none, in their order.

        Raises RefusedError (who said what and when) where another label is in force than the person saw; NotFoundError;
        BadDataError for a region with several items, or one outside its frame.
        """
        keys = [target.item for target in targets]
        if not 0 < len(keys) <= MOST_AT_ONCE or len(set(keys)) < len(keys):
            raise BadDataError(f"{len(keys)} items cannot be labelled at once; give 1 to {MOST_AT_ONCE}, each once")
        if len(keys) > 1 and (said.box is not None or said.mask is not None):
            raise BadDataError("a corrected region is one item's; label the others without it")
        with self.catalog.transaction() as unit:
            unit.reviews.hold(keys)
            found = [(_item(unit, target.item), target) for target in targets]
            for item, target in found:
                _refuse_other(item.label, target.expected)
            said = self._checked_type(unit, {item.line for item, _ in found}, said, operator)
            made = [
                self._label(_frame(unit, item.frame), said.box or item.roi, said, item.label, operator)
                for item, _ in found
            ]
            unit.add_labels(made)
            for (item, _), label in zip(found, made, strict=True):
                self._settle(unit, label, also=[item.key])
        return made

    def label_region(self, frame: str, said: Said, *, expected: str | None, operator: str) -> Label:
        """Label any region of a frame (``said.box``); what waits there is settled by it. Raises as ``label_items``."""
        box = said.box
        if box is None:
            raise BadDataError("a region of a frame needs its box; give top, left, bottom and right in px")
        with self.catalog.transaction() as unit:
            where = unit.reviews.line_of(frame)
            if where is None:
                raise NotFoundError(f"there is no frame {frame[:80]!r}")
            unit.reviews.hold([one.key for one in unit.reviews.open_on(frame)])
            before = _said_of(unit, frame, box)
            _refuse_other(before, expected)
            said = self._checked_type(unit, {where[0]}, said, operator)
            made = self._label(_frame(unit, frame), box, said, before, operator)
            unit.add_labels([made])
            self._settle(unit, made)
        return made

    def undo(self, label: str, *, operator: str) -> Label:
        """Take a label back: a withdrawn one supersedes it, and what it settled is open again.

        Raises RefusedError when something else was said of the region since, or the label is one that all agreed on.
        """
        with self.catalog.transaction() as unit:
            now = unit.reviews.successor(label)
            if now.id != label or now.role is LabelRole.WITHDRAWN:
                raise RefusedError(f"this label is no longer in force: {_who(now)}; look at the region again")
            _refuse_agreed(now)
            taken = replace(
                now,
                id=self.new_id(),
                role=LabelRole.WITHDRAWN,
                operator=operator,
                labelled_at=self.clock(),
                supersedes=now.id,
            )
            unit.add_labels([taken])
            unit.reviews.reopen(_chain(unit, now))
        return taken

    def skip(self, key: ItemKey, *, person: str) -> None:
        """Put an item behind for a person until the next shift. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            _item(unit, key)
            unit.reviews.skip(person, key, until=self.clock() + _BEHIND)

    def _label(self, frame: CapturedFrame, roi: Roi, said: Said, before: Label | None, operator: str) -> Label:
        if roi.bottom > frame.line_count or roi.right > frame.width_px:
            raise BadDataError(
                f"box rows {roi.top}..{roi.bottom}, columns {roi.left}..{roi.right} leaves its frame of "
                f"{frame.line_count} x {frame.width_px} px"
            )
        mask = None if said.mask is None else encoded_mask(read_mask(said.mask, roi))
        return Label(
            id=self.new_id(),
            region=Region(frame=frame.id, roi=roi, mask=None if mask is None else self.images.put(mask, suffix="png")),
            kind=said.kind,
            operator=operator,
            labelled_at=self.clock(),
            defect_type=said.defect_type,
            role=_role(said, before),
            severity=said.severity,
            supersedes=None if before is None else before.id,
            group=None if before is None else before.group,
        )

    def _checked_type(self, unit: CatalogUnit, lines: set[str], said: Said, operator: str) -> Said:
        """Return what was said with the type's name as the line spells it; a type that is new begins as candidate."""
        if said.defect_type is None:
            return said
        if len(lines) != 1:
            raise BadDataError(
                "the items are of several lines, which do not share their types; label each line's alone"
            )
        (line,) = lines
        name = checked_type(said.defect_type)
        known = {one.name.casefold(): one for one in unit.types(line)}
        found = known.get(name.casefold())
        if found is None:
            self._begin(unit, line, name, operator)
        elif found.life_cycle is LifeCycle.RETIRED:
            raise RefusedError(f"type {found.name!r} of line {line!r} is retired; restore it, or choose another name")
        return replace(said, defect_type=name if found is None else found.name)

    def _begin(self, unit: CatalogUnit, line: str, name: str, operator: str) -> None:
        unit.put_type(line, DefectType(name=name))
        unit.add_type_move(
            TypeMove(
                line=line,
                defect_type=name,
                before=None,
                after=LifeCycle.CANDIDATE,
                operator=operator,
                reason="named in the queue",
                at=self.clock(),
            )
        )

    def _settle(self, unit: CatalogUnit, label: Label, *, also: Sequence[ItemKey] = ()) -> None:
        """Close the items that the label is about: those given, and those that wait on the same region."""
        here = unit.reviews.open_on(label.region.frame)
        same = [one.key for one in here if same_region(one.roi, label.region.roi)]
        unit.reviews.close(sorted({*same, *also}), label.id)


def _item(unit: CatalogUnit, key: ItemKey) -> ReviewItem:
    item = unit.reviews.item(key)
    if item is None:
        raise NotFoundError(f"there is no item {key}; open the queue again")
    return item


def _frame(unit: CatalogUnit, frame: str) -> CapturedFrame:
    found = unit.frame(frame)
    if found is None:
        raise NotFoundError(f"there is no frame {frame[:80]!r}")
    return found


def _said_of(unit: CatalogUnit, frame: str, roi: Roi) -> Label | None:
    """Return what is said last of a region of a frame, None where nothing is or it was withdrawn."""
    here = [
        label
        for label in in_force(unit.reviews.labels_on(frame))
        if label.role is not LabelRole.WITHDRAWN and same_region(label.region.roi, roi)
    ]
    return here[-1] if here else None


def _refuse_other(now: Label | None, expected: str | None) -> None:
    """Raise RefusedError where the label in force is not the one that the person saw, or is not theirs to change."""
    if (None if now is None else now.id) != expected:
        said = "nothing is said of this region any more" if now is None else _who(now)
        raise RefusedError(f"{said}; look at the region again")
    if now is not None:
        _refuse_agreed(now)


def _refuse_agreed(label: Label) -> None:
    if label.role in _AGREED:
        raise RefusedError(
            f"label {label.id} is one of the {label.role.value} set, on which the gate decides; it is not changed here"
        )


def _who(label: Label) -> str:
    """Return who said what of a region and when."""
    said = (
        "took the label back"
        if label.role is LabelRole.WITHDRAWN
        else f"said {label.defect_type or label.kind.value!r}"
    )
    return f"{label.operator} {said} on {label.labelled_at:%Y-%m-%d at %H:%M} UTC"


def _role(said: Said, before: Label | None) -> LabelRole:
    same = before is not None and (before.kind, before.defect_type) == (said.kind, said.defect_type)
    return before.role if before is not None and same else LabelRole.HELD_OUT


def _chain(unit: CatalogUnit, label: Label) -> list[str]:
    """Return the label and all that it superseded, directly or through others."""
    chain, here = [label.id], label
    while here.supersedes is not None:
        before = unit.reviews.label(here.supersedes)
        if before is None:
            break
        chain.append(before.id)
        here = before
    return chain
