"""Logistic regression as a baseline: it separates, balances classes, and always gives the same weights."""

import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.logistic import fit_logistic


def clouds(counts: tuple[int, ...], *, apart: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    rows = torch.randn(len(labels), 8, generator=generator)
    rows[torch.arange(len(labels)), labels] += apart
    return rows, labels


def test_it_tells_the_classes_apart() -> None:
    support, labels = clouds((20, 5, 5))
    query, truth = clouds((50, 50, 50))
    found = fit_logistic(support, labels, way=3).score(query).argmax(dim=1)
    assert float((found == truth).double().mean()) > 0.85


def test_the_weights_are_those_where_the_loss_is_flat() -> None:
    support, labels = clouds((20, 5), apart=1.0)
    fitted = fit_logistic(support, labels, way=2)
    chance = fitted.score(support).softmax(dim=1)
    # Of each class the summed error weighs the same; the penalty's slope is 2 * 0.01 * w.
    error = (chance - torch.nn.functional.one_hot(labels, 2)) / torch.tensor([20.0, 5.0])[labels][:, None] / 2
    rows = torch.nn.functional.normalize(support - fitted.mean, dim=-1)
    torch.testing.assert_close(rows.T @ error, -0.02 * fitted.weights, atol=1e-4, rtol=1e-2)


def test_the_same_task_gives_the_same_weights_and_a_class_without_samples_is_refused() -> None:
    support, labels = clouds((6, 3))
    assert torch.equal(fit_logistic(support, labels, way=2).weights, fit_logistic(support, labels, way=2).weights)
    with pytest.raises(BadDataError, match="3-way"):
        fit_logistic(support, labels, way=3)
