"""Every method of gradient descent has what its paper is about, and its nearest neighbour has not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales, Embedding, Option
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate, with_permuted_types
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.methods.gradient_entries import GRADIENT
from inspect_pipeline.learning.methods.gradient_method import GradientMethod
from inspect_pipeline.learning.methods.maml_plus_plus import step_weights
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.tasks import Tasks
from tests.fakes.tiny_networks import TinyConv, TinyMatrix

WAY = 3
SPEC = EpisodeSpec(way=3, shot=2, query=4)


def tasks_of(count: int = 2, *, dims: int = 5, seed: int = 0) -> Tasks:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(WAY)
    return Tasks(
        support=torch.randn(count, WAY * 2, dims, generator=generator, dtype=torch.float64),
        support_labels=labels.repeat_interleave(2),
        query=torch.randn(count, WAY * 3, dims, generator=generator, dtype=torch.float64),
        query_labels=labels.repeat_interleave(3),
        way=WAY,
    )


def built(name: str, options: dict[str, Option] | None = None, *, embedding: Embedding | None = None) -> GradientMethod:
    method = build_method(name, embedding or TinyMatrix.drawn(5, 4), {"steps": 3, "rate": 0.7, **(options or {})})
    assert isinstance(method, GradientMethod)
    return method


def outer_gradients(method: GradientMethod, tasks: Tasks, *, progress: float = 0.0) -> dict[str, Tensor]:
    """Return the gradient of every tensor of the head that one reaches."""
    head = {name: tensor.clone().requires_grad_() for name, tensor in method.head().items()}
    loss = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=progress).loss.mean()
    found = torch.autograd.grad(loss, list(head.values()), allow_unused=True)
    return {name: each for name, each in zip(head, found, strict=True) if each is not None}


def stepped(method: GradientMethod, tasks: Tasks) -> dict[str, Tensor]:
    """Return the adapted tensors of the embedding and the head, (t, *shape)."""
    return dict(method.adapt(tasks.support, tasks.support_labels, way=WAY).fast)


def test_the_gradient_of_fomaml_is_that_at_the_adapted_point() -> None:
    tasks = tasks_of(1)
    fomaml, maml = (built(name, {"features": "raw"}) for name in ("fomaml", "maml"))
    fast = {name: tensor[0].clone().requires_grad_() for name, tensor in stepped(fomaml, tasks).items()}
    rows = (tasks.query[0] @ fast["matrix"] + fast["bias"]).tanh()
    logits = rows @ fast["linear_head.weight"].T + fast["linear_head.bias"]
    expected = torch.autograd.grad(mean_cross_entropy(logits, tasks.query_labels), [fast["matrix"], fast["bias"]])
    first, second = outer_gradients(fomaml, tasks), outer_gradients(maml, tasks)
    for name, gradient in zip(("matrix", "bias"), expected, strict=True):
        torch.testing.assert_close(first[name], gradient, rtol=1e-10, atol=1e-12)
        assert not torch.allclose(second[name], gradient, rtol=1e-3)


def test_anil_leaves_the_embedding_as_it_is_and_maml_does_not() -> None:
    tasks = tasks_of()
    assert set(stepped(built("anil"), tasks)) == {"linear_head.weight", "linear_head.bias"}
    moved = stepped(built("maml"), tasks)["matrix"]
    assert not torch.allclose(moved[0], built("maml").embedding.tensors()["matrix"])
    anil, head_only = built("anil"), built("maml", {"stepped": ""})
    torch.testing.assert_close(outer_gradients(anil, tasks), outer_gradients(head_only, tasks), rtol=0, atol=0)


def test_the_gradient_of_anil_runs_through_the_steps_of_the_head() -> None:
    tasks = tasks_of()
    first, second = (outer_gradients(built("anil", {"order": order}), tasks)["matrix"] for order in (1, 2))
    assert not torch.allclose(first, second, rtol=1e-3)


def test_the_gradient_of_reptile_is_start_minus_stepped_tensors_and_needs_no_query() -> None:
    tasks = tasks_of()
    other = replace(tasks, query=tasks.query.flip(-1))
    method = built("reptile")
    fast = stepped(method, tasks)
    found = outer_gradients(method, tasks)
    assert set(found) == {"matrix", "bias"}
    for name, gradient in found.items():
        expected = method.embedding.tensors()[name] - fast[name].mean(dim=0)
        torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(outer_gradients(method, other), found, rtol=0, atol=0)
    fomaml = built("fomaml")
    assert not torch.allclose(outer_gradients(fomaml, other)["matrix"], outer_gradients(fomaml, tasks)["matrix"])
    with pytest.raises(BadDataError, match="stepped is empty"):
        built("reptile", {"stepped": ""})


def test_reptile_tells_the_logits_of_the_queries_after_the_steps_of_training() -> None:
    tasks, method = tasks_of(), built("reptile")
    told = method.with_steps(0).objective(tasks, loss=mean_cross_entropy, progress=0.0).logits
    torch.testing.assert_close(told, method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query))


def test_maml_plus_plus_looks_at_every_step_at_first_and_at_the_last_one_later() -> None:
    tasks, method = tasks_of(), built("maml_plus_plus")
    path = method.path(tasks.support, tasks.support_labels, way=WAY, steps=3, order=2, every=True)
    losses = [mean_cross_entropy(each.score(tasks.query), tasks.query_labels) for each in path[1:]]

    def loss(progress: float) -> Tensor:
        return method.objective(tasks, loss=mean_cross_entropy, progress=progress).loss

    torch.testing.assert_close(loss(0.0), torch.stack(losses).mean(dim=0))
    torch.testing.assert_close(loss(0.15), (losses[0] + losses[1]) / 6 + losses[2] * 2 / 3)
    torch.testing.assert_close(loss(0.3), losses[2])
    torch.testing.assert_close(loss(1.0), built("maml").objective(tasks, loss=mean_cross_entropy, progress=1.0).loss)


def test_the_weights_of_the_steps_sum_to_one_and_are_drawn_to_the_last() -> None:
    assert step_weights(4, progress=0.0, until=0.5) == (0.25, 0.25, 0.25, 0.25)
    for progress in (0.1, 0.3, 0.499):
        weights = step_weights(4, progress=progress, until=0.5)
        assert sum(weights) == pytest.approx(1.0)
        assert weights[0] >= 0.03 / 4 - 1e-12
    assert step_weights(4, progress=0.499, until=0.5)[0] == pytest.approx(0.03 / 4)
    assert step_weights(4, progress=0.5, until=0.5) == (1.0,)
    assert step_weights(4, progress=0.0, until=0.0) == (1.0,)


def test_maml_plus_plus_is_of_the_first_order_at_first_and_of_the_second_later() -> None:
    tasks = tasks_of()
    method = built("maml_plus_plus", {"multi_step_until": 0.0, "first_order_until": 0.5})
    for progress, neighbour in ((0.49, "fomaml"), (0.5, "maml")):
        expected = outer_gradients(built(neighbour), tasks)["matrix"]
        torch.testing.assert_close(outer_gradients(method, tasks, progress=progress)["matrix"], expected)


def test_maml_plus_plus_has_a_rate_for_every_tensor_and_step() -> None:
    tasks, method = tasks_of(), built("maml_plus_plus")
    still = method.with_head(
        {**method.head(), "rate.matrix": torch.tensor([0.7, 0.0, 0.0], dtype=torch.float64)}
    ).with_steps(6)
    path = still.path(tasks.support, tasks.support_labels, way=WAY, steps=6, order=1, every=True)
    moves = [float((b.fast["matrix"] - a.fast["matrix"]).abs().max()) for a, b in pairwise(path)]
    assert moves[1:] == [0.0] * 5  # the head starts at nothing, so that the first step moves it alone
    assert all(float((b.fast["bias"] - a.fast["bias"]).abs().max()) > 0.0 for a, b in pairwise(path[1:]))
    gradients = outer_gradients(method, tasks, progress=1.0)
    assert gradients["rate.linear_head.weight"].shape == (3,)
    assert gradients["rate.linear_head.weight"].abs().min() > 0.0
    assert gradients["rate.matrix"][1:].abs().min() > 0.0


def test_maml_plus_plus_tells_the_embedding_which_step_it_is() -> None:
    generator = torch.Generator().manual_seed(0)
    tasks = tasks_of(1, dims=36)
    support, query = (each.reshape(1, -1, 1, 6, 6) for each in (tasks.support, tasks.query))
    drawn = TinyConv.drawn(4, steps=3, dtype=torch.float64)
    shifted = drawn.with_tensors({**drawn.tensors(), "shift": torch.randn(3, 4, generator=generator).double()})
    method = built("maml_plus_plus", embedding=shifted)
    path = method.path(support, tasks.support_labels, way=WAY, steps=4, order=1, every=True)
    seen = [each.anchor["shift"][0] - each.fast["shift"][0, min(max(at - 1, 0), 2)] for at, each in enumerate(path)]
    assert all(not each.any() for each in seen)
    assert path[-1].score(query).isfinite().all()


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "late"])
def test_a_share_of_the_training_outside_0_to_1_is_refused(share: Option) -> None:
    with pytest.raises(BadDataError, match="give a share of the training from 0 to 1"):
        built("maml_plus_plus", {"first_order_until": share})


def test_meta_sgd_has_a_rate_for_every_element() -> None:
    tasks, method = tasks_of(), built("meta_sgd", {"steps": 2})
    torch.testing.assert_close(stepped(method, tasks), stepped(built("maml", {"steps": 2}), tasks))
    head = method.head()
    assert head["rate.matrix"].shape == head["matrix"].shape
    assert head["rate.linear_head.weight"].shape == (4,)
    rates = head["rate.matrix"].clone()
    rates[2, 1] = 0.0
    rates[0, 0] = -0.7
    moved = stepped(method.with_head({**head, "rate.matrix": rates}), tasks)["matrix"] - head["matrix"]
    plain = stepped(method, tasks)["matrix"] - head["matrix"]
    assert not moved[:, 2, 1].any()
    torch.testing.assert_close(moved[:, 0, 0], -plain[:, 0, 0])
    torch.testing.assert_close(moved[:, 1:, 2:], plain[:, 1:, 2:])
    assert outer_gradients(method, tasks)["rate.matrix"].abs().min() > 0.0


def test_proto_maml_without_a_step_is_a_protonet_and_maml_is_not() -> None:
    tasks, embedding = tasks_of(), TinyMatrix.drawn(5, 4)
    chances = [
        method.adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query).softmax(dim=-1)
        for method in (
            built("proto_maml").with_steps(0),
            build_method("protonet", embedding),
            built("maml").with_steps(0),
        )
    ]
    torch.testing.assert_close(chances[0], chances[1], rtol=1e-5, atol=1e-7)
    assert not torch.allclose(chances[0], chances[2], rtol=0.1)


def test_the_gradient_of_proto_maml_runs_through_the_prototypes() -> None:
    tasks = tasks_of()
    method = built("proto_maml", {"order": 1})
    leaf = method.embedding.tensors()["matrix"].clone().requires_grad_()
    fast = method.with_head({**method.head(), "matrix": leaf}).adapt(tasks.support, tasks.support_labels, way=WAY).fast
    through = torch.autograd.grad(fast["linear_head.weight"].square().sum(), leaf)[0]
    assert through.abs().min() > 0.0


def test_adapters_are_stepped_and_the_tensors_of_the_base_stay_inside_and_outside() -> None:
    tasks = tasks_of(2, dims=36)
    images = replace(tasks, support=tasks.support.reshape(2, -1, 1, 6, 6), query=tasks.query.reshape(2, -1, 1, 6, 6))
    method = built("adapter_maml", {"rank": 2}, embedding=TinyConv.drawn(4, dtype=torch.float64))
    fast = stepped(method, images)
    assert {name: tuple(each.shape[1:]) for name, each in fast.items() if name.startswith("adapter")} == {
        "adapter.kernel.down": (2, 9),
        "adapter.kernel.up": (4, 2),
        "adapter.shift.down": (2, 4),
        "adapter.shift.up": (1, 2),
    }
    assert not {"kernel", "shift"} & fast.keys()
    assert float(fast["adapter.kernel.up"].abs().max()) > 0.0
    gradients = outer_gradients(method, images)
    assert not {"kernel", "shift"} & gradients.keys()
    assert gradients["adapter.kernel.down"].abs().max() > 0.0
    assert "kernel" in outer_gradients(built("maml", embedding=TinyConv.drawn(4, dtype=torch.float64)), images)


def test_adapters_change_nothing_at_the_start_and_their_seed_decides_them() -> None:
    tasks, anil = tasks_of(), built("anil")
    first, again, other = (built("adapter_maml", {"seed": seed}) for seed in (0, 0, 1))
    scores = [
        each.with_steps(1).adapt(tasks.support, tasks.support_labels, way=WAY).score(tasks.query)
        for each in (first, anil)
    ]
    torch.testing.assert_close(scores[0], scores[1])  # the head starts at nothing: the first step moves it alone
    torch.testing.assert_close(first.head(), again.head(), rtol=0, atol=0)
    assert not torch.equal(first.head()["adapter.matrix.down"], other.head()["adapter.matrix.down"])
    with pytest.raises(BadDataError, match="rank 0"):
        built("adapter_maml", {"rank": 0})


def test_an_embedding_of_vectors_alone_is_adapted_by_offsets() -> None:
    method = built("adapter_maml", embedding=ChannelScales.identity(5))
    assert set(method.head()) == {"log_scales", "log_length", "adapter.log_scales.offset"}


def material(*, families: int = 4, seed: int = 0) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Types differ in 4 channels, by what only the supports can tell; 28 more are noise everywhere."""
    generator = np.random.default_rng(seed)
    rows, names = [], []
    for family in range(families):
        for kind in range(4):
            samples = generator.normal(size=(12, 32))
            samples[:, :4] = 1.5 * generator.normal(size=4) + 0.5 * generator.normal(size=(12, 4))
            rows.append(samples)
            names += [(f"f{family}", f"t{kind}")] * 12
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return np.concatenate(rows).astype(np.float32), index


@pytest.mark.parametrize("name", GRADIENT)
def test_a_few_steps_of_meta_training_lift_the_accuracy_on_held_out_families(name: str) -> None:
    features, index = material()
    method = build_method(name, ChannelScales.identity(32), {"steps": 3, "rate": 2.0})
    options = OuterLoop(
        steps=10,
        tasks_per_step=6,
        learning_rate=0.1,
        folds=2,
        validate_every=10,
        validation_episodes=60,
        decision_episodes=60,
    )
    result = meta_train(method, features, index, SPEC, options=options, seed=0)
    assert result.history[-1].accuracy > result.history[0].accuracy + 0.08
    assert all(gain.low > 0.0 for gain in result.differences.values())


@pytest.mark.parametrize("name", GRADIENT)
def test_with_permuted_labels_accuracy_falls_to_chance_and_the_seed_decides_the_rest(name: str) -> None:
    features, index = material()
    method = build_method(name, ChannelScales.identity(32), {"steps": 2})
    shuffled = with_permuted_types(index, np.random.default_rng(0))
    found = [
        evaluate(features, each, SPEC, episodes=120, seed=seed, methods=[method]).scores[name]
        for each, seed in ((index, 0), (shuffled, 0), (shuffled, 0), (shuffled, 1))
    ]
    assert found[0].accuracy.low > 0.45
    assert found[1].accuracy.low < 1 / 3 + 0.03
    assert found[1].accuracy.high < 0.45
    assert np.array_equal(found[1].recalls, found[2].recalls)
    assert not np.array_equal(found[1].recalls, found[3].recalls)
