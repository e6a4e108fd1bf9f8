"""Small records for the store's tests."""

from datetime import UTC, datetime, timedelta

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.explanation import Explanation, NamedBy, Neighbour
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, Verdict
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.taxonomy import LifeCycle

NOON = datetime(2024, 5, 17, 12, 0, 0, 123456, tzinfo=UTC)
BOX = Roi(top=1, left=2, bottom=30, right=40)
DETECTOR = "detector.line-1.default@3"


def a_coil(coil: str = "coil-1", *, line: str = "line-1", minutes: int = 0) -> Coil:
    created = NOON + timedelta(minutes=minutes)
    return Coil(id=coil, line=line, recipe="default", family="steel", created_at=created)


def a_frame(number: int, *, coil: str = "coil-1", reason: str | None = None) -> CapturedFrame:
    return CapturedFrame(
        id=f"{coil}/{number}",
        coil=coil,
        camera="camera-0",
        sequence=number,
        source=f"Blech {number} ü.png",
        first_line=number * 2048,
        line_count=2048,
        width_px=4096,
        captured_at=NOON + timedelta(seconds=number),
        mm_per_px_across=0.1,
        mm_per_px_along=0.25,
        image=None if reason else "a" * 64 + ".png",
        reason=reason,
    )


def a_flat_field(name: str = "ee", *, camera: str = "camera-0", minutes: int = 0) -> FlatFieldVersion:
    return FlatFieldVersion(
        id=name,
        camera=camera,
        built_at=NOON + timedelta(minutes=minutes),
        settings=CaptureSettings(exposure_us=40.0, reverse=True, bits=12),
        width_px=4096,
        lines=2048,
        target=180.5,
        residual=0.04,
        address="e" * 64 + ".flat",
        operator="operator-7",
        dead_columns=(3, 4095),
        hot_columns=(17,),
    )


def a_label(
    label: str, *, frame: str = "coil-1/0", role: LabelRole = LabelRole.SUPPORT, supersedes: str | None = None
) -> Label:
    return Label(
        id=label,
        region=Region(frame=frame, roi=BOX, mask="b" * 64 + ".png"),
        kind=LabelKind.DEFECT,
        defect_type="Kratzer",
        operator="operator-7",
        labelled_at=NOON,
        role=role,
        severity=2,
        supersedes=supersedes,
        group="coil-7/series-0001",
    )


def a_finding(frame: str, *, score: float = 1.5) -> Finding:
    return Finding(
        frame=frame,
        roi=BOX,
        defect_type="Kratzer",
        life_cycle=LifeCycle.PROVISIONAL,
        score=score,
        crossweb_mm=2.1,
        downweb_m=0.004,
        width_mm=3.8,
        length_mm=7.25,
        evidence=Evidence.TYPE,
        runner_up="Delle",
        explanation=Explanation(
            anomaly=1.25,
            type_score=score,
            channel="Kratzer",
            named_by=NamedBy.REGION,
            nearest_type="Kratzer",
            margin=0.5,
            distance=0.25,
            limit=0.5,
            neighbours=(Neighbour(label="label-7", defect_type="Kratzer", distance=0.125),),
            contribution={"context": 0.75, "window": -0.25},
        ),
    )


def a_result(frame: str, *, detector: str = DETECTOR, findings: int = 0) -> FrameResult:
    return FrameResult(
        frame=frame,
        verdict=Verdict.DEFECT if findings else Verdict.PASS,
        detector=detector,
        findings=tuple(a_finding(frame, score=1.0 + number / 8) for number in range(findings)),
        heatmap="c" * 64 + ".png",
    )
