"""Small domain objects for the tests; every value that a test does not name is plain."""

from datetime import UTC, datetime

import numpy as np

from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, Verdict, decide
from inspect_pipeline.domain.labels import Label, LabelKind, Origin, Region
from inspect_pipeline.domain.material import CapturedFrame, Frame, Pixels, Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
DETECTOR = "detector.line-1.default@1"


def box(top: int = 0, left: int = 0, bottom: int = 10, right: int = 10) -> Roi:
    return Roi(top=top, left=left, bottom=bottom, right=right)


def raw_frame(
    pixels: Pixels | None = None,
    *,
    first_line: int = 0,
    valid_lines: int | None = None,
    captured_at: datetime = NOON,
    mm_per_px: float = 0.5,
) -> Frame:
    return Frame(
        id="frame-1",
        pixels=np.zeros((4, 6), np.uint8) if pixels is None else pixels,
        first_line=first_line,
        captured_at=captured_at,
        mm_per_px_across=mm_per_px,
        mm_per_px_along=mm_per_px,
        valid_lines=valid_lines,
    )


def captured(
    name: str = "f0",
    *,
    first_line: int = 0,
    line_count: int = 1000,
    mm_per_px_across: float = 0.5,
    mm_per_px_along: float = 0.5,
    image: str | None = "a" * 64 + ".png",
    reason: str | None = None,
) -> CapturedFrame:
    return CapturedFrame(
        id=name,
        coil="coil-1",
        camera="camera-0",
        sequence=0,
        source=f"{name}.png",
        first_line=first_line,
        line_count=line_count,
        width_px=100,
        captured_at=NOON,
        mm_per_px_across=mm_per_px_across,
        mm_per_px_along=mm_per_px_along,
        image=image,
        reason=reason,
    )


def finding(
    frame: str = "f0",
    *,
    roi: Roi | None = None,
    defect_type: str = "scratch",
    score: float = 2.0,
    crossweb_mm: float = 50.0,
    downweb_m: float = 1.0,
    width_mm: float = 10.0,
    length_mm: float = 10.0,
) -> Finding:
    return Finding(
        frame=frame,
        roi=roi or box(),
        defect_type=defect_type,
        life_cycle=LifeCycle.PROVISIONAL,
        score=score,
        crossweb_mm=crossweb_mm,
        downweb_m=downweb_m,
        width_mm=width_mm,
        length_mm=length_mm,
        evidence=Evidence.ANOMALY if defect_type == UNKNOWN_TYPE else Evidence.TYPE,
    )


def verdict(frame: str = "f0", *findings: Finding, detector: str = DETECTOR) -> FrameResult:
    return FrameResult(frame=frame, verdict=decide(findings), detector=detector, findings=findings)


def unjudged(frame: str, reason: str = "torn") -> FrameResult:
    return FrameResult(frame=frame, verdict=Verdict.UNUSABLE, detector=DETECTOR, reason=reason)


def label(
    name: str = "l0",
    *,
    frame: str = "f0",
    roi: Roi | None = None,
    defect_type: str | None = "scratch",
    origin: Origin = Origin.REAL,
    supersedes: str | None = None,
) -> Label:
    return Label(
        id=name,
        region=Region(frame=frame, roi=roi or box()),
        kind=LabelKind.NOT_A_DEFECT if defect_type is None else LabelKind.DEFECT,
        defect_type=defect_type,
        operator="operator-7",
        labelled_at=NOON,
        origin=origin,
        supersedes=supersedes,
    )
