"""Findings and verdicts: what was seen, where, and what it means for the frame."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle


class Verdict(StrEnum):
    """PASS, DEFECT and UNKNOWN were judged; UNUSABLE was not and carries its reason."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    DEFECT = "DEFECT"
    UNKNOWN = "UNKNOWN"
    UNUSABLE = "UNUSABLE"


class Evidence(StrEnum):
    """Which channel of the detector raised the finding."""

    TYPE = "type"
    ANOMALY = "anomaly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A region that is not normal.

    ``score`` is in multiples of the threshold of its channel: 1.0 lies on it. ``defect_type`` is a known type or
    ``unknown``. ``crossweb_mm`` and ``downweb_m`` are the region's centre in coil coordinates.
    """

    frame: str
    roi: Roi
    defect_type: str
    life_cycle: LifeCycle
    score: float
    crossweb_mm: float
    downweb_m: float
    width_mm: float
    length_mm: float
    evidence: Evidence
    runner_up: str | None = None
    heatmap: str | None = None

    @property
    def known(self) -> bool:
        """Whether the region was given a known type."""
        return self.defect_type != UNKNOWN_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameResult:
    """The verdict on one frame by one detector version; unique on (frame, detector)."""

    frame: str
    verdict: Verdict
    detector: str
    findings: tuple[Finding, ...] = ()
    reason: str | None = None


def decide(findings: Iterable[Finding]) -> Verdict:
    """Return DEFECT where a known type was found, UNKNOWN where only unknown regions were, else PASS."""
    known = [finding.known for finding in findings]
    if any(known):
        return Verdict.DEFECT
    return Verdict.UNKNOWN if known else Verdict.PASS
