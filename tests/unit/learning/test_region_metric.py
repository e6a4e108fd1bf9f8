"""What history teaches about regions is shipped only where it wins on families that it was not taken from."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import with_permuted_types
from inspect_pipeline.learning.region_metric import (
    FROZEN,
    METRIC,
    REACH,
    WITHIN_CLASS,
    fit_region_history,
    region_prior,
    within_class_metric,
)

SPEC = EpisodeSpec(way=3, shot=5, query=5)
DIMS, NOISY = 16, 6


def history(seed: int, *, families: int = 3, each: int = 12) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Families whose types differ in quiet dimensions, beside loud ones that differ within every type."""
    generator = np.random.default_rng(seed)
    rows, names, types = [], [], []
    for family in range(families):
        for kind in range(4):
            middle = np.concatenate([np.zeros(NOISY), generator.normal(0, 0.8, DIMS - NOISY)])
            spread = np.concatenate([np.full(NOISY, 3.0), np.full(DIMS - NOISY, 0.6)])
            rows.append(middle + generator.normal(size=(each, DIMS)) * spread)
            names += [f"family-{family}"] * each
            types += [f"type-{kind}"] * each
    features = np.concatenate(rows).astype(np.float32)
    return features, index_samples(families=names, types=types, groups=[""] * len(names))


def test_loud_differences_within_types_are_turned_down_and_the_win_is_shipped() -> None:
    found = fit_region_history(*history(0), SPEC, seed=0)
    assert found.chosen == WITHIN_CLASS
    assert found.metrics["difference_low"] > 0.0
    assert found.metrics[WITHIN_CLASS] - found.metrics[FROZEN] == pytest.approx(found.metrics["difference"])
    scales = found.tensors[METRIC].diagonal()
    assert float(scales[:NOISY].max()) < float(scales[NOISY:].min())


def test_types_that_are_permuted_teach_no_metric() -> None:
    features, index = history(0)
    found = fit_region_history(features, with_permuted_types(index, np.random.default_rng(1)), SPEC, seed=0)
    assert found.chosen == FROZEN
    assert METRIC not in found.tensors
    assert found.metrics[WITHIN_CLASS] == pytest.approx(1 / 3, abs=0.06)
    assert "when held out" in found.reason


def test_few_samples_flatter_themselves_and_the_reach_says_by_how_much() -> None:
    found = fit_region_history(*history(0), SPEC, seed=0)
    assert 1.0 < float(found.tensors[REACH][0]) < 3.0
    assert region_prior(found.tensors, reach=0.5).reach == pytest.approx(found.metrics[REACH])
    assert region_prior(found.tensors, reach=9.0).reach == 9.0


def test_one_family_holds_nothing_out_and_teaches_nothing() -> None:
    found = fit_region_history(*history(0, families=1), SPEC, seed=0)
    assert (found.chosen, dict(found.tensors)) == (FROZEN, {})
    prior = region_prior(found.tensors, reach=1.5)
    assert (prior.metric, prior.reach) == (None, 1.5)


def test_the_same_history_and_seed_give_the_same_bits() -> None:
    first, second = (fit_region_history(*history(2), SPEC, seed=3) for _ in range(2))
    assert first.metrics == second.metrics
    assert torch.equal(first.tensors[METRIC], second.tensors[METRIC])


def test_the_metric_is_the_within_class_covariance_to_the_power_of_minus_a_quarter() -> None:
    features = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=np.float32)
    index = index_samples(families=["a"] * 4, types=["x"] * 4, groups=[""] * 4)
    covariance = np.diag([2.0, 0.5]) + 0.1 * 1.25 * np.eye(2)  # shrunk by a tenth of the mean eigenvalue
    expected = (np.diag(covariance) / np.diag(covariance).mean()) ** -0.25
    np.testing.assert_allclose(within_class_metric(features, index).numpy(), np.diag(expected), rtol=1e-5, atol=1e-6)


def test_a_history_without_two_samples_of_a_type_has_no_metric() -> None:
    index = index_samples(families=["a", "a"], types=["x", "y"], groups=["", ""])
    with pytest.raises(BadDataError, match="two samples"):
        within_class_metric(np.eye(2, dtype=np.float32), index)
