"""Findings come to the review queue at scoring, and are put in groups of those alike."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.review import (
    POINT_FORM,
    as_points,
    informativeness,
    joined,
    point_of,
    reason_to_wait,
    uncertainty,
)
from inspect_pipeline.domain.review_records import Leader, PlacedItem, Ungrouped, WaitingFinding
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.fingerprints import trunk_fingerprint
from inspect_pipeline.services.finding_vectors import VECTORS
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.workbench_settings import QueueSettings

Judged = tuple[FrameResult, Mapping[int, NDArray[np.float32]]]
"""A verdict, and by ordinal the raw region vectors of those of its findings that were compared with the samples."""

_ITEMS_A_TRANSACTION = 500
_MOST_GROUPS = 4096


def space_of(detector: Detector) -> str:
    """Return what the points of a detector's regions can be compared in: the same trunk, looking the same way."""
    settings = detector.settings
    looks = f"{settings.typing_views} {settings.typing_window_px} {settings.two_scales}"
    trunk = trunk_fingerprint(detector.backbone.name, detector.backbone.trunk_state())
    return hashlib.sha256(f"{VECTORS} {POINT_FORM} {trunk} {looks}".encode()).hexdigest()[:16]


def waiting_findings(
    result: FrameResult, vectors: Mapping[int, NDArray[np.float32]], *, space: str, settings: QueueSettings
) -> list[WaitingFinding]:
    """Return the findings of a verdict that wait for a person; ``vectors`` are those that were compared."""
    found = []
    for ordinal, finding in enumerate(result.findings):
        reason = reason_to_wait(finding, doubt_margin=settings.doubt_margin)
        if reason is None:
            continue
        vector = vectors.get(ordinal)
        found.append(
            WaitingFinding(
                frame=result.frame,
                detector=result.detector,
                ordinal=ordinal,
                reason=reason,
                uncertainty=uncertainty(finding),
                space=None if vector is None else space,
                point=None if vector is None else point_of(vector).tobytes(),
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Queueing:
    """The queue that scoring fills."""

    catalog: Catalog
    settings: QueueSettings

    def of(self, detector: Detector) -> "QueueOfDetector":
        """Return the queue for the verdicts of a detector."""
        return QueueOfDetector(space=space_of(detector), settings=self.settings, catalog=self.catalog)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOfDetector:
    """Puts the findings of one detector in the queue."""

    catalog: Catalog
    settings: QueueSettings
    space: str

    def add(self, unit: CatalogUnit, coil: str, judged: Sequence[Judged]) -> None:
        """Put in what waits of verdicts that were just added, in their transaction."""
        waiting = [
            one
            for result, vectors in judged
            for one in waiting_findings(result, vectors, space=self.space, settings=self.settings)
        ]
        unit.reviews.add(coil, [result for result, _ in judged], waiting)

    def group(self, line: str, recipe: str) -> None:
        """Group what was put in."""
        Grouping(catalog=self.catalog, settings=self.settings).run(line, recipe)


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
