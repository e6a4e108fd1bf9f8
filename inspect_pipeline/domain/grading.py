"""Findings held against reference labels: escapes and overkill per unit, exact intervals, real and simulated apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.findings import Finding, FrameResult, Verdict
from inspect_pipeline.domain.labels import Label, LabelKind, Origin
from inspect_pipeline.domain.statistics import Rate, rate

MIN_OVERLAP_PX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reference region and what the detector said of it; ``judged`` is False where its frame was not judged."""

    label: Label
    judged: bool
    findings: tuple[Finding, ...]

    @property
    def alarmed(self) -> bool:
        """Whether any finding touches the region."""
        return bool(self.findings)

    @property
    def strongest(self) -> Finding | None:
        """The finding with the highest score, or None."""
        return max(self.findings, key=lambda finding: finding.score, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeGrade:
    """Escapes among the reference regions of one type and origin; ``named`` counts those found under that name."""

    defect_type: str
    origin: Origin
    escapes: Rate
    named: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Rates over judged reference regions (units); those on unjudged frames are counted apart, never as found."""

    escapes: Mapping[Origin, Rate]
    overkill: Rate
    per_type: tuple[TypeGrade, ...]
    not_judged: int


def outcomes(labels: Sequence[Label], results: Iterable[FrameResult]) -> list[Outcome]:
    """Return for every reference label which findings touch its region (by at least one pixel)."""
    by_frame = {result.frame: result for result in results}
    graded = []
    for label in labels:
        result = by_frame.get(label.region.frame)
        judged = result is not None and result.verdict is not Verdict.UNUSABLE
        touching = () if result is None else _touching(label, result.findings)
        graded.append(Outcome(label=label, judged=judged, findings=touching))
    return graded


def _touching(label: Label, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that belong to the region: their centre lies in it, or they overlap it by half themselves."""
    roi = label.region.roi
    kept = []
    for finding in findings:
        overlap = finding.roi.overlap_px(roi)
        covers_half = overlap * 2 >= min(finding.roi.area_px, roi.area_px)
        if overlap >= MIN_OVERLAP_PX and covers_half:
            kept.append(finding)
    return tuple(kept)


def grade(graded: Sequence[Outcome]) -> Grade:
    """Return escape and overkill rates of the judged regions with exact intervals."""
    judged = [outcome for outcome in graded if outcome.judged]
    defects = [outcome for outcome in judged if outcome.label.kind is LabelKind.DEFECT]
    normals = [outcome for outcome in judged if outcome.label.kind is LabelKind.NOT_A_DEFECT]
    escapes = {
        origin: _escapes([outcome for outcome in defects if outcome.label.origin is origin]) for origin in Origin
    }
    return Grade(
        escapes=escapes,
        overkill=rate(sum(outcome.alarmed for outcome in normals), len(normals)),
        per_type=_per_type(defects),
        not_judged=len(graded) - len(judged),
    )


def _escapes(defects: Sequence[Outcome]) -> Rate:
    return rate(sum(not outcome.alarmed for outcome in defects), len(defects))


def _per_type(defects: Sequence[Outcome]) -> tuple[TypeGrade, ...]:
    keys = sorted({(o.label.origin, o.label.defect_type or "") for o in defects})
    grades = []
    for origin, name in keys:
        group = [o for o in defects if o.label.origin is origin and o.label.defect_type == name]
        found = [o for o in group if o.alarmed]
        named = sum(any(finding.defect_type == name for finding in o.findings) for o in found)
        grades.append(
            TypeGrade(defect_type=name, origin=origin, escapes=_escapes(group), named=rate(named, len(found)))
        )
    return tuple(grades)
