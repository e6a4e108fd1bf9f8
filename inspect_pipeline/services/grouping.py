"""Items of the review queue put in groups of those alike, a few at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from inspect_pipeline.domain.review import as_points, informativeness, joined
from inspect_pipeline.domain.review_records import Leader, PlacedItem, Ungrouped
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.workbench_settings import QueueSettings

_ITEMS_A_TRANSACTION = 500
_MOST_GROUPS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Puts open items without a group into groups; who is first groups, the others go on with what is there."""

    catalog: Catalog
    settings: QueueSettings

    def run(self, line: str, recipe: str, *, most: int = 10_000) -> int:
        """Group at most ``most`` items of a line and recipe, oldest first; return how many were grouped."""
        if not self._waiting(line, recipe):
            return 0
        done = 0
        with self.catalog.turn(f"grouping {line}\x1f{recipe}") as ours:
            while ours and done < most:
                with self.catalog.transaction() as unit:
                    items = unit.reviews.ungrouped(line, recipe, limit=min(_ITEMS_A_TRANSACTION, most - done))
                    self._group(unit, items)
                done += len(items)
                if len(items) < _ITEMS_A_TRANSACTION:
                    break
        return done

    def _waiting(self, line: str, recipe: str) -> bool:
        with self.catalog.transaction() as unit:
            return bool(unit.reviews.ungrouped(line, recipe, limit=1))

    def _group(self, unit: CatalogUnit, items: Sequence[Ungrouped]) -> None:
        placed: list[PlacedItem] = []
        for division, found in groupby(
            sorted(items, key=lambda one: (one.division, one.key)), lambda one: one.division
        ):
            leaders, inside = unit.reviews.leaders(division), list(found)
            placed += _by_point(unit, [one for one in inside if one.point is not None], leaders, self.settings)
            placed += _by_type(unit, [one for one in inside if one.point is None], leaders)
        unit.reviews.place(placed)


def _by_point(
    unit: CatalogUnit, items: Sequence[Ungrouped], leaders: Sequence[Leader], settings: QueueSettings
) -> list[PlacedItem]:
    """Return where items go by likeness; the groups that are new are made."""
    groups = [one.group for one in leaders if one.point is not None]
    found = joined(
        as_points([one.point or b"" for one in items]),
        as_points([one.point for one in leaders if one.point is not None]),
        likeness=settings.likeness,
        most=_MOST_GROUPS,
    )
    placed = []
    for item, (number, cosine) in zip(items, found, strict=True):
        if number == len(groups):
            groups.append(unit.reviews.add_group(item))
        worth = informativeness(item.uncertainty, cosine)
        placed.append(PlacedItem(key=item.key, group=groups[number], informativeness=worth))
    return placed


def _by_type(unit: CatalogUnit, items: Sequence[Ungrouped], leaders: Sequence[Leader]) -> list[PlacedItem]:
    """Return where items go that were not compared with the samples: to those of the same nearest type."""
    groups = {one.nearest_type: one.group for one in leaders if one.point is None}
    placed = []
    for item in items:
        if item.nearest_type not in groups:
            groups[item.nearest_type] = unit.reviews.add_group(item)
        group = groups[item.nearest_type]
        placed.append(PlacedItem(key=item.key, group=group, informativeness=item.uncertainty))
    return placed
