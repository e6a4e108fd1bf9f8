"""A workspace with findings that wait, put in by hand so that no detector is needed, and the pages over it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fastapi import Request
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.explanation import Explanation, NamedBy, Neighbour
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, decide
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.people import Actor, Role, person
from inspect_pipeline.domain.review import Reason, point_of, uncertainty
from inspect_pipeline.domain.review_records import WaitingFinding
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, DefectType, LifeCycle
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE, COIL, DETECTOR = "strip", "coil-1", "detector.strip.default@1"
HEIGHT, WIDTH = 320, 480
SAMPLE = "sample-1"


@dataclass
class Site:
    """The workbench over a workspace; whoever sends a request is ``who``."""

    bench: Workbench
    who: Actor | None = None

    def __post_init__(self) -> None:
        self.who = self.who or person("anna", Role.OPERATOR)
        self.client = TestClient(create_app(self.bench, identify=self._identify), raise_server_exceptions=False)

    def _identify(self, _request: Request) -> Actor | None:
        return self.who


def finding(frame: str, left: int, *, name: str = UNKNOWN_TYPE, margin: float | None = 0.4) -> Finding:
    """A region 40 px wide at a column, unless told otherwise of no known type."""
    return Finding(
        frame=frame,
        roi=Roi(top=100, left=left, bottom=130, right=left + 40),
        defect_type=name,
        life_cycle=LifeCycle.CANDIDATE if name == UNKNOWN_TYPE else LifeCycle.APPROVED,
        score=2.5,
        crossweb_mm=left * 0.5,
        downweb_m=0.1,
        width_mm=20.0,
        length_mm=7.5,
        evidence=Evidence.ANOMALY,
        runner_up="dent",
        explanation=Explanation(
            anomaly=2.5,
            type_score=0.4,
            channel="scratch",
            named_by=NamedBy.REGION,
            nearest_type="scratch",
            margin=margin,
            distance=1.2,
            limit=0.9,
            neighbours=(Neighbour(label=SAMPLE, defect_type="scratch", distance=0.7),),
            contribution={"context": 1.0},
        ),
    )


def frame_of(bench: Workbench, number: int, *, bits: int = 8) -> CapturedFrame:
    """A grey frame with a bright patch where its finding at column 60 is."""
    pixels = np.random.default_rng(number).integers(90, 110, size=(HEIGHT, WIDTH)).astype(np.uint8)
    pixels[100:130, 60:100] = 230
    stored = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    return CapturedFrame(
        id=f"frame-{number}",
        coil=COIL,
        camera="camera-0",
        sequence=number,
        source=f"{number:03}.png",
        first_line=number * HEIGHT,
        line_count=HEIGHT,
        width_px=WIDTH,
        captured_at=NOON,
        mm_per_px_across=0.5,
        mm_per_px_along=0.25,
        image=bench.house.images.put(encode_png(stored), suffix="png"),
    )


def judged(bench: Workbench, frame: str, findings: Sequence[Finding]) -> FrameResult:
    """A verdict with a heatmap that is on the threshold in its upper left quarter and clear elsewhere."""
    heat = np.zeros((HEIGHT // 16, WIDTH // 16), dtype=np.uint8)
    heat[: HEIGHT // 32, : WIDTH // 32] = 64
    address = bench.house.images.put(encode_png(heat), suffix="png")
    return FrameResult(
        frame=frame, verdict=decide(findings), detector=DETECTOR, findings=tuple(findings), heatmap=address
    )


def enqueue(bench: Workbench, results: Sequence[FrameResult], *, alike: Sequence[int] | None = None) -> None:
    """Write verdicts; all findings of unknown type wait, the i-th looking like kind ``alike[i]``."""
    kinds = iter(alike or [0] * sum(len(result.findings) for result in results))
    waiting = [
        WaitingFinding(
            frame=result.frame,
            detector=result.detector,
            ordinal=at,
            reason=Reason.UNKNOWN,
            uncertainty=uncertainty(one),
            space="space-1",
            point=point_of(np.random.default_rng(next(kinds)).normal(size=256).astype(np.float32)).tobytes(),
        )
        for result in results
        for at, one in enumerate(result.findings)
        if one.defect_type == UNKNOWN_TYPE
    ]
    with bench.house.catalog.transaction() as unit:
        unit.add_results(COIL, results)
        unit.reviews.add(COIL, results, waiting)


def open_site(workspace: Path) -> Site:
    """The workbench over a workspace."""
    return Site(bench=Workbench(house=open_house(Settings(workspace=workspace), clock=lambda: NOON)))


def fill(workspace: Path) -> None:
    """A line with three frames: two alike unknown findings, one of another look, one of a known type; one sample."""
    with open_house(Settings(workspace=workspace), clock=lambda: NOON) as house:
        _fill(Workbench(house=house))


def _fill(bench: Workbench) -> None:
    house = bench.house
    frames = [frame_of(bench, number, bits=16 if number == 1 else 8) for number in range(3)]
    with house.catalog.transaction() as unit:
        unit.add_coil(Coil(id=COIL, line=LINE, recipe="default", family="steel", created_at=NOON))
        unit.add_frames(frames)
        unit.put_type(LINE, DefectType(name="scratch", life_cycle=LifeCycle.APPROVED))
        unit.put_type(LINE, DefectType(name="rust", life_cycle=LifeCycle.RETIRED))
        unit.add_labels([a_sample()])
    results = [
        judged(bench, "frame-0", [finding("frame-0", 60), finding("frame-0", 300)]),
        judged(bench, "frame-1", [finding("frame-1", 60), finding("frame-1", 300, name="scratch", margin=1.5)]),
    ]
    enqueue(bench, results, alike=[0, 1, 0])


def a_sample() -> Label:
    """A support of the scratch on a frame of its own."""
    return Label(
        id=SAMPLE,
        region=Region(frame="frame-2", roi=Roi(top=100, left=60, bottom=130, right=100)),
        kind=LabelKind.DEFECT,
        operator="ben",
        labelled_at=NOON,
        defect_type="scratch",
        role=LabelRole.SUPPORT,
        severity=2,
    )


def as_person(site: Site, name: str, role: Role = Role.OPERATOR) -> Site:
    """The same workbench, asked by another person."""
    return replace(site, who=person(name, role))
