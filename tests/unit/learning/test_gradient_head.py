"""Gradient steps of a head: the logistic loss's own gradient, towards samples and away from the best good windows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import softplus

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.dense_head import Direction
from inspect_pipeline.learning.gradient_head import HeadSteps, stepped, window_means

START = Direction(weight=torch.tensor([1.0, 0.0, 0.0]), bias=0.25)


def windows(seed: int, *, shift: float = 0.0, units: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(6, 3, generator=generator) + torch.tensor([shift, shift, 0.0]) for _ in range(units)]


@given(seed=st.integers(0, 1000), rate=st.floats(0.001, 0.5))
def test_one_step_is_the_gradient_step_of_the_class_balanced_logistic_loss(seed: int, rate: float) -> None:
    good, defect = windows(seed), windows(seed + 1, shift=1.0)
    found = stepped(START, good, defect, steps=HeadSteps(count=1, rate=rate, windows=6))

    every, bad = torch.cat(good), torch.cat(defect)
    weight = (START.weight / (every @ START.weight).std()).requires_grad_(True)
    middle = 0.5 * ((bad @ weight).mean() + (every @ weight).mean()).detach()
    loss = softplus(middle - bad @ weight).mean() + softplus(every @ weight - middle).mean()
    (gradient,) = torch.autograd.grad(loss, weight)
    expected = (weight - rate * gradient).detach()
    assert torch.allclose(found.weight, expected / expected.norm(), atol=1e-5)


def test_steps_turn_the_direction_to_where_samples_stand_out() -> None:
    good, defect = windows(0), windows(1, shift=2.0)
    found = stepped(START, good, defect, steps=HeadSteps(count=40, rate=0.1))
    assert float(found.weight[1]) > 0.3
    assert found.weight.norm().item() == pytest.approx(1.0, abs=1e-6)
    assert found.bias == START.bias


def test_window_means_are_those_of_whole_windows_of_a_smaller_map_too() -> None:
    rows = torch.arange(12, dtype=torch.float32).reshape(3, 4, 1)
    assert window_means(rows, 2)[0, 0, 0] == (0 + 1 + 4 + 5) / 4
    assert window_means(rows, 4).shape == (1, 1, 1)


def test_steps_that_cannot_be_made_are_refused() -> None:
    with pytest.raises(BadDataError, match="rate above 0"):
        HeadSteps(rate=0.0)
