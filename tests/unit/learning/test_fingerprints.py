"""The key of a region's patches changes with everything that they depend on, and with nothing else."""

from dataclasses import fields, replace

import pytest
import torch

from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.fingerprints import patches_key, trunk_fingerprint

REGION = ["image.png", "defect", "drawn", "", "0", "0", "16", "16"]
SETTINGS = DetectorSettings()


def key(
    region: list[str] = REGION,
    *,
    trunk: str = "t",
    unit: UnitGrid | None = None,
    settings: DetectorSettings = SETTINGS,
) -> str:
    return patches_key(trunk, region, unit=unit or UnitGrid(), settings=settings)


def test_the_same_region_of_the_same_pixels_has_the_same_key_in_64_hex_digits() -> None:
    assert key() == key(list(REGION))
    assert len(key()) == 64
    assert set(key()) <= set("0123456789abcdef")


@pytest.mark.parametrize("place", range(len(REGION)))
def test_another_image_box_mask_or_source_is_another_key(place: int) -> None:
    other = [part + "1" if number == place else part for number, part in enumerate(REGION)]
    assert key(other) != key()


def test_another_backbone_unit_or_cut_is_another_key() -> None:
    others = {
        key(trunk="u"),
        key(unit=UnitGrid(height_px=300, width_px=300)),
        key(settings=replace(SETTINGS, smoothing_patches=3)),
        key(settings=replace(SETTINGS, largest_tile_px=1 << 20)),
    }
    assert len(others) == 4
    assert key() not in others


def test_what_matters_to_the_fit_alone_describes_nothing_anew() -> None:
    changed = replace(SETTINGS, shrinkage=0.5, ridge=2.0, folds=3, likeness_share=0.1, anomaly_handicap=0.0)
    assert key(settings=changed) == key()


def test_a_setting_that_nobody_has_thought_about_is_part_of_the_key() -> None:
    told = {
        f.name
        for f in fields(DetectorSettings)
        if f.type is int and key(settings=replace(SETTINGS, **{f.name: getattr(SETTINGS, f.name) + 1})) != key()
    }
    assert {"smoothing_patches", "largest_tile_px"} <= told


def test_a_backbone_is_told_by_its_name_and_every_weight_in_any_order() -> None:
    trunk = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3)}
    same = {"b": torch.tensor(3), "a": torch.tensor([1.0, 2.0])}
    assert trunk_fingerprint("n", trunk) == trunk_fingerprint("n", same)
    others = [
        trunk_fingerprint("m", trunk),
        trunk_fingerprint("n", {**trunk, "a": torch.tensor([1.0, 2.5])}),
        trunk_fingerprint("n", {**trunk, "a": torch.tensor([[1.0, 2.0]])}),
        trunk_fingerprint("n", {**trunk, "a": torch.tensor([1.0, 2.0], dtype=torch.float64)}),
        trunk_fingerprint("n", {"a": trunk["a"], "c": trunk["b"]}),
    ]
    assert len({trunk_fingerprint("n", trunk), *others}) == 6
