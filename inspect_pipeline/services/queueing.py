"""Findings come to the review queue at scoring."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.review import POINT_FORM, point_of, reason_to_wait, worth_asking
from inspect_pipeline.domain.review_records import WaitingFinding
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.fingerprints import trunk_fingerprint
from inspect_pipeline.services.finding_vectors import VECTORS
from inspect_pipeline.services.grouping import Grouping
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.workbench_settings import QueueSettings

Judged = tuple[FrameResult, Mapping[int, NDArray[np.float32]]]
"""A verdict, and by ordinal the raw region vectors of those of its findings that were compared with the samples."""


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
                uncertainty=worth_asking(finding, reason),
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
