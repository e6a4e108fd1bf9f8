"""A workspace of the real house: an initialization in force, labels of a new line, a coil to score."""

from pathlib import Path

import cv2
import numpy as np

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.samples import take_in
from inspect_pipeline.bootstrap.studies import frozen_backbone
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.settings import load_settings

LINE = "strip"
NORMALS, SAMPLES = 24, 5
SIDE_PX = 96


def opened(workspace: Path) -> House:
    """Return the house of a workspace with default settings."""
    return open_house(load_settings(workspace, folder=None, environment={}))


def write_frames(folder: Path, count: int, *, scratched: bool, seed: int) -> Path:
    """Return the folder with ``count`` grey images, each with a bright line where ``scratched``."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = generator.normal(120, 12, (SIDE_PX, SIDE_PX)).clip(0, 255).astype(np.uint8)
        if scratched:
            ends = generator.integers(8, SIDE_PX - 8, 4)
            cv2.line(pixels, (int(ends[0]), 8), (int(ends[1]), SIDE_PX - 8), 240, 3)
        cv2.imwrite(str(folder / f"{number:04}.png"), pixels)
    return folder


def put_frozen_initialization(house: House) -> None:
    """Put the pretrained backbone in force as it is: these tests are about the flows, not about learning."""
    backbone = frozen_backbone(house)
    name = initialization_name("default")
    house.registry.set_alias(
        name, "champion", house.registry.register(name, frozen_start(backbone).to_bundle({}), tags={})
    )


def label_a_new_type(house: House, folder: Path) -> None:
    """Take in known-good images and samples of a scratch with their labels; no detector has used them yet."""
    take_in(
        house, "scratch", samples=write_frames(folder / "scratch", SAMPLES, scratched=True, seed=1), labels=None,
        normals=write_frames(folder / "normal", NORMALS, scratched=False, seed=2),
        line=LINE, recipe="default", operator="test",
    )  # fmt: skip
