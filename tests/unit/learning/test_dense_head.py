"""A type's direction in the metric of good material."""

import numpy as np
import torch

from inspect_pipeline.learning.dense_head import anomalous_part, fit_direction
from inspect_pipeline.learning.difference_prior import DifferencePrior

GOOD = (torch.zeros(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64))


def shifted(axis: int) -> torch.Tensor:
    rows = np.random.default_rng(0).normal(size=(60, 6)) * 0.5
    rows[:, axis] += 3.0
    return torch.from_numpy(rows.astype(np.float32))


def test_the_direction_points_where_the_samples_lie_and_good_material_is_zero() -> None:
    direction = fit_direction(GOOD, shifted(2), ridge=1.0)
    assert int(direction.weight.argmax()) == 2
    assert abs(float(direction.weight.norm()) - 1.0) < 1e-6
    assert direction.bias == 0.0


def test_a_strong_ridge_leaves_the_difference_of_the_means() -> None:
    patches = shifted(1)
    difference = patches.mean(dim=0) / patches.mean(dim=0).norm()
    torch.testing.assert_close(fit_direction(GOOD, patches, ridge=1e6).weight, difference, rtol=1e-3, atol=1e-3)


def test_only_the_most_anomalous_part_of_a_region_stands_for_its_type() -> None:
    whitened = torch.zeros(4, 4, 6)
    whitened[1, 1, 0], whitened[2, 2, 0], whitened[3, 3, 0] = 5.0, 4.0, 9.0
    inside = torch.ones(4, 4, dtype=torch.bool)
    inside[3, 3] = False
    part = anomalous_part(whitened[inside], share=0.5, at_most=2)
    assert part[:, 0].tolist() == [5.0, 4.0]


def test_history_pulls_a_single_sample_more_than_many_and_nothing_without_it() -> None:
    prior = DifferencePrior(
        covariance=torch.diag(torch.tensor([5.0, 0.2, 0.2, 0.2, 0.2, 0.2], dtype=torch.float64)),
        scatter=torch.eye(6, dtype=torch.float64),
        strength=10.0,
    )
    patches = shifted(2)
    patches[:, 0] += 1.0
    alone = fit_direction(GOOD, patches, ridge=10.0).weight
    one, many = (fit_direction(GOOD, patches, ridge=10.0, prior=prior, samples=k).weight for k in (1, 1000))
    assert float(one[0]) > float(many[0]) > float(alone[0]) - 1e-3
    torch.testing.assert_close(many, alone, rtol=0.05, atol=0.02)
