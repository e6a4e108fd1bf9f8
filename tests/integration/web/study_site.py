"""A small site for tests of studies and labels: a real workspace behind the application."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Request
from fastapi.testclient import TestClient

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.people import Actor, Permission, Role, person
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.domain.studies import Judgement, Study
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.services.studies import Studies
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE, DETECTOR = "strip", "detector.strip.default"
TYPES = ("Kratzer", "划痕")
PEOPLE = {
    "anna": person("anna", Role.OPERATOR),
    "bo": person("bo", Role.ENGINEER),
    "eve": person("eve", Role.ENGINEER),
    "robot": Actor(name="robot", role=None, permissions=frozenset(Permission), machine=True),
}
BOX = Roi(top=8, left=8, bottom=40, right=40)


@dataclass
class Ticking:
    """A clock that goes on by a second whenever it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class FirstType:
    """Stands for a detector: it calls every item by the first type."""

    asked: list[str] = field(default_factory=list)

    def judge(self, study: Study, model: str) -> list[Judgement]:
        self.asked.append(model)
        return [
            Judgement(
                study=study.id, item=item.number, trial=trial, appraiser=model, answer=TYPES[0], seconds=0.1, at=NOON
            )
            for item in study.items
            for trial in range(1, study.trials + 1)
        ]


@dataclass(kw_only=True)
class Site:
    """The application over a workspace, asked as one person or another."""

    bench: Workbench
    client: TestClient
    truth: dict[bytes, str | None]

    def ask(self, who: str, method: str, url: str, **sent: Any) -> Any:
        return self.client.request(method, url, headers={"x-who": who}, **sent)

    def got(self, who: str, url: str) -> Any:
        answer = self.ask(who, "GET", url)
        assert answer.status_code == 200, answer.text
        return answer


def _identify(request: Request) -> Actor | None:
    return PEOPLE.get(request.headers.get("x-who", ""))


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """The application over a workspace with 12 labelled frames of two types, and a detector in force."""
    truth: dict[bytes, str | None] = {}
    with open_house(Settings(workspace=folder / "workspace"), clock=Ticking()) as house:
        bench = Workbench(house=house)
        with house.catalog.transaction() as unit:
            unit.add_coil(Coil(id="coil", line=LINE, recipe="default", family="steel", created_at=NOON))
            for number in range(12):
                name = None if number % 2 else TYPES[number // 2 % 2]
                pixels = np.full((64, 64), 10 * number, dtype=np.uint8)
                truth[pixels.tobytes()] = name
                address = house.images.put(encode_png(pixels), suffix="png")
                frame = CapturedFrame(
                    id=f"coil/{number}", coil="coil", camera="c", sequence=number, source=f"{number}.png",
                    first_line=number * 64, line_count=64, width_px=64, captured_at=NOON, mm_per_px_across=1.0,
                    mm_per_px_along=1.0, image=address,
                )  # fmt: skip
                unit.add_frames([frame])
                kind = LabelKind.NOT_A_DEFECT if name is None else LabelKind.DEFECT
                label = Label(
                    id=f"label-{number}", region=Region(frame=frame.id, roi=BOX), kind=kind, operator="eve",
                    labelled_at=NOON, defect_type=name, role=LabelRole.HELD_OUT,
                )  # fmt: skip
                unit.add_labels([label])
            unit.add_promotion(
                Promotion(model=DETECTOR, from_version=None, to_version="7", operator="eve", reason="", at=NOON)
            )
        bench.studies = Studies(
            catalog=house.catalog, images=house.images, registry=_Champion(), clock=house.clock, model=FirstType
        )
        with TestClient(create_app(bench, identify=_identify), follow_redirects=False) as client:
            yield Site(bench=bench, client=client, truth=truth)


class _Champion:
    """A registry in which version 7 is in force."""

    def aliased(self, model: str, alias: str) -> str | None:
        return "7" if (model, alias) == (DETECTOR, "champion") else None
