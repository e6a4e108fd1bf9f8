"""A plant of real solar cells with a workbench: a taught line, captures that it has not seen, a person."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import uvicorn
from playwright.sync_api import Page

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.studies import frozen_backbone
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.cameras.solar_cells import SolarCell, read_solar_cells
from inspect_pipeline.domain.bundle import detector_name, initialization_name
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.people import Role
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.services.moving import Change
from inspect_pipeline.services.security_settings import HashSettings, SecuritySettings
from inspect_pipeline.services.workbench_settings import WorkbenchSettings
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.serving import secured

LINE, RECIPE, COIL, KNOWN = "cells", "default", "night-shift", "finger gap"
PERSON, PASSWORD = "Anna", "three quiet rollers"
GOOD, SAMPLES, JUDGED_GOOD, JUDGED_DARK = 24, 3, 3, 8
CHEAP = SecuritySettings(hashing=HashSettings(memory_kib=8, passes=1, lanes=1))


@dataclass(slots=True)
class Hand:
    """What a person does on a page, counted: every key and every click is one."""

    page: Page
    count: int = field(default=0)

    def press(self, keys: str) -> None:
        """Press keys one after the other: one letter each, or the name of one key."""
        for key in [keys] if len(keys) > 1 and keys[0].isupper() else keys:
            self.page.keyboard.press(key)
            self.count += 1

    def click(self, selector: str) -> None:
        """Click on an element."""
        self.page.click(selector)
        self.count += 1


def taught_plant(workspace: Path, folder: Path) -> None:
    """Make a workspace whose line knows one type, a person, and in ``folder`` captures that nobody has taken in yet.

    The captures are photographs: functional cells, and cells with dark regions that the line was never taught.
    """
    cells = [cell for cell in read_solar_cells() if cell.wafer == "poly"]
    good = [cell for cell in cells if cell.probability == 0.0]
    dark = sorted((cell for cell in cells if cell.probability == 1.0), key=_darkness)[:JUDGED_DARK]
    written(folder / "normals", [cell.load() for cell in good[:GOOD]])
    written(folder / "samples", [_with_gap(cell.load(), at) for at, cell in enumerate(good[GOOD : GOOD + SAMPLES])])
    judged = good[GOOD + SAMPLES : GOOD + SAMPLES + JUDGED_GOOD] + dark
    written(folder / COIL, [cell.load() for cell in judged])
    with opened(workspace) as house:
        model = initialization_name("default")
        _put_in_force(
            house,
            model,
            house.registry.register(
                model,
                frozen_start(frozen_backbone(house)).to_bundle({}),
                tags={},
            ),
        )
        taught = house.teach(
            KNOWN, samples=folder / "samples", normals=folder / "normals", line=LINE, recipe=RECIPE, operator="setup"
        )
        _put_in_force(house, detector_name(LINE, RECIPE), taught.version)
        accounts = Workbench(house=house).accounts
        accounts.add("root", Role.ADMIN, PASSWORD, by="setup")
        accounts.add(PERSON, Role.OPERATOR, PASSWORD, by="root")


@contextmanager
def opened(workspace: Path) -> Iterator[House]:
    """Give the house of the plant."""
    settings = Settings(
        workspace=workspace, detector=DetectorSettings(folds=2), workbench=WorkbenchSettings(security=CHEAP)
    )
    with open_house(settings) as house:
        yield house


@contextmanager
def served(house: House) -> Iterator[str]:
    """Give the address of the plant's workbench while it listens on this machine."""
    bench = Workbench(house=house)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(secured(bench), log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://localhost:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
    bench.jobs.close()


def sign_in(page: Page, base: str, path: str) -> None:
    """Sign the person in and go on to a page."""
    page.goto(f"{base}{path}")
    page.fill("#name", PERSON)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{base}{path}*")


def written(folder: Path, images: list[Pixels]) -> None:
    """Write images as PNG files, in their order."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(images):
        cv2.imwrite(str(folder / f"{number:03}.png"), pixels)


def _darkness(cell: SolarCell) -> float:
    """Return how light the darkest tenth of a cell is: those with dead regions come first."""
    return float(np.quantile(cell.load(), 0.1))


def _with_gap(pixels: Pixels, number: int) -> Pixels:
    """Return a cell with an interrupted finger: a thin bright gap."""
    found = pixels.copy()
    column = 60 + 60 * number
    found[80:220, column : column + 6] = 245
    return found


def _put_in_force(house: House, model: str, version: str) -> None:
    """Put a version in force without a gate: what it takes to be let through is tested elsewhere."""
    house.models.moving.move(
        Change(
            model=model, kind=MoveKind.PROMOTED, from_version=None, to_version=version, operator="setup", reason="test"
        )
    )
