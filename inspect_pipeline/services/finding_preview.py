"""What a newly taught detector would call the findings of late: their kept descriptions, named by its samples.

This renames findings that are there and looks for no new ones; the effect on recent frames (``recent_effect``) does.
A name also needs a dense channel that alarms, which only a look at the frame tells, so what changes here may change: a
finding counts as renamed only where the samples before and after give it another name.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.findings import LatestFinding
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.fingerprints import trunk_fingerprint
from inspect_pipeline.learning.region_typing import RegionName
from inspect_pipeline.services.models import parsed_reference
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, FeatureStore, ModelRegistry

FINDINGS = 500
_SHOWN = 12
_GONE = "no description kept"
_ANOTHER = "seen by another backbone"
_NO_MODEL = "its detector is gone"

Vectors = Mapping[int, NDArray[np.float32]]
"""The raw region vectors of a frame's findings, by their ordinal."""

KeptVectors = Callable[[FeatureStore, str, str], Vectors]
"""Gives the kept vectors of what a detector (``name@version``) found on a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A finding that gets another name."""

    latest: LatestFinding
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How the names of the newest findings change; ``not_compared`` counts the others by the reason."""

    findings: int
    compared: int
    renamed: tuple[Renamed, ...]
    not_compared: Mapping[str, int] = field(default_factory=dict)
    skipped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPreview:
    """Names a line's newest findings by a new detector, from what was kept when they were scored."""

    catalog: Catalog
    registry: ModelRegistry
    features: FeatureStore
    kept: KeptVectors

    def of(self, line: str, recipe: str, challenger: Detector, *, limit: int = FINDINGS) -> Preview:
        """Return how the names of at most ``limit`` findings change, newest first."""
        with self.catalog.transaction() as unit:
            latest = unit.latest_findings(line, recipe, limit=limit)
            taxonomy = Taxonomy.of(unit.types(line))
        if challenger.regions is None:
            return Preview(
                findings=len(latest),
                compared=0,
                renamed=(),
                skipped="the new detector compares no regions with samples",
            )
        naming = _Naming(after=challenger, taxonomy=taxonomy, registry=self.registry)
        renamed, why = [], Counter[str]()
        for one, vector in self._with_vectors(latest):
            reason = _GONE if vector is None else naming.reason(one.detector)
            if vector is None or reason is not None:
                why[reason or _GONE] += 1
                continue
            change = naming.change(one, vector)
            renamed += [] if change is None else [change]
        return Preview(
            findings=len(latest),
            compared=len(latest) - why.total(),
            renamed=tuple(renamed),
            not_compared=dict(sorted(why.items())),
        )

    def _with_vectors(self, latest: Sequence[LatestFinding]) -> list[tuple[LatestFinding, NDArray[np.float32] | None]]:
        of_frame: dict[tuple[str, str], Vectors] = {}
        found = []
        for one in latest:
            key = (one.finding.frame, one.detector)
            if key not in of_frame:
                of_frame[key] = self.kept(self.features, *key)
            found.append((one, of_frame[key].get(one.ordinal)))
        return found


@dataclass(slots=True, kw_only=True)
class _Naming:
    """Names vectors by the detector that judged and by the new one; each detector is loaded once."""

    after: Detector
    taxonomy: Taxonomy
    registry: ModelRegistry
    _before: dict[str, Detector | None] = field(default_factory=dict)
    _reasons: dict[str, str | None] = field(default_factory=dict)

    def reason(self, detector: str) -> str | None:
        """Return why the findings of a detector cannot be compared, None where they can."""
        if detector not in self._reasons:  # a look at all weights: once a detector, not once a finding
            before = self._loaded(detector)
            same = before is not None and before.regions is not None and _sight(before) == _sight(self.after)
            self._reasons[detector] = _NO_MODEL if before is None else None if same else _ANOTHER
        return self._reasons[detector]

    def change(self, one: LatestFinding, vector: NDArray[np.float32]) -> Renamed | None:
        """Return how the finding is renamed, None where its name stays."""
        before = self._loaded(one.detector)
        names = [self._name(each, vector) for each in (before, self.after) if each is not None]
        recorded, after = one.finding.defect_type, names[-1]
        return None if after in (recorded, names[0]) else Renamed(latest=one, before=recorded, after=after)

    def _name(self, detector: Detector, vector: NDArray[np.float32]) -> str:
        assert detector.regions is not None  # noqa: S101 - ``reason`` was asked before
        found: RegionName = detector.regions.name(torch.from_numpy(np.array(vector))[None])[0]
        known = found.known and found.defect_type not in self.taxonomy.retired
        return found.defect_type if known else UNKNOWN_TYPE

    def _loaded(self, detector: str) -> Detector | None:
        if detector not in self._before:
            wanted = parsed_reference(detector)
            try:
                self._before[detector] = Detector.from_bundle(
                    self.registry.load(wanted.name, version=wanted.version, alias=wanted.alias)[1]
                )
            except NotFoundError:
                self._before[detector] = None
        return self._before[detector]


def _sight(detector: Detector) -> tuple[object, ...]:
    """Return what the description of a region depends on."""
    chosen = detector.settings
    return (
        trunk_fingerprint(detector.backbone.name, detector.backbone.trunk_state()),
        chosen.two_scales,
        chosen.typing_views,
        chosen.typing_window_px,
        None if detector.regions is None else detector.regions.placed.shape[-1],
    )


def preview_to(preview: Preview) -> dict[str, Any]:
    """Return the preview as plain JSON: every change of name with its count and at most 12 findings to look at."""
    groups: dict[tuple[str, str], list[Renamed]] = {}
    for one in preview.renamed:
        groups.setdefault((one.before, one.after), []).append(one)
    changed = rate(len(preview.renamed), preview.compared)
    return {
        "findings": preview.findings,
        "compared": preview.compared,
        "changed": {"count": changed.count, "of": changed.trials, "interval": [changed.low, changed.high]},
        "changes": [
            {"before": before, "after": after, "count": len(members), "items": [_item(one) for one in members[:_SHOWN]]}
            for (before, after), members in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        ],
        "not_compared": dict(preview.not_compared),
        "skipped": preview.skipped,
    }


def _item(one: Renamed) -> dict[str, Any]:
    return {"item": one.latest.item, "coil": one.latest.coil}
