"""The inner loop is plain gradient descent, to the last digit, however the tasks are run and whatever the mode."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.embedding import Embedding
from inspect_pipeline.learning.inner_loop_settings import InnerLoop
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.methods.gradient_entries import GRADIENT
from inspect_pipeline.learning.methods.gradient_method import GradientMethod
from inspect_pipeline.learning.methods.maml import MAML
from inspect_pipeline.learning.tasks import Tasks
from tests.fakes.tiny_networks import TinyConv, TinyMatrix

WAY, RATE, STEPS = 3, 0.7, 3
OPTIONS = {"steps": STEPS, "rate": RATE, "features": "raw"}


def vectors(
    count: int = 2, *, dims: int = 5, shot: int = 2, query: int = 4, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Tasks:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(WAY)
    return Tasks(
        support=torch.randn(count, WAY * shot, dims, generator=generator, dtype=dtype),
        support_labels=labels.repeat_interleave(shot),
        query=torch.randn(count, WAY * query, dims, generator=generator, dtype=dtype),
        query_labels=labels.repeat_interleave(query),
        way=WAY,
    )


def images(count: int = 3, *, dtype: torch.dtype = torch.float32) -> Tasks:
    tasks = vectors(count, dims=36, dtype=dtype)
    support, query = (each.reshape(*each.shape[:-1], 1, 6, 6) for each in (tasks.support, tasks.query))
    return replace(tasks, support=support, query=query)


def with_gradients(method: GradientMethod, tasks: Tasks, *, progress: float = 0.0) -> dict[str, Tensor]:
    """Return the outer gradient of every tensor of the head; one that is not reached is 0."""
    head = {name: tensor.clone().requires_grad_() for name, tensor in method.head().items()}
    loss = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=progress).loss.mean()
    found = torch.autograd.grad(loss, list(head.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(head, found, strict=True))


def plain_loss(
    matrix: Tensor, bias: Tensor, tasks: Tasks, *, order: int, first_steps: int = STEPS, centre: bool = False
) -> Tensor:
    """Return the outer loss by a loop that shares nothing with the package: one task after the other, no vmap."""
    losses = []
    for support, query in zip(tasks.support, tasks.query, strict=True):
        fast = [matrix, bias, matrix.new_zeros(WAY, matrix.shape[1]), matrix.new_zeros(WAY)]

        def seen(samples: Tensor, fast: list[Tensor], support: Tensor = support) -> Tensor:
            rows, own = ((each @ fast[0] + fast[1]).tanh() for each in (samples, support))
            return 10.0**0.5 * normalize(rows - own.mean(dim=0), dim=1) if centre else rows

        for _ in range(first_steps):
            leaves = fast if order == 2 else [each.detach() for each in fast]
            leaves = [each if each.requires_grad else each.requires_grad_() for each in leaves]
            loss = cross_entropy(seen(support, leaves) @ leaves[2].T + leaves[3], tasks.support_labels)
            found = torch.autograd.grad(loss, leaves, create_graph=order == 2)
            fast = [each - RATE * gradient for each, gradient in zip(fast, found, strict=True)]
        losses.append(cross_entropy(seen(query, fast) @ fast[2].T + fast[3], tasks.query_labels))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("features", ["raw", "centred"])
@pytest.mark.parametrize(("name", "order"), [("maml", 2), ("fomaml", 1)])
def test_loss_and_gradient_are_those_of_a_plain_loop(name: str, order: int, features: str) -> None:
    embedding, tasks = TinyMatrix.drawn(5, 4), vectors()
    method = build_method(name, embedding, {**OPTIONS, "features": features})
    assert isinstance(method, GradientMethod)
    leaves = [embedding.matrix.clone().requires_grad_(), embedding.bias.clone().requires_grad_()]
    loss = plain_loss(leaves[0], leaves[1], tasks, order=order, centre=features == "centred")
    expected = torch.autograd.grad(loss, leaves)
    found = with_gradients(method, tasks)
    torch.testing.assert_close(found["matrix"], expected[0], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found["bias"], expected[1], rtol=1e-10, atol=1e-12)
    at = method.objective(tasks, loss=mean_cross_entropy, progress=0.0).loss.mean()
    torch.testing.assert_close(at, loss.detach(), rtol=1e-12, atol=0)


def differences(of: Callable[[Tensor], Tensor], at: Tensor, *, by: float = 1e-5) -> Tensor:
    """Return the gradient by central differences, number by number."""
    found = torch.zeros_like(at)
    for place in range(at.numel()):
        shift = torch.zeros_like(at).flatten()
        shift[place] = by
        shift = shift.reshape(at.shape)
        with torch.no_grad():
            found.view(-1)[place] = (of(at + shift) - of(at - shift)) / (2.0 * by)
    return found


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_the_gradient_of_maml_is_that_of_finite_differences_and_that_of_fomaml_is_not(seed: int) -> None:
    embedding, tasks = TinyMatrix.drawn(3, 2, seed=seed), vectors(1, dims=3, seed=seed)
    method = build_method("maml", embedding, OPTIONS)

    def loss(matrix: Tensor) -> Tensor:
        moved = method.with_head({**method.head(), "matrix": matrix})
        return moved.objective(tasks, loss=mean_cross_entropy, progress=0.0).loss.mean()

    expected = differences(loss, embedding.matrix)
    found = {name: with_gradients(built(name, embedding, OPTIONS), tasks)["matrix"] for name in ("maml", "fomaml")}
    torch.testing.assert_close(found["maml"], expected, rtol=1e-6, atol=1e-8)
    assert float((found["fomaml"] - expected).norm()) > 1e-3 * float(expected.norm())


def built(name: str, embedding: Embedding, options: Mapping[str, int | float | str | bool]) -> GradientMethod:
    method = build_method(name, embedding, options)
    assert isinstance(method, GradientMethod)
    return method


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_tasks_together_by_vmap_and_tasks_one_by_one_give_the_same(name: str, clip: float) -> None:
    tasks = images(dtype=torch.float64)
    options = {"steps": 2, "rate": 0.5, "clip": clip}
    found = []
    for at_once in (1, 2, 3):
        method = built(name, TinyConv.drawn(4, steps=2, dtype=torch.float64), {**options, "tasks_at_once": at_once})
        loss = method.objective(tasks, loss=mean_cross_entropy, progress=0.5).loss
        found.append((loss, with_gradients(method, tasks, progress=0.5)))
    for loss, gradients in found[1:]:
        torch.testing.assert_close(loss, found[0][0], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients, found[0][1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("at_once", [0, 3])
def test_in_inference_mode_and_without_gradients_the_numbers_are_those_of_training(name: str, at_once: int) -> None:
    tasks = images()
    method = built(name, TinyConv.drawn(4), {"steps": 2, "tasks_at_once": at_once})
    with torch.enable_grad():
        expected = method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query).detach()
    with torch.no_grad():
        quiet = method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        inside = replace(tasks, support=tasks.support + 0.0, query=tasks.query + 0.0)
        moved = method.with_head({key: tensor + 0.0 for key, tensor in method.head().items()})
        scores = moved.adapt(inside.support, inside.support_labels + 0, way=WAY).score(inside.query)
        assert torch.is_inference_mode_enabled()
        assert scores.is_inference()
    assert not quiet.requires_grad
    torch.testing.assert_close(quiet, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(scores.clone(), expected, rtol=1e-6, atol=1e-6)


def test_recomputing_the_activations_changes_no_gradient_and_keeps_fewer_tensors() -> None:
    tasks = images(dtype=torch.float64)
    found, kept = [], []
    for recompute in (False, True):
        method = built("maml", TinyConv.drawn(4, dtype=torch.float64), {"steps": 3, "recompute": recompute})
        found.append(with_gradients(method, tasks))
        count = [0]

        def pack(tensor: Tensor, count: list[int] = count) -> Tensor:
            count[0] += tensor.numel()
            return tensor

        head = {name: tensor.clone().requires_grad_() for name, tensor in method.head().items()}
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            method.with_head(head).adapt(tasks.support[:1], tasks.support_labels, way=WAY)
        kept.append(count[0])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert kept[1] < 0.5 * kept[0]


@pytest.mark.parametrize("name", GRADIENT)
def test_renumbering_the_classes_permutes_the_scores_and_nothing_else(name: str) -> None:
    tasks = images(dtype=torch.float64)
    method = built(name, TinyConv.drawn(4, dtype=torch.float64), {"steps": 3})
    order = torch.tensor([2, 0, 1])
    plain = method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query)
    moved = method.adapt(tasks.support, order[tasks.support_labels], way=WAY).score(tasks.query)
    assert float(plain.std(dim=-1).mean()) > 1e-3
    torch.testing.assert_close(moved[..., order], plain, rtol=1e-9, atol=1e-9)


def test_a_vector_that_all_classes_start_with_cancels() -> None:
    tasks = vectors()
    method = built("maml", TinyMatrix.drawn(5, 4), OPTIONS)

    class Shared(MAML):
        __slots__ = ()

        def start(self, model, tasks):  # type: ignore[no-untyped-def]
            start = MAML.start(self, model, tasks)
            return {**start, "linear_head.weight": start["linear_head.weight"] + torch.arange(4.0)}

    shared = Shared(embedding=method.embedding, settings=method.settings, own=method.own, name="shared")
    zero, same = (m.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query) for m in (method, shared))
    assert not torch.allclose(zero, same)
    torch.testing.assert_close(zero.softmax(dim=-1), same.softmax(dim=-1), rtol=1e-9, atol=1e-12)


def test_every_class_counts_the_same_however_many_supports_it_has() -> None:
    tasks = vectors(1)
    method = built("maml", TinyMatrix.drawn(5, 4), OPTIONS)
    twice = torch.tensor([0, 0, 0, 1, 1, 1, 2, 3, 4, 5])  # both samples of class 0 three times over
    plain = method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query)
    again = method.adapt(tasks.support[:, twice], tasks.support_labels[twice], way=WAY).score(tasks.query)
    torch.testing.assert_close(again, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", GRADIENT)
def test_any_way_and_labels_of_each_task_its_own(name: str) -> None:
    method = built(name, TinyMatrix.drawn(5, 4), {"steps": 2})
    support, query = vectors(2).support, vectors(2).query
    labels = torch.tensor([[0, 1, 0, 1, 0, 1], [1, 1, 1, 0, 0, 1]])
    scores = method.adapt(support, labels, way=2).score(query)
    assert scores.shape == (2, 12, 2)
    for task in range(2):
        alone = method.adapt(support[task], labels[task], way=2).score(query[task])
        torch.testing.assert_close(alone, scores[task], rtol=1e-10, atol=1e-12)
    deep = method.adapt(support[None], labels[None], way=2).score(query[None])
    torch.testing.assert_close(deep[0], scores, rtol=1e-10, atol=1e-12)
    with pytest.raises(BadDataError, match="do not fit a classifier"):
        method.adapt(support, labels, way=2).score(query[:1])


def test_the_steps_of_a_curve_are_those_of_one_descent() -> None:
    tasks = vectors(1)
    method = built("maml", TinyMatrix.drawn(5, 4), OPTIONS)
    path = method.path(tasks.support, tasks.support_labels, way=WAY, steps=6, order=1, every=True)
    losses = []
    for steps, at in enumerate(path):
        curve = method.with_steps(steps).adapt(tasks.support, tasks.support_labels, way=WAY)
        torch.testing.assert_close(curve.score(tasks.query), at.score(tasks.query), rtol=1e-12, atol=1e-14)
        losses.append(float(mean_cross_entropy(curve.score(tasks.support), tasks.support_labels)))
    assert losses[0] == pytest.approx(torch.tensor(3.0).log().item())
    assert losses == sorted(losses, reverse=True)
    objective = method.with_steps(0).objective(tasks, loss=mean_cross_entropy, progress=0.0)
    torch.testing.assert_close(objective.logits, path[STEPS].score(tasks.query), rtol=1e-12, atol=1e-14)


def test_a_clipped_step_is_no_longer_than_the_clip_times_the_rate() -> None:
    tasks = vectors(2)
    method = built("maml", TinyMatrix.drawn(5, 4), {**OPTIONS, "steps": 1, "clip": 0.01})
    fast = method.adapt(tasks.support, tasks.support_labels, way=WAY).fast
    moves = [fast[name] - tensor for name, tensor in method.embedding.tensors().items()]
    heads = [tensor for name, tensor in fast.items() if name.startswith("linear_head")]
    squares = sum(each.flatten(1).square().sum(dim=1) for each in [*moves, *heads])
    torch.testing.assert_close(squares, torch.full((2,), (0.01 * RATE) ** 2, dtype=torch.float64))


def test_only_the_tensors_that_are_named_are_stepped() -> None:
    tasks = vectors(1)
    method = built("maml", TinyMatrix.drawn(5, 4), {**OPTIONS, "stepped": "b*"})
    fast = method.adapt(tasks.support, tasks.support_labels, way=WAY).fast
    assert set(fast) == {"bias", "linear_head.weight", "linear_head.bias"}
    with pytest.raises(BadDataError, match="'conv\\*' names no tensor of the embedding; its tensors are matrix, bias"):
        build_method("maml", TinyMatrix.drawn(5, 4), {"stepped": "bias, conv*"})


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"steps": 0}, "inner loop of 0 steps"),
        ({"order": 3}, "order 3"),
        ({"steps": 2.5}, "steps = 2.5 cannot be used"),
        ({"recompute": 1}, "recompute = 1 cannot be used"),
        ({"rate": -1}, "inner rate of -1.0"),
        ({"features": "whitened"}, "choose one of centred, raw"),
    ],
)
def test_settings_of_no_use_are_refused(options: dict[str, int | float | str | bool], fault: str) -> None:
    with pytest.raises(BadDataError, match=fault):
        build_method("maml", TinyMatrix.drawn(5, 4), options)


def test_a_loss_that_does_not_exist_is_refused_and_a_whole_number_is_a_rate() -> None:
    with pytest.raises(NotFoundError, match="choose one of cross_entropy"):
        build_method("maml", TinyMatrix.drawn(5, 4), {"loss": "no_such_loss"})
    assert InnerLoop.of({"rate": 2, "other": "left alone"}) == InnerLoop(rate=2.0)


def test_where_nobody_learns_no_graph_is_kept() -> None:
    tasks = vectors(1)
    for name in ("maml", "meta_sgd"):
        method = built(name, TinyMatrix.drawn(5, 4), {"steps": 2})
        assert not method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query).requires_grad
        for learned in method.head().keys() - {"log_length"}:
            head = method.head()
            head[learned] = head[learned].clone().requires_grad_()
            scores = method.with_head(head).adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query)
            assert scores.requires_grad
