"""A line's labels that cross-validated naming disagrees with, and their correction.

Every drawn region in force is described as a teaching would do it and named by heads that have not seen its leakage
group (``learning/cross_naming.py``); confident learning says whose name is doubted (``domain/label_noise.py``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch

from inspect_pipeline.domain.bundle import Bundle, initialization_name
from inspect_pipeline.domain.label_noise import Doubt, doubts, probabilities
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, RegionSource, in_force
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.taxonomy import checked_type
from inspect_pipeline.errors import NotFoundError, RefusedError
from inspect_pipeline.learning.cross_naming import cross_named
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.initialization import from_bundle
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.learning.region_metric import region_prior
from inspect_pipeline.learning.region_typing import SupportBank
from inspect_pipeline.services.described import Describing, LabelledFrame
from inspect_pipeline.services.examples import frames_with_labels
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.ports import Catalog, FeatureStore, ImageStore, ModelRegistry

NOT_A_DEFECT = ""
MOST_LABELS = 3000
_PLACEHOLDER = "no defect"  # what a region without defect is called while it is described; its class stays apart
_WHOLE_SHARE = 0.5


class Unjudged(StrEnum):
    """Why a label could not be judged."""

    NOT_DRAWN = "not_drawn"
    WHOLE_FRAME = "whole_frame"
    UNUSABLE = "unusable"
    ONLY_GROUP = "only_group"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtedLabel:
    """A label with the name that is suggested; the empty name is no defect. ``margin`` is from -1 to 1."""

    label: str
    frame: str
    given: str
    suggested: str
    margin: float
    role: str
    operator: str
    labelled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseReport:
    """The doubted labels, the surest first, how many were judged, and how many could not be and why."""

    line: str
    labels: int
    judged: int
    unjudged: dict[Unjudged, int]
    doubted: tuple[DoubtedLabel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """Looks at the labels of a line with the adapters it needs; the last answer of a line is kept."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    features: FeatureStore
    settings: DetectorSettings
    unit: UnitGrid
    clock: Clock
    progress: Progress
    memo: dict[str, tuple[str, NoiseReport]] = field(default_factory=dict)

    def report(self, line: str, *, initialization: str = "default") -> NoiseReport:
        """Return which labels of the line are doubted. Raises NotFoundError without labels or initialization."""
        with self.catalog.transaction() as unit:
            every = [one for one in in_force(unit.labels(line=line)) if one.role is not LabelRole.WITHDRAWN]
        if not every:
            raise NotFoundError(f"line {line!r} has no labels in force; label some regions first")
        version, bundle = self.registry.load(initialization_name(initialization), alias=CHAMPION)
        said = repr((version, sorted((*one.statement, one.id) for one in every)))
        key = hashlib.sha256(said.encode()).hexdigest()
        if self.memo.get(line, ("",))[0] != key:
            self.memo[line] = (key, self._looked(line, every, bundle))
        return self.memo[line][1]

    def _looked(self, line: str, every: Sequence[Label], bundle: Bundle) -> NoiseReport:
        unjudged: dict[Unjudged, int] = {}
        chosen, frames = self._chosen(every, unjudged)
        origin = from_bundle(bundle)
        backbone = origin.build_backbone()
        described = Describing(
            images=self.images,
            features=self.features,
            unit=self.unit,
            settings=self.settings,
            progress=self.progress,
        ).patches(backbone, frames)
        vectors = {
            support.label: support.described for support in described.patches.supports if support.described is not None
        }
        judgeable = [label for label in chosen if label.id in vectors]
        _count(unjudged, Unjudged.NOT_DRAWN, len(chosen) - len(judgeable))
        if not judgeable:
            return NoiseReport(line=line, labels=len(every), judged=0, unjudged=unjudged, doubted=())
        images = {frame.id: frame.image or frame.id for frame, _ in frames}
        named = cross_named(
            SupportBank(
                vectors=torch.stack([vectors[label.id] for label in judgeable]),
                types=tuple(_said(label) for label in judgeable),
                labels=tuple(label.id for label in judgeable),
            ),
            [label.group or images[label.region.frame] for label in judgeable],
            prior=region_prior(origin.typing, reach=self.settings.typing_reach),
            crop_dims=descriptor_dims(backbone),
        )
        judged = [label for label, known in zip(judgeable, named.judged, strict=True) if known]
        _count(unjudged, Unjudged.ONLY_GROUP, len(judgeable) - len(judged))
        shares = probabilities(named.scores[named.judged])
        found = doubts([_said(label) for label in judged], named.names, shares)
        return NoiseReport(
            line=line,
            labels=len(every),
            judged=len(judged),
            unjudged=unjudged,
            doubted=tuple(_doubted(judged[one.place], one) for one in found),
        )

    def _chosen(self, every: Sequence[Label], unjudged: dict[Unjudged, int]) -> tuple[list[Label], list[LabelledFrame]]:
        """Return the labels whose regions can be compared, and their frames with them, all as if they were defects.

        A good region that covers most of its frame is material, not a region that somebody doubted.
        """
        drawn = [label for label in every if label.region.source is RegionSource.DRAWN]
        _count(unjudged, Unjudged.NOT_DRAWN, len(every) - len(drawn))
        newest = sorted(drawn, key=lambda label: label.labelled_at, reverse=True)[:MOST_LABELS]
        _count(unjudged, Unjudged.TOO_MANY, len(drawn) - len(newest))
        frames = frames_with_labels(self.catalog, newest)
        kept: list[Label] = []
        shown: list[LabelledFrame] = []
        for frame, of_frame in frames:
            whole = frame.line_count * frame.width_px
            own = [one for one in of_frame if one.defect_type or one.region.roi.area_px < _WHOLE_SHARE * whole]
            _count(unjudged, Unjudged.WHOLE_FRAME, len(of_frame) - len(own))
            if own:
                kept += own
                shown.append((frame, [_as_defect(label) for label in own]))
        _count(unjudged, Unjudged.UNUSABLE, len(newest) - sum(len(of_frame) for _, of_frame in frames))
        return kept, shown

    def role_of(self, label_id: str, *, line: str) -> LabelRole:
        """Return what a label in force is for. Raises NotFoundError or RefusedError as ``correct`` does."""
        return self._known(label_id, line).role

    def correct(self, label_id: str, *, line: str, name: str, by: str) -> Label:
        """Append the label that says the other name (empty: no defect) of the region in the same role; return it.

        Raises NotFoundError for a label that the line does not have, RefusedError for one that was superseded.
        """
        label = self._known(label_id, line)
        if name == _said(label):
            raise RefusedError(f"label {label_id} says {name or 'no defect'!r} already")
        row = hashlib.sha256(f"{label_id}\x1fcorrected\x1f{name}".encode()).hexdigest()[:24]
        corrected = replace(
            label,
            id=row,
            kind=LabelKind.DEFECT if name else LabelKind.NOT_A_DEFECT,
            defect_type=checked_type(name) if name else None,
            severity=label.severity if name else None,
            operator=by,
            labelled_at=self.clock(),
            supersedes=label.id,
        )
        with self.catalog.transaction() as unit:
            unit.add_labels([corrected])
        return corrected

    def _known(self, label_id: str, line: str) -> Label:
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
        if not any(label.id == label_id for label in every):
            raise NotFoundError(f"line {line!r} has no label {label_id!r}")
        found = next((label for label in in_force(every) if label.id == label_id), None)
        if found is None or found.role is LabelRole.WITHDRAWN:
            raise RefusedError(f"label {label_id} is no longer in force: somebody corrected or withdrew it; look again")
        return found


def _said(label: Label) -> str:
    return label.defect_type or NOT_A_DEFECT


def _as_defect(label: Label) -> Label:
    return label if label.defect_type else replace(label, kind=LabelKind.DEFECT, defect_type=_PLACEHOLDER)


def _count(unjudged: dict[Unjudged, int], why: Unjudged, count: int) -> None:
    if count:
        unjudged[why] = unjudged.get(why, 0) + count


def _doubted(label: Label, doubt: Doubt) -> DoubtedLabel:
    return DoubtedLabel(
        label=label.id,
        frame=label.region.frame,
        given=_said(label),
        suggested=doubt.suggested,
        margin=doubt.margin,
        role=label.role.value,
        operator=label.operator,
        labelled_at=label.labelled_at.isoformat(),
    )
