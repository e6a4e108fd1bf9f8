"""What history says of a defect's difference from good material, against what its samples say."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.errors import WeightsError
from inspect_pipeline.learning.difference_prior import NAMES, DifferencePrior, difference_prior


def along_first(strength: float = 1.0) -> DifferencePrior:
    return DifferencePrior(
        covariance=torch.diag(torch.tensor([2.0, 0.5, 0.5], dtype=torch.float64)),
        scatter=torch.eye(3, dtype=torch.float64),
        strength=strength,
    )


def test_directions_that_history_knows_are_kept_and_others_shrunk() -> None:
    found = along_first().posterior(torch.ones(3, dtype=torch.float64), spread=1.0, samples=1)
    torch.testing.assert_close(found, torch.tensor([2 / 3, 1 / 3, 1 / 3], dtype=torch.float64))


@given(samples=st.integers(1, 200), spread=st.floats(0.0, 50.0))
def test_more_samples_and_less_spread_leave_more_to_the_samples(samples: int, spread: float) -> None:
    difference = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    def pull(count: int, wide: float) -> float:
        found = along_first().posterior(difference, spread=wide, samples=count)
        return float((found - difference).norm())

    assert pull(samples + 1, spread) <= pull(samples, spread) + 1e-12
    assert pull(samples, spread) <= pull(samples, spread + 1.0) + 1e-12
    assert pull(samples, 0.0) < 1e-12


def test_a_prior_comes_back_from_its_tensors() -> None:
    back = difference_prior(along_first(strength=3.0).tensors() | {"another": torch.zeros(2)})
    assert back is not None
    assert back.strength == 3.0
    assert torch.equal(back.covariance, along_first().covariance)
    assert torch.equal(back.scatter, along_first().scatter)


def test_a_frozen_head_has_no_prior() -> None:
    assert difference_prior({}) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_prior_that_lacks_a_part_is_refused(name: str) -> None:
    tensors = along_first().tensors()
    del tensors[name]
    with pytest.raises(WeightsError, match="the dense prior has tensors"):
        difference_prior(tensors)


def test_a_prior_without_usable_numbers_is_refused() -> None:
    tensors = along_first().tensors()
    with pytest.raises(WeightsError, match="train it again"):
        difference_prior(tensors | {NAMES[0]: torch.full((3, 3), float("nan"))})
    with pytest.raises(WeightsError, match="train it again"):
        difference_prior(tensors | {NAMES[2]: torch.zeros(())})
