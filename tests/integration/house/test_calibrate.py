"""A new line without any defect on real material: calibrated, put in force, judging; then taught its first type."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.cameras.solar_cells import read_solar_cells
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.painting import paint
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.services.moving import Change
from inspect_pipeline.settings import Settings
from tests.integration.flows.real_workspace import put_frozen_initialization

pytestmark = pytest.mark.required_in_ci

NORMALS, SAMPLES, SIDE_PX = 20, 3, 150


def cells(folder: Path, first: int, count: int, *, kind: str | None = None) -> Path:
    """Write real cells at half their size, each with a painted defect where a kind is named."""
    folder.mkdir(parents=True)
    functional = [cell for cell in read_solar_cells() if cell.probability == 0.0 and cell.wafer == "mono"]
    for number, cell in enumerate(functional[first : first + count]):
        pixels = cv2.resize(cell.load(), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        if kind is not None:
            pixels, _ = paint(kind, pixels, generator=np.random.default_rng(number), strength=1.0)
        cv2.imwrite(str(folder / f"{number:02}.png"), pixels)
    return folder


def opened(workspace: Path) -> House:
    return open_house(Settings(workspace=workspace, detector=DetectorSettings(folds=2)))


def test_a_new_line_is_calibrated_on_good_cells_judges_by_them_and_is_taught_a_type_on_top(tmp_path: Path) -> None:
    with opened(tmp_path / "workspace") as house:
        put_frozen_initialization(house)
        made = house.calibrate(cells(tmp_path / "good", 0, NORMALS), line="mono", operator="test")
        assert (made.leave_one_out, made.normals, made.new) == ({}, NORMALS, True)
        house.models.promote(made.model, operator="test", reason="a new line")
        coil = cells(tmp_path / "coil-1", NORMALS, 3)
        for number, file in enumerate(sorted(cells(tmp_path / "marked", NORMALS + 3, 2, kind="scratch").iterdir())):
            file.rename(coil / f"marked-{number}.png")
        house.ingest(str(coil), line="mono")
        scored = house.score("coil-1")
        assert scored.verdicts.get(Verdict.UNKNOWN.value, 0) >= 2
        assert Verdict.DEFECT.value not in scored.verdicts

        samples = cells(tmp_path / "scratch", NORMALS + 5, SAMPLES, kind="scratch")
        taught = house.teach("scratch", samples=samples, line="mono", operator="test")
        assert (taught.normals, set(taught.leave_one_out)) == (NORMALS, {"scratch"})
        again = house.calibrate(tmp_path / "good", line="mono", operator="test")
        assert (again.version, again.new) == (taught.version, False)  # the type stays known

        put_another_initialization_in_force(house)
        summary = house.reteach("initialization.default", operator="test")
        [line] = summary.lines
        assert (line.line, line.in_force, line.failed, line.new) == ("mono", "1", None, True)
        _, manifest = house.models.show(made.model, version=line.challenger)
        assert (manifest["lineage"]["initialization"], manifest["class_names"]) == (
            "initialization.default@2",
            ["scratch"],
        )
        with pytest.raises(BadDataError, match="is no initialization, so no line follows it"):
            house.reteach(made.model, operator="test")


def put_another_initialization_in_force(house: House) -> None:
    """Put a second version on record: the same backbone under another manifest."""
    name = "initialization.default"
    version, bundle = house.registry.load(name, alias="champion")
    other = replace(bundle, manifest={**bundle.manifest, "data_fingerprint": "other"})
    house.registry.set_alias(name, "champion", None)
    for number, made in enumerate((version, house.registry.register(name, other, tags={}))):
        before = str(number) if number else None
        change = Change(
            model=name, kind=MoveKind.PROMOTED, from_version=before, to_version=made, operator="test", reason="test"
        )
        house.models.moving.move(change)


def test_a_folder_without_good_images_calibrates_nothing(tmp_path: Path) -> None:
    cells(tmp_path / "data" / "images" / "scratch", 0, 1, kind="scratch")
    with opened(tmp_path / "workspace") as house, pytest.raises(BadDataError, match="holds no known-good image"):
        house.calibrate(tmp_path / "data", line="mono", operator="test")
