"""A line for the pages: coils with frames, verdicts, findings, gaps and thumbnails, put in through the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from fastapi import Request
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.bundle import Bundle, ModelKind, detector_name
from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, Verdict, decide
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.people import Actor, Role, person
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE, RECIPE = "strip 1", "default"
MODEL = detector_name(LINE, RECIPE)
JUDGE = f"{MODEL}@1"
LINES, WIDTH_PX, MM = 1000, 2000, 0.5
HEATMAPS = 8
BLANK = encode_png(np.full((LINES, WIDTH_PX), 120, dtype=np.uint8))
TYPES = ("scratch", "hole <b>", "roll mark", "unknown")


@dataclass
class LivePlant:
    """The house of a workspace whose registry is in memory, since nothing here needs MLflow."""

    workspace: Path
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4))

    def __post_init__(self) -> None:
        self.house: House = open_house(Settings(workspace=self.workspace), clock=lambda: NOON)
        self.house.__dict__["registry"] = InMemoryRegistry()
        self.bench = Workbench(house=self.house)

    def put_in_force(self) -> None:
        bundle = Bundle(kind=ModelKind.DETECTOR, manifest={}, tensors=b"")
        version = self.house.registry.register(MODEL, bundle, tags={})
        self.house.registry.set_alias(MODEL, "champion", version)
        with self.house.catalog.transaction() as unit:
            unit.add_promotion(
                Promotion(model=MODEL, from_version=None, to_version=version, operator="ada", reason="first", at=NOON)
            )

    def add_coil(
        self,
        name: str,
        *,
        hours: float = 0.0,
        frames: int = 8,
        findings: int = 3,
        torn: Sequence[int] = (),
        lost: Sequence[int] = (),
        waiting: int = 0,
        focus: float = 1.0,
        pictures: bool = False,
    ) -> None:
        """One camera, frames of half a metre; the last ``waiting`` frames have no verdict yet."""
        created = NOON - timedelta(hours=hours)
        kept = [number for number in range(frames) if number not in lost]
        rows = [self._frame(name, number, number in torn, focus, created, pictures) for number in kept]
        holding = [at for at, row in enumerate(rows[: len(rows) - waiting]) if row.usable]
        spread = np.bincount(self.rng.choice(holding, size=findings), minlength=len(rows))
        results = [self._result(row, int(count)) for row, count in zip(rows, spread, strict=True)][
            : len(rows) - waiting
        ]
        with self.house.catalog.transaction() as unit:
            unit.add_coil(
                Coil(
                    id=name, line=LINE, recipe=RECIPE, family="steel", created_at=created,
                    expected_lines=frames * LINES, cameras=("cam-1",),
                )
            )  # fmt: skip
            unit.add_frames(rows)
            unit.add_results(name, results)
            unit.add_stage(StageRun(stage="score", started_at=created, seconds=1.5, coil=name, model=JUDGE))

    def _frame(self, coil: str, number: int, torn: bool, focus: float, at: datetime, pictures: bool) -> CapturedFrame:
        small = self.rng.integers(90, 160, size=(60, 120)).astype(np.uint8)
        put = self.house.images.put
        address = put(encode_png(small), suffix="png") if pictures else None
        image = put(BLANK, suffix="png") if pictures else "a" * 64 + ".png"
        measures = FrameMeasures(
            focus=float(self.rng.normal(focus, 0.05)),
            mean=float(self.rng.normal(0.5, 0.02)),
            contrast=float(self.rng.normal(0.2, 0.01)),
            thumbnail=address,
        )
        return CapturedFrame(
            id=f"{coil}/{number}", coil=coil, camera="cam-1", sequence=number, source=f"{number:04}.png",
            first_line=number * LINES, line_count=LINES, width_px=WIDTH_PX,
            captured_at=at + timedelta(seconds=number), mm_per_px_across=MM, mm_per_px_along=MM,
            image=None if torn else image,
            reason="torn: only 3 of 1000 lines arrived" if torn else None,
            measures=None if torn else measures,
        )  # fmt: skip

    def _result(self, frame: CapturedFrame, count: int) -> FrameResult:
        if not frame.usable:
            return FrameResult(frame=frame.id, verdict=Verdict.UNUSABLE, detector=JUDGE, reason=frame.reason)
        findings = tuple(self._finding(frame) for _ in range(count))
        heat = self.rng.integers(5, 40, size=(4, 16)).astype(np.uint8)
        heatmap = self.house.images.put(encode_png(heat), suffix="png") if frame.sequence < HEATMAPS else None
        return FrameResult(frame=frame.id, verdict=decide(findings), detector=JUDGE, findings=findings, heatmap=heatmap)

    def _finding(self, frame: CapturedFrame) -> Finding:
        top, left = int(self.rng.integers(0, 900)), int(self.rng.integers(0, 1900))
        roi = Roi(top=top, left=left, bottom=top + 40, right=left + 30)
        name = str(self.rng.choice(TYPES, p=(0.5, 0.2, 0.2, 0.1)))
        place = frame.place(roi)
        return Finding(
            frame=frame.id, roi=roi, defect_type=name, life_cycle=LifeCycle.APPROVED,
            score=float(1.0 + self.rng.exponential(1.0)), crossweb_mm=place.crossweb_mm, downweb_m=place.downweb_m,
            width_mm=place.width_mm, length_mm=place.length_mm,
            evidence=Evidence.ANOMALY if name == "unknown" else Evidence.TYPE,
        )  # fmt: skip

    def client(self, role: Role | None = Role.OPERATOR) -> TestClient:
        def identify(_request: Request, /) -> Actor | None:
            return None if role is None else person("anna", role)

        return TestClient(create_app(self.bench, identify=identify), follow_redirects=False)
