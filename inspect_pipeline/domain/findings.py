"""Findings and verdicts: what was seen, where, and what it means for the frame."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from inspect_pipeline.domain.explanation import Explanation
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import BadDataError

HEATMAP_STEPS = 64
"""Grey levels of a stored heatmap per multiple of the threshold: 64 lies on it, 255 is about four times."""


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
    ``unknown``; ``explanation`` says why (None: judged before that was kept). ``crossweb_mm`` and ``downweb_m`` are the
    region's centre in coil coordinates.
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
    explanation: Explanation | None = None

    def __post_init__(self) -> None:
        numbers = (self.score, self.crossweb_mm, self.downweb_m, self.width_mm, self.length_mm)
        if not all(math.isfinite(number) for number in numbers) or min(self.width_mm, self.length_mm) <= 0.0:
            raise BadDataError(
                f"finding on frame {self.frame}: score, place and size are {numbers}; all must be finite, sizes above 0"
            )

    @property
    def known(self) -> bool:
        """Whether the region was given a known type."""
        return self.defect_type != UNKNOWN_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestFinding:
    """A finding with the coil and the detector of its verdict; ``item`` is ``<verdict>-<ordinal>``, its address."""

    item: str
    ordinal: int
    coil: str
    detector: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameResult:
    """The verdict on one frame by one detector version; unique on (frame, detector).

    ``reason`` is set exactly when the verdict is UNUSABLE, which has no findings; any other verdict is what ``decide``
    says of the findings. ``heatmap`` is the content address of its scores as a small grey PNG, where one was kept.
    """

    frame: str
    verdict: Verdict
    detector: str
    findings: tuple[Finding, ...] = ()
    reason: str | None = None
    heatmap: str | None = None

    def __post_init__(self) -> None:
        unusable = self.verdict is Verdict.UNUSABLE
        if unusable != bool(self.reason) or (unusable and self.findings):
            raise BadDataError(
                f"frame {self.frame}: {self.verdict} with reason {self.reason!r} and {len(self.findings)} findings; "
                "UNUSABLE has a reason and no findings, a judged frame has no reason"
            )
        if not unusable and self.verdict is not decide(self.findings):
            raise BadDataError(
                f"frame {self.frame}: {self.verdict} with {len(self.findings)} findings, which say "
                f"{decide(self.findings)}; score it again"
            )


def decide(findings: Iterable[Finding]) -> Verdict:
    """Return DEFECT where a known type was found, UNKNOWN where only unknown regions were, else PASS."""
    known = [finding.known for finding in findings]
    if any(known):
        return Verdict.DEFECT
    return Verdict.UNKNOWN if known else Verdict.PASS
