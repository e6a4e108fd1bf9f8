"""What waits for a person, and all that is known of one finding: why it is called so, what it is like, what is near."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.review import same_region
from inspect_pipeline.domain.review_records import GroupPage, ItemKey, ReviewItem, TypeCount
from inspect_pipeline.domain.taxonomy import DefectType
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.grouping import Grouping
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.workbench_settings import QueueSettings

_GROUPED_AT_A_LOOK = 500
_NEIGHBOURS = 12
_FRAMES_AROUND = 3
_NONE = TypeCount(labels=0, supports=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled sample near the finding: ``distance`` as in its explanation."""

    label: Label
    defect_type: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDetail:
    """A finding with the nearest labelled examples, what else was found nearby, and what was said of its region."""

    item: ReviewItem
    examples: tuple[Example, ...]
    neighbours: tuple[ReviewItem, ...]
    history: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing:
    """The queue as a person reads it."""

    catalog: Catalog
    clock: Clock
    settings: QueueSettings

    def groups(self, line: str, recipe: str, *, person: str, offset: int = 0, limit: int = 30) -> GroupPage:
        """Return groups of a line and recipe that have something open for the person, the most valuable first.

        A few items that scoring left without a group (a killed run) are put into groups first.
        """
        page = self._page(line, recipe, person=person, offset=offset, limit=limit)
        if page.ungrouped:
            grouping = Grouping(catalog=self.catalog, settings=self.settings)
            if grouping.run(line, recipe, most=_GROUPED_AT_A_LOOK):
                page = self._page(line, recipe, person=person, offset=offset, limit=limit)
        return page

    def _page(self, line: str, recipe: str, *, person: str, offset: int, limit: int) -> GroupPage:
        with self.catalog.transaction() as unit:
            now = self.clock()
            return unit.reviews.groups(line, recipe, person=person, now=now, offset=offset, limit=limit)

    def items(self, group: int, *, person: str, offset: int = 0, limit: int = 60) -> Sequence[ReviewItem]:
        """Return a group's items, the most informative first, those that were settled last."""
        with self.catalog.transaction() as unit:
            return unit.reviews.items(group, person=person, now=self.clock(), offset=offset, limit=limit)

    def item(self, key: ItemKey) -> ItemDetail:
        """Return all that is known of a finding. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            item = unit.reviews.item(key)
            if item is None:
                raise NotFoundError(f"there is no item {key}; open the queue again")
            lines = _FRAMES_AROUND * item.frame_height_px
            return ItemDetail(
                item=item,
                examples=_examples(unit, item),
                neighbours=tuple(unit.reviews.nearby(item, lines=lines, limit=_NEIGHBOURS)),
                history=_history(unit, item),
            )

    def labels(
        self, line: str, *, defect_type: str | None, role: LabelRole | None, offset: int = 0, limit: int = 60
    ) -> Sequence[Label]:
        """Return labels in force of a line, latest first; withdrawn ones only when asked for by role."""
        with self.catalog.transaction() as unit:
            return unit.reviews.labels(line, defect_type=defect_type, role=role, offset=offset, limit=limit)

    def types(self, line: str) -> list[tuple[DefectType, TypeCount]]:
        """Return the types of a line by name, with how many labels in force name each."""
        with self.catalog.transaction() as unit:
            counts = unit.reviews.type_counts(line)
            return [(one, counts.get(one.name, _NONE)) for one in unit.types(line)]


def _examples(unit: CatalogUnit, item: ReviewItem) -> tuple[Example, ...]:
    """Return the samples that the finding was nearest to; one whose label is of another workspace is left out."""
    near = () if item.explanation is None else item.explanation.neighbours
    found = ((one, unit.reviews.label(one.label)) for one in near)
    return tuple(
        Example(label=label, defect_type=one.defect_type, distance=one.distance)
        for one, label in found
        if label is not None
    )


def _history(unit: CatalogUnit, item: ReviewItem) -> tuple[Label, ...]:
    """Return the labels that were ever put on the region, and those that superseded them, oldest first."""
    every = unit.reviews.labels_on(item.frame)
    chosen = {label.id for label in every if same_region(label.region.roi, item.roi)}
    for label in every:
        if label.supersedes in chosen:
            chosen.add(label.id)
    return tuple(label for label in every if label.id in chosen)
