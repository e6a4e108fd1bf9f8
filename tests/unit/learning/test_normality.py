"""The metric of good material: unit covariance, from sums that can be added and taken away."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.normality import distance, fit_normality, moments, summed


def rows(seed: int, count: int = 400, dims: int = 5) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(dims, dims))
    return torch.from_numpy((generator.normal(size=(count, dims)) @ mixing + 3.0).astype(np.float32))


def test_whitened_good_patches_have_unit_covariance() -> None:
    patches = rows(0)
    whitened = fit_normality(moments(patches), shrinkage=1e-9).whiten(patches)
    torch.testing.assert_close(torch.cov(whitened.T, correction=0), torch.eye(5), rtol=1e-3, atol=1e-3)


def test_the_distance_is_mahalanobis() -> None:
    patches = rows(1)
    fitted = fit_normality(moments(patches), shrinkage=1e-9)
    x = patches[:7].double()
    centred = x - patches.double().mean(dim=0)
    precision = torch.linalg.inv(torch.cov(patches.double().T, correction=0))
    expected = torch.einsum("nd,de,ne->n", centred, precision, centred).sqrt()
    torch.testing.assert_close(distance(fitted.whiten(patches[:7])).double(), expected, rtol=1e-3, atol=1e-3)


@given(cut=st.integers(1, 39))
@settings(max_examples=20, deadline=None)
def test_moments_of_parts_add_up_to_those_of_the_whole(cut: int) -> None:
    patches = rows(2, count=40)
    whole, first, second = moments(patches), moments(patches[:cut]), moments(patches[cut:])
    torch.testing.assert_close(summed([first, second]).covariance, whole.covariance)
    torch.testing.assert_close((whole - second).outer, first.outer)


def test_power_0_leaves_directions_as_they_are() -> None:
    patches = rows(3)
    whitening = fit_normality(moments(patches), shrinkage=0.01, power=0.0).whitening
    torch.testing.assert_close(whitening / whitening[0, 0], torch.eye(5, dtype=torch.float64))


def test_flat_grey_material_is_refused() -> None:
    with pytest.raises(BadDataError, match="flat grey"):
        fit_normality(moments(torch.ones(50, 4)), shrinkage=0.01)


def test_no_good_region_is_refused() -> None:
    with pytest.raises(BadDataError, match="known-good"):
        summed([])
