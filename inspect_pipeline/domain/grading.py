"""Findings held against reference labels: escapes and overkill per unit, exact intervals, real and simulated apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.findings import Finding, FrameResult, Verdict
from inspect_pipeline.domain.labels import Label, LabelKind, Origin
from inspect_pipeline.domain.statistics import Rate, rate
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reference region and what the detector said of it; ``judged`` is False where its frame was not judged."""

    label: Label
    judged: bool
    findings: tuple[Finding, ...]

    @property
    def alarmed(self) -> bool:
        """Whether any finding belongs to the region."""
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
    """Return for every reference label which findings belong to its region.

    A finding belongs to every region with which it shares half of the smaller box of the two. ``labels`` are those in
    force, ``results`` those of one detector version: BadDataError where a frame has two.
    """
    by_frame: dict[str, FrameResult] = {}
    for result in results:
        if by_frame.setdefault(result.frame, result) is not result:
            raise BadDataError(f"frame {result.frame} has two verdicts; grade one detector version at a time")
    graded = []
    for label in labels:
        verdict = by_frame.get(label.region.frame)
        judged = verdict is not None and verdict.verdict is not Verdict.UNUSABLE
        touching = () if verdict is None else _touching(label, verdict.findings)
        graded.append(Outcome(label=label, judged=judged, findings=touching))
    return graded


def _touching(label: Label, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    roi = label.region.roi
    return tuple(f for f in findings if 2 * f.roi.overlap_px(roi) >= min(f.roi.area_px, roi.area_px))


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
