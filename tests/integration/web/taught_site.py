"""A workbench over a small site: a line that knows the bar, a judged coil with spots, and what people said of these."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fastapi import Request
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.stores import SAMPLES
from inspect_pipeline.bootstrap.studies import frozen_backbone
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.bundle import detector_name, initialization_name
from inspect_pipeline.domain.jobs import JobState
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Pixels, Roi
from inspect_pipeline.domain.people import Actor, Role, person
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.teaching_settings import TeachingSettings
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE, RECIPE, COIL = "strip", "default", "coil 7"
DETECTOR, INITIALIZATION = detector_name(LINE, RECIPE), initialization_name("default")
SIDE_PX = 96
WHOLE = Roi(top=0, left=0, bottom=SIDE_PX, right=SIDE_PX)
MARKS = {"bar": Roi(top=40, left=16, bottom=56, right=80), "spot": Roi(top=16, left=48, bottom=48, right=80)}
GOOD, BARS, SPOTS = 8, 3, 5


@dataclass(kw_only=True)
class Site:
    """The house, the workbench over it, and who is signed in: the test may change that."""

    house: House
    bench: Workbench
    actor: Actor

    def identify(self, _request: Request, /) -> Actor:
        """Name whom the test says."""
        return self.actor

    def client(self) -> TestClient:
        """Return a browser without scripts."""
        return TestClient(create_app(self.bench, identify=self.identify))

    def picks(self, defect_type: str | None) -> list[str]:
        """Return the labels that may be picked and teach nothing yet."""
        found = self.bench.type_views.pickable(LINE, defect_type)
        return [label.id for label in found if label.role is LabelRole.HELD_OUT]


def picture(seed: int, mark: str | None = None) -> Pixels:
    """Noisy grey, with a dark bar or a bright spot where named."""
    pixels = np.random.default_rng(seed).normal(150, 12, size=(SIDE_PX, SIDE_PX))
    if mark is not None:
        roi = MARKS[mark]
        pixels[roi.top : roi.bottom, roi.left : roi.right] += {"bar": -70, "spot": 80}[mark]
    return np.clip(pixels, 0, 255).astype(np.uint8)


@contextmanager
def opened(workspace: Path, actor: Actor | None = None) -> Iterator[Site]:
    """Give the site of a workspace: real catalog, images and features; the registry is in memory."""
    settings = Settings(
        workspace=workspace, detector=DetectorSettings(folds=2), teaching=TeachingSettings(effect_frames=6)
    )
    with open_house(settings) as house:
        house.__dict__["registry"] = InMemoryRegistry()
        bench = Workbench(house=house)
        fill(house)
        yield Site(house=house, bench=bench, actor=actor or person("anna", Role.ENGINEER))
        bench.jobs.close()


def fill(house: House) -> None:
    """Teach the bar, put the detector in force, judge a coil with spots, and say of its findings what they are."""
    in_force(
        house,
        INITIALIZATION,
        house.registry.register(
            INITIALIZATION,
            frozen_start(frozen_backbone(house)).to_bundle({}),
            tags={},
        ),
    )
    marks: list[str | None] = [None] * GOOD + ["bar"] * BARS
    frames = put_frames(house, f"{SAMPLES}{LINE}", marks)
    say(house, frames, marks, role=LabelRole.SUPPORT)
    in_force(house, DETECTOR, house.adapt(line=LINE, recipe=RECIPE).version)
    marks = [*["spot"] * SPOTS, None, "bar"]
    frames = put_frames(house, COIL, marks, first=100)
    house.score(COIL)
    say(house, frames[:-1], marks[:-1], role=LabelRole.HELD_OUT, boxes=strongest(house))


def in_force(house: House, model: str, version: str) -> None:
    """Put a version in force without a gate."""
    house.registry.set_alias(model, CHAMPION, version)
    with house.catalog.transaction() as unit:
        unit.add_promotion(
            Promotion(model=model, from_version=None, to_version=version, operator="test", reason="test", at=NOON)
        )


def put_frames(house: House, coil: str, marks: Sequence[str | None], *, first: int = 0) -> list[CapturedFrame]:
    """Put a coil of frames with these marks into the catalog."""
    frames = [
        CapturedFrame(
            id=f"{coil}:{number:03}",
            coil=coil,
            camera="camera-0",
            sequence=number,
            source=f"{number:03}.png",
            first_line=number * SIDE_PX,
            line_count=SIDE_PX,
            width_px=SIDE_PX,
            captured_at=NOON,
            mm_per_px_across=0.5,
            mm_per_px_along=0.5,
            image=house.images.put(encode_png(picture(first + number, mark)), suffix="png"),
        )
        for number, mark in enumerate(marks)
    ]
    with house.catalog.transaction() as unit:
        unit.add_coil(Coil(id=coil, line=LINE, recipe=RECIPE, family=LINE, created_at=NOON))
        unit.add_frames(frames)
    return frames


def strongest(house: House) -> dict[str, Roi]:
    """Return the box of each frame's strongest finding on the judged coil: the queue's labels have it."""
    with house.catalog.transaction() as unit:
        results = unit.results(COIL, detector=f"{DETECTOR}@1")
    found = {one.frame: max(one.findings, key=lambda finding: finding.score) for one in results if one.findings}
    return {frame: finding.roi for frame, finding in found.items()}


def say(
    house: House,
    frames: Sequence[CapturedFrame],
    marks: Sequence[str | None],
    *,
    role: LabelRole,
    boxes: Mapping[str, Roi] | None = None,
) -> list[Label]:
    """Say of each frame what it shows, in the given boxes or exactly where it was painted."""
    labels = [
        Label(
            id=f"{role.value[0]}{number}",
            region=Region(frame=frame.id, roi=_box(frame, mark, boxes or {})),
            kind=LabelKind.NOT_A_DEFECT if mark is None else LabelKind.DEFECT,
            operator="ben",
            labelled_at=NOON,
            defect_type=mark,
            role=role,
        )
        for number, (frame, mark) in enumerate(zip(frames, marks, strict=True))
    ]
    with house.catalog.transaction() as unit:
        unit.add_labels(labels)
    return labels


def _box(frame: CapturedFrame, mark: str | None, boxes: Mapping[str, Roi]) -> Roi:
    return boxes.get(frame.id, WHOLE if mark is None else MARKS[mark])


def ended(client: TestClient, job: str) -> dict[str, object]:
    """Return the job when it has ended."""
    while True:
        answer = client.get(f"/api/v1/jobs/{job}").json()
        if not JobState(answer["state"]).open:
            return dict(answer)


def as_(site: Site, name: str, role: Role) -> Site:
    """Return the site with somebody else signed in."""
    return replace(site, actor=person(name, role))
