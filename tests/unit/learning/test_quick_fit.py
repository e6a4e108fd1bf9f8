"""What a teaching fits quickly is what the plain equations give."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.learning.crossfit import CrossFitted, PlainFits, crossed
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.dense_head import fit_direction, whitened_moments
from inspect_pipeline.learning.detector_settings import MEMORY_BANK, DetectorSettings
from inspect_pipeline.learning.examples import Patches
from inspect_pipeline.learning.normality import moments, spectrum, whitening_of
from inspect_pipeline.learning.quick_fit import quick_fits
from inspect_pipeline.learning.type_directions import weight_along

from .patch_material import material

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
    axes = spectrum(good, shrinkage=0.03)
    normality = whitening_of(axes)
    rows = torch.from_numpy(generator.normal(size=(count, 12)) + 2.0)
    plain = fit_direction(whitened_moments(good, normality), rows, ridge=ridge)
    quick = axes.vectors @ weight_along(axes, rows @ axes.vectors, ridge=ridge)
    torch.testing.assert_close(quick, plain.weight.double(), rtol=1e-5, atol=1e-6)


def twice(patches: Patches, chosen: DetectorSettings) -> list[CrossFitted]:
    """Return the cross-fitted scores by the plain and by the quick fits."""
    plain = PlainFits(supports=patches.supports, settings=chosen, prior=None, shaping=None)
    return [
        crossed(patches.good, VARIANTS, fits, settings=chosen, generator=np.random.default_rng(0))
        for fits in (plain, quick_fits(patches.supports, chosen))
    ]


@pytest.mark.parametrize("chosen", [DetectorSettings(), DetectorSettings(normality=MEMORY_BANK, bank_patches=32)])
def test_quick_fits_give_the_scores_directions_and_parts_of_the_plain_ones(chosen: DetectorSettings) -> None:
    patches = material(3, types={"scratch": 0, "stain": 5}, shots=3)
    plain, quick = twice(patches, chosen)
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
    _, quick = twice(patches, DetectorSettings())
    shown = patches.supports[0].patches
    assert torch.equal(quick.final.maps(shown, 4, [2, 0]), quick.final.maps(shown, 4)[[0, 3, 1]])
