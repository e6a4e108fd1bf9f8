"""The heads are what their formulas say, whatever the order of samples and classes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.heads import (
    centred,
    checked_labels,
    prototype_logits,
    prototypes,
    ridge_weights,
    task_mean,
)

seeds = st.integers(0, 2**32 - 1)


def task(seed: int, *, way: int = 3, shot: int = 4, dims: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    support = torch.randn(way * shot, dims, generator=generator, dtype=torch.float64)
    query = torch.randn(5, dims, generator=generator, dtype=torch.float64)
    return support, torch.arange(way).repeat_interleave(shot), query


def test_a_prototype_is_the_mean_of_its_class() -> None:
    features = torch.tensor([[0.0, 0.0], [2.0, 4.0], [5.0, 5.0]])
    assert prototypes(features, torch.tensor([0, 0, 1]), way=2).tolist() == [[1.0, 2.0], [5.0, 5.0]]


def test_the_logit_is_minus_the_squared_distance_times_the_scale() -> None:
    logits = prototype_logits(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [1.0, 0.0]]), scale=2.0)
    assert logits.tolist() == [[-50.0, -2.0]]


@given(seed=seeds, repeats=st.integers(1, 6))
def test_the_prototype_of_identical_points_is_the_point(seed: int, repeats: int) -> None:
    points, _, _ = task(seed, way=3, shot=1)
    found = prototypes(points.repeat_interleave(repeats, dim=0), torch.arange(3).repeat_interleave(repeats), way=3)
    torch.testing.assert_close(found, points)


@settings(deadline=None)
@given(seed=seeds)
def test_renumbering_the_classes_permutes_the_scores_and_nothing_else(seed: int) -> None:
    support, labels, query = task(seed)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(3))
    renamed = order[labels]
    plain = prototype_logits(query, prototypes(support, labels, way=3))
    moved = prototype_logits(query, prototypes(support, renamed, way=3))
    torch.testing.assert_close(moved[:, order], plain)
    ridge = ridge_weights(support, labels, way=3, penalty=0.5)
    torch.testing.assert_close(ridge_weights(support, renamed, way=3, penalty=0.5)[:, order], ridge)


@settings(deadline=None)
@given(seed=seeds)
def test_the_order_of_the_supports_does_not_matter(seed: int) -> None:
    support, labels, query = task(seed)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    torch.testing.assert_close(prototypes(support[order], labels[order], way=3), prototypes(support, labels, way=3))
    torch.testing.assert_close(
        query @ ridge_weights(support[order], labels[order], way=3, penalty=0.5),
        query @ ridge_weights(support, labels, way=3, penalty=0.5),
    )


@given(seed=seeds, shift=st.floats(-10, 10))
def test_centring_takes_out_what_all_samples_share(seed: int, shift: float) -> None:
    support, labels, query = task(seed)
    plain = centred(query, task_mean(support, labels, way=3))
    moved = centred(query + shift, task_mean(support + shift, labels, way=3))
    torch.testing.assert_close(moved, plain, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(plain.norm(dim=-1), torch.ones(len(query), dtype=torch.float64))


@settings(deadline=None)
@given(seed=seeds, repeats=st.integers(2, 6))
def test_a_class_with_more_supports_does_not_outweigh_the_others(seed: int, repeats: int) -> None:
    points, classes, query = task(seed, way=3, shot=1)
    counts = torch.tensor([repeats, 1, 1])
    many, labels = points.repeat_interleave(counts, dim=0), classes.repeat_interleave(counts)
    torch.testing.assert_close(task_mean(many, labels, way=3), task_mean(points, classes, way=3))
    # n supports of a class in all weigh as many as the mean class has: the penalty, per class, is what grows smaller
    penalty = 0.5 * (repeats + 2) / 3
    torch.testing.assert_close(
        query @ ridge_weights(many, labels, way=3, penalty=penalty),
        query @ ridge_weights(points, classes, way=3, penalty=0.5),
    )


@settings(deadline=None)
@given(seed=seeds, penalty=st.floats(0.01, 10))
def test_the_dual_and_the_primal_ridge_are_one_and_satisfy_the_normal_equations(seed: int, penalty: float) -> None:
    for dims in (6, 40):
        support, labels, _ = task(seed, dims=dims)
        targets = torch.eye(3, dtype=torch.float64)[labels]
        weights = ridge_weights(support, labels, way=3, penalty=penalty)
        torch.testing.assert_close(support.T @ (support @ weights - targets) + penalty * weights, 0.0 * weights)


def test_a_stack_of_tasks_gives_what_each_gives_alone() -> None:
    tasks = [task(seed) for seed in range(3)]
    support, labels, query = torch.stack([t[0] for t in tasks]), tasks[0][1], torch.stack([t[2] for t in tasks])
    together = prototype_logits(query, prototypes(support, labels, way=3))
    ridge = ridge_weights(support, labels, way=3, penalty=0.5)
    for place, (alone, _, alone_query) in enumerate(tasks):
        torch.testing.assert_close(together[place], prototype_logits(alone_query, prototypes(alone, labels, way=3)))
        torch.testing.assert_close(ridge[place], ridge_weights(alone, labels, way=3, penalty=0.5))


@pytest.mark.parametrize("labels", [[0, 2], [1, 2], [0, 0], [0, 1, 2], [-1, 0, 1]])
def test_labels_with_a_gap_are_refused_instead_of_giving_nan(labels: list[int]) -> None:
    with pytest.raises(BadDataError, match=r"every one of 0\.\.1"):
        prototypes(torch.ones(len(labels), 4), torch.tensor(labels), way=2)
    with pytest.raises(BadDataError, match="renumber"):
        ridge_weights(torch.ones(len(labels), 4), torch.tensor(labels), way=2, penalty=1.0)


def test_labels_that_are_no_classes_are_refused() -> None:
    with pytest.raises(BadDataError, match="no classes"):
        checked_labels(torch.tensor([]), 2)
    with pytest.raises(BadDataError, match="no classes"):
        checked_labels(torch.tensor([0.0, 1.0]), 2)


def test_a_ridge_without_penalty_is_refused() -> None:
    with pytest.raises(BadDataError, match="above 0"):
        ridge_weights(torch.ones(2, 4), torch.tensor([0, 1]), way=2, penalty=0.0)
