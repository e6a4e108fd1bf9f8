"""The plain baselines: each is what its textbook says, fitted for a whole stack of tasks at once."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, one_hot

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales, Option
from inspect_pipeline.learning.heads import prototypes
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.methods.linear_fits import cosine_duals, gradient_duals, logistic_duals
from inspect_pipeline.learning.methods.logistic_regression import LinearClassifier
from inspect_pipeline.learning.methods.shrinkage_lda import shrinkage_of


def clouds(counts: tuple[int, ...], *, apart: float = 3.0, seed: int = 1, dims: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    rows = torch.randn(len(labels), dims, generator=generator)
    rows[torch.arange(len(labels)), labels] += apart
    return rows, labels


def fitted(name: str, support: Tensor, labels: Tensor, options: dict[str, Option] | None = None) -> LinearClassifier:
    way = int(labels.max()) + 1
    method = build_method(name, ChannelScales.identity(support.shape[-1]), options)
    found = method.adapt(support, labels, way=way)
    assert isinstance(found, LinearClassifier)
    return found


@pytest.mark.parametrize("name", ["logistic_regression", "shrinkage_lda", "fine_tuned_head", "baseline_plus_plus"])
def test_it_tells_the_classes_apart_though_their_shots_differ(name: str) -> None:
    query, truth = clouds((50, 50, 50), seed=2)
    found = fitted(name, *clouds((20, 5, 5))).score(query).argmax(dim=1)
    assert float((found == truth).double().mean()) > 0.85


@pytest.mark.parametrize("counts", [(20, 5), (1, 1), (30, 2)])
def test_logistic_weights_are_those_where_the_loss_is_flat(counts: tuple[int, int]) -> None:
    support, labels = clouds(counts, apart=1.0)
    found = fitted("logistic_regression", support, labels)
    chance = found.score(support).softmax(dim=1)
    # Of each class the summed error weighs the same; the penalty's slope is 2 * 0.01 * w.
    error = (chance - one_hot(labels, 2)) / torch.bincount(labels)[labels][:, None] / 2
    torch.testing.assert_close(found.space.place(support).T @ error, -0.02 * found.weights, atol=1e-5, rtol=1e-3)


def test_a_stack_of_regressions_is_solved_as_well_as_by_a_general_solver() -> None:
    support = normalize(torch.randn(3, 12, 20, generator=torch.Generator().manual_seed(0)), dim=-1)
    labels = torch.arange(3).repeat_interleave(4)
    found = support.mT @ logistic_duals(support, labels, way=3, penalty=0.01, steps=40)
    for task in range(3):
        weights = torch.zeros(20, 3, requires_grad=True)
        solver = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

        def loss(task: int = task, weights: Tensor = weights, solver: torch.optim.LBFGS = solver) -> Tensor:
            solver.zero_grad()
            value = cross_entropy(support[task] @ weights, labels) + 0.01 * weights.square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        solver.step(loss)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(found[task], weights.detach(), atol=2e-3, rtol=1e-3)


def test_fine_tuning_takes_the_gradient_steps_of_plain_descent() -> None:
    support, labels = clouds((6, 2, 4), apart=1.0)
    weights, bias = torch.zeros(8, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    balance = 1.0 / torch.bincount(labels).float()
    for _ in range(7):
        loss = cross_entropy(support @ weights + bias, labels, weight=balance) + 0.05 * weights.square().sum()
        slopes = torch.autograd.grad(loss, [weights, bias])
        weights, bias = (x.detach().sub(0.3 * g).requires_grad_() for x, g in zip((weights, bias), slopes, strict=True))
    duals, found = gradient_duals(support, labels, way=3, steps=7, rate=0.3, decay=0.1)
    torch.testing.assert_close(support.T @ duals, weights.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[0], bias.detach(), rtol=1e-4, atol=1e-5)


def test_a_cosine_head_takes_the_gradient_steps_of_plain_descent() -> None:
    support, labels = clouds((6, 2, 4), apart=1.0)
    support, scale = normalize(support, dim=-1), torch.tensor(10.0)
    weights = prototypes(support, labels, way=3).T.clone().requires_grad_()
    balance = 1.0 / torch.bincount(labels).float()
    for _ in range(5):
        loss = cross_entropy(scale * (support @ normalize(weights, dim=0)), labels, weight=balance)
        weights = weights.detach().sub(0.05 * torch.autograd.grad(loss, weights)[0]).requires_grad_()
    duals = cosine_duals(support, labels, way=3, steps=5, rate=0.05, scale=scale)
    torch.testing.assert_close(support.T @ duals, weights.detach(), rtol=1e-4, atol=1e-5)


def test_no_weight_of_baseline_plus_plus_is_longer_than_another() -> None:
    found = fitted("baseline_plus_plus", *clouds((20, 1, 5)))
    torch.testing.assert_close(found.weights.norm(dim=0), torch.ones(3))
    assert float(fitted("fine_tuned_head", *clouds((20, 1, 5))).weights.norm(dim=0).std()) > 0.05


def elongated(shots: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two types that differ in the second channel and vary along the first, five times as much."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(2).repeat_interleave(shots)
    rows = 0.1 * torch.randn(2 * shots, 6, generator=generator)
    rows[:, 0] = 2.5 * torch.randn(2 * shots, generator=generator)
    rows[:, 1] += 0.5 * (2 * labels - 1)
    return rows, labels


def test_discriminants_use_the_covariance_of_two_elongated_types() -> None:
    query, truth = elongated(200, seed=5)
    right: dict[str, list[float]] = {"shrinkage_lda": [], "nearest_prototype": []}
    for seed in range(6):
        support, labels = elongated(4, seed=seed)
        for name, found in right.items():
            answer = untrained(name, 6).adapt(support, labels, way=2).score(query).argmax(dim=-1)
            found.append(float((answer == truth).double().mean()))
    means = {name: sum(found) / len(found) for name, found in right.items()}
    assert means["shrinkage_lda"] > means["nearest_prototype"] + 0.05


def test_with_one_support_a_type_discriminants_are_the_nearest_prototype() -> None:
    support, labels = clouds((1, 1, 1))
    query, _ = clouds((4, 4, 4), seed=2)
    found = fitted("shrinkage_lda", support, labels).score(query)
    expected = untrained("nearest_prototype", 8).adapt(support, labels, way=3).score(query)
    torch.testing.assert_close(found.log_softmax(dim=-1), expected.log_softmax(dim=-1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["oas", "ledoit_wolf"])
@pytest.mark.parametrize("dims", [4, 30])
def test_the_amount_of_shrinkage_is_the_papers_on_the_whole_covariance(kind: str, dims: int) -> None:
    rows = torch.randn(9, dims, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.2, 2.0, dims)
    covariance = rows.T @ rows / 9
    trace, square = float(covariance.trace()), float((covariance @ covariance).trace())
    if kind == "oas":
        wanted = ((1 - 2 / dims) * square + trace**2) / ((9 + 1 - 2 / dims) * (square - trace**2 / dims))
    else:
        spread = sum(float((torch.outer(row, row) - covariance).square().sum()) for row in rows) / 9**2
        wanted = spread / (square - trace**2 / dims)
    found = shrinkage_of(rows @ rows.T, freedom=9, dims=dims, kind=kind)
    assert float(found) == pytest.approx(min(wanted, 1.0), rel=1e-4)


@pytest.mark.parametrize("dims", [5, 40])
def test_discriminants_are_those_of_the_shrunk_covariance_itself(dims: int) -> None:
    support, labels = clouds((5, 3, 4), dims=dims)
    query, _ = clouds((2, 2, 2), seed=2, dims=dims)
    found = fitted("shrinkage_lda", support, labels, {"shrinkage": "fixed", "amount": 0.3})
    placed, seen = found.space.place(support), found.space.place(query)
    means = prototypes(placed, labels, way=3)
    residuals = placed - means[labels]
    covariance = residuals.T @ residuals / (12 - 3)
    variance = covariance.trace() / dims
    shrunk = (0.7 * covariance / variance + 0.3 * torch.eye(dims)).inverse()
    apart = seen[:, None] - means
    expected = -10.0 * torch.einsum("qkd,de,qke->qk", apart, shrunk, apart)
    torch.testing.assert_close(
        found.score(query).log_softmax(dim=-1), expected.log_softmax(dim=-1), rtol=1e-3, atol=1e-2
    )


def test_a_class_without_samples_is_refused() -> None:
    with pytest.raises(BadDataError, match="3-way"):
        untrained("logistic_regression", 8).adapt(*clouds((6, 3)), way=3)
