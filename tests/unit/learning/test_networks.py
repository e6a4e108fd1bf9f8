"""Conv4 and ResNet-12 as embeddings: BatchNorm by the supports, nothing that moves, derivatives of any order."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import batch_norm, conv2d, leaky_relu, max_pool2d, relu

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.embedding_catalog import build_embedding, constants_of
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.networks.moments import channel_moments, per_channel
from inspect_pipeline.learning.networks.network_catalog import started_network
from inspect_pipeline.learning.networks.network_embedding import NetworkEmbedding
from inspect_pipeline.learning.networks.network_specs import Conv4Spec, ResNet12Spec
from inspect_pipeline.learning.networks.normalising import ForwardPass, running
from inspect_pipeline.learning.networks.resnet12 import drop_block
from inspect_pipeline.learning.tasks import Tasks

TINY = Conv4Spec(side_px=16, channels=4)
TINY_RESNET = ResNet12Spec(side_px=16, widths="2-3-3-4")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def started(spec: Conv4Spec | ResNet12Spec = TINY, *, seed: int = 0) -> NetworkEmbedding:
    """A network whose normalisations are no identity and whose weights have both signs."""
    embedding = started_network(spec, torch.Generator().manual_seed(seed))
    stirred = {
        name: each + 0.7 * drawn(*each.shape) if each.ndim < 3 else each for name, each in embedding.tensors().items()
    }
    return embedding.with_tensors(stirred)


def double(embedding: NetworkEmbedding) -> NetworkEmbedding:
    return replace(
        embedding,
        learned={name: each.double() for name, each in embedding.learned.items()},
        constants={name: each.double() for name, each in embedding.constants.items()},
    )


def conv4_by_hand(tensors: dict[str, Tensor], support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """Snell's Conv4 with plain operations, in the textbook order; queries in the statistics of the supports."""
    for block in range(4):
        kernel, weight, bias = (
            tensors[f"network.blocks.{block}.{name}"] for name in ("conv.weight", "norm.weight", "norm.bias")
        )
        support, query = conv2d(support, kernel, padding=1), conv2d(query, kernel, padding=1)
        mean, var = support.mean(dim=(0, 2, 3)), support.var(dim=(0, 2, 3), unbiased=False)
        support, query = (
            max_pool2d(relu(batch_norm(x, mean, var, weight, bias, training=False)), 2) for x in (support, query)
        )
    return support.flatten(1), query.flatten(1)


def resnet12_by_hand(tensors: dict[str, Tensor], support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    def layer(x: tuple[Tensor, Tensor], name: str) -> tuple[Tensor, Tensor]:
        kernel, weight, bias = (tensors[f"network.{name}.{key}"] for key in ("conv.weight", "norm.weight", "norm.bias"))
        first, second = (conv2d(each, kernel, padding=kernel.shape[-1] // 2) for each in x)
        mean, var = first.mean(dim=(0, 2, 3)), first.var(dim=(0, 2, 3), unbiased=False)
        return tuple(batch_norm(each, mean, var, weight, bias, training=False) for each in (first, second))

    x = (support, query)
    for block in range(4):
        inner = x
        for name in ("first", "second"):
            inner = tuple(leaky_relu(each, 0.1) for each in layer(inner, f"blocks.{block}.{name}"))
        inner, short = layer(inner, f"blocks.{block}.third"), layer(x, f"blocks.{block}.shortcut")
        x = tuple(max_pool2d(leaky_relu(a + b, 0.1), 2) for a, b in zip(inner, short, strict=True))
    return x[0].mean(dim=(2, 3)), x[1].mean(dim=(2, 3))


@pytest.mark.parametrize(("spec", "by_hand"), [(TINY, conv4_by_hand), (TINY_RESNET, resnet12_by_hand)])
def test_task_statistics_are_those_of_the_supports_for_supports_and_queries(spec, by_hand) -> None:
    embedding = double(started(spec))
    support, query = drawn(6, 3, 16, 16).double(), drawn(5, 3, 16, 16, seed=1).double()
    features, state = embedding.embed_support(support, embedding.tensors())
    expected = by_hand(embedding.tensors(), support, query)
    torch.testing.assert_close(features, expected[0])
    torch.testing.assert_close(embedding.embed(query, embedding.tensors(), state), expected[1])


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
def test_a_query_is_described_the_same_whoever_stands_beside_it(norm: str) -> None:
    embedding = started(replace(TINY, norm=norm))
    _, state = embedding.embed_support(drawn(6, 3, 16, 16), embedding.tensors())
    query = drawn(5, 3, 16, 16, seed=1)
    together = embedding.embed(query, embedding.tensors(), state)
    query[1:] *= 100.0
    torch.testing.assert_close(embedding.embed(query, embedding.tensors(), state)[0], together[0])


@pytest.mark.parametrize("norm", ["frozen", "task"])
def test_many_samples_are_described_in_their_order_as_a_few_are(norm: str) -> None:
    embedding = started(replace(TINY, norm=norm, channels=2))
    _, state = embedding.embed_support(drawn(6, 3, 16, 16), embedding.tensors())
    query = drawn(700, 3, 16, 16, seed=1)  # more than are run at once
    found = embedding.embed(query, embedding.tensors(), state)
    for rows in (slice(0, 3), slice(680, 690), slice(697, 700)):
        torch.testing.assert_close(found[rows], embedding.embed(query[rows], embedding.tensors(), state))
    together, _ = embedding.embed_support(query, embedding.tensors())
    if norm == "task":
        expected = conv4_by_hand(embedding.tensors(), query, query[:1])[0]
        torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
def test_nothing_inside_moves_when_a_method_adapts_and_learns(norm: str) -> None:
    embedding = started(replace(TINY, norm=norm))
    if norm == "frozen":
        embedding = embedding.with_constants({name: 1.5 + each for name, each in embedding.constants.items()})
    before = {name: each.clone() for name, each in embedding.network.state_dict().items()}
    kept = {name: each.clone() for name, each in {**embedding.constants, **embedding.tensors()}.items()}
    method = ProtoNet.untrained(embedding)
    labels = torch.arange(2).repeat_interleave(3)
    tasks = Tasks(
        support=drawn(2, 6, 3, 16, 16), support_labels=labels, query=drawn(2, 6, 3, 16, 16), query_labels=labels, way=2
    )
    method.adapt(tasks.support, labels, way=2).score(tasks.query)
    head = {name: each.clone().requires_grad_() for name, each in method.head().items()}
    method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=0.0).loss.mean().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in head.values())
    after = embedding.network.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())
    assert all(torch.equal(each, {**embedding.constants, **embedding.tensors()}[name]) for name, each in kept.items())


def test_frozen_statistics_are_the_running_ones() -> None:
    embedding = started(replace(TINY, norm="frozen"))
    support, query = drawn(6, 3, 16, 16), drawn(5, 3, 16, 16, seed=1)
    x, constants = query, {}
    for block in range(4):
        at = f"blocks.{block}"
        kernel, weight, bias = (
            embedding.learned[f"{at}.{each}"] for each in ("conv.weight", "norm.weight", "norm.bias")
        )
        mean, var = drawn(4, seed=block), 0.5 + drawn(4, seed=block).square()
        constants |= {f"{at}.norm.running_mean": mean, f"{at}.norm.running_var": var}
        x = max_pool2d(relu(batch_norm(conv2d(x, kernel, padding=1), mean, var, weight, bias, training=False)), 2)
    embedding = embedding.with_constants(constants)
    _, state = embedding.embed_support(support, embedding.tensors())
    assert state == {}
    torch.testing.assert_close(embedding.embed(query, embedding.tensors(), state), x.flatten(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
@pytest.mark.parametrize("spec", [TINY, TINY_RESNET])
def test_a_stack_of_tasks_gives_what_each_gives_alone_looped_or_mapped(spec, norm: str) -> None:
    embedding = started(replace(spec, norm=norm))
    support, query = drawn(2, 6, 3, 16, 16), drawn(2, 5, 3, 16, 16, seed=1)
    tensors = embedding.tensors()

    def one(support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        features, state = embedding.embed_support(support, tensors)
        return features, embedding.embed(query, tensors, state)

    features, state = embedding.embed_support(support, tensors)
    stacked = features, embedding.embed(query, tensors, state)
    looped = [one(support[task], query[task]) for task in range(2)]
    mapped = vmap(one)(support, query)
    for part in range(2):
        alone = torch.stack([each[part] for each in looped])
        torch.testing.assert_close(stacked[part], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mapped[part], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
@pytest.mark.parametrize("spec", [TINY, TINY_RESNET])
def test_tasks_in_one_batch_as_on_a_gpu_have_statistics_of_their_own(spec, norm: str) -> None:
    embedding = started(replace(spec, norm=norm))
    support, query = drawn(2, 6, 3, 16, 16), drawn(2, 5, 3, 16, 16, seed=1)
    features, state = embedding.embed_support(support, embedding.tensors())
    numbers = {**embedding.learned, **embedding.constants}
    with running(ForwardPass(tasks=2, step=state.get("step"))) as forward:
        found = functional_call(embedding.network, numbers, (support.flatten(0, 1),))
    torch.testing.assert_close(found, features.flatten(0, 1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(forward.found, {name: each for name, each in state.items() if name != "step"})
    with running(ForwardPass(tasks=2, given=state, step=state.get("step"))):
        found = functional_call(embedding.network, numbers, (query.flatten(0, 1),))
    expected = embedding.embed(query, embedding.tensors(), state).flatten(0, 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
def test_a_state_that_vmap_gave_serves_a_stack_of_queries(norm: str) -> None:
    embedding = started(replace(TINY, norm=norm))
    support, query = drawn(2, 6, 3, 16, 16), drawn(2, 5, 3, 16, 16, seed=1)
    tensors = embedding.tensors()
    _, mapped = vmap(lambda each: embedding.embed_support(each, tensors))(support)
    _, stacked = embedding.embed_support(support, tensors)
    torch.testing.assert_close(embedding.embed(query, tensors, mapped), embedding.embed(query, tensors, stacked))


def inner_step_and_query_loss(embedding: NetworkEmbedding, support: Tensor, query: Tensor, tensors) -> Tensor:
    """A step of gradient descent on the supports, then a loss of the queries under what came of it."""

    def inner(each: dict[str, Tensor]) -> Tensor:
        return (0.1 * embedding.embed_support(support, each)[0]).tanh().square().sum()

    slopes = grad(inner)(tensors)
    stepped = {name: each - 0.02 * slopes[name] for name, each in tensors.items()}
    _, state = embedding.embed_support(support, stepped)
    return (0.1 * embedding.embed(query, stepped, state)).tanh().sum()


@pytest.mark.parametrize("norm", ["frozen", "task", "step"])
def test_the_second_order_gradient_through_conv4_equals_finite_differences(norm: str) -> None:
    embedding = double(started(replace(TINY, norm=norm, channels=2)))
    support, query = drawn(3, 3, 16, 16).double(), drawn(2, 3, 16, 16, seed=1).double()
    tensors = embedding.tensors()
    slopes = grad(lambda each: inner_step_and_query_loss(embedding, support, query, each))(tensors)
    for seed in range(3):
        direction = {name: drawn(*each.shape, seed=seed).double() for name, each in tensors.items()}
        ahead, behind = (
            inner_step_and_query_loss(
                embedding, support, query, {name: each + by * direction[name] for name, each in tensors.items()}
            )
            for by in (1e-6, -1e-6)
        )
        exact = sum(float((slopes[name] * direction[name]).sum()) for name in tensors)
        assert abs(exact) > 1e-3
        assert float(ahead - behind) / 2e-6 == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("spec", [TINY, TINY_RESNET])
def test_second_order_gradients_of_tasks_with_tensors_of_their_own_are_the_same_mapped_or_looped(spec) -> None:
    embedding = double(started(spec))
    support, query = drawn(2, 3, 3, 16, 16).double(), drawn(2, 2, 3, 16, 16, seed=1).double()
    own = {name: torch.stack([each, 1.1 * each]) for name, each in embedding.tensors().items()}

    def slope(support: Tensor, query: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return grad(lambda each: inner_step_and_query_loss(embedding, support, query, each))(tensors)

    mapped = vmap(slope)(support, query, own)
    for task in range(2):
        alone = slope(support[task], query[task], {name: each[task] for name, each in own.items()})
        torch.testing.assert_close({name: each[task] for name, each in mapped.items()}, alone)


def test_a_graph_kept_outside_of_vmap_can_be_differentiated_again() -> None:
    embedding = double(started())
    support = drawn(2, 4, 3, 16, 16).double()
    own = {name: torch.stack([each, 1.1 * each]).requires_grad_() for name, each in embedding.tensors().items()}

    def loss(tensors: dict[str, Tensor], samples: Tensor) -> Tensor:
        return (0.1 * embedding.embed_support(samples, tensors)[0]).tanh().square().sum()

    def through_a_step(losses) -> tuple[Tensor, ...]:
        slopes = torch.autograd.grad(losses(own).sum(), list(own.values()), create_graph=True)
        stepped = {name: each - 0.02 * slope for (name, each), slope in zip(own.items(), slopes, strict=True)}
        return torch.autograd.grad(losses(stepped).sum(), list(own.values()))

    mapped = through_a_step(lambda tensors: vmap(loss)(tensors, support))
    looped = through_a_step(
        lambda tensors: torch.stack(
            [loss({name: each[task] for name, each in tensors.items()}, support[task]) for task in range(2)]
        )
    )
    torch.testing.assert_close(mapped, looped)


def test_moments_and_the_map_of_channels_have_derivatives_of_second_order() -> None:
    x = drawn(6, 3, 2, 2).double().requires_grad_()
    scale, shift = (drawn(2, 3, seed=seed).double().requires_grad_() for seed in (1, 2))
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda each: channel_moments(each, 2), (x,))
        assert check(per_channel, (x, scale, shift))
        assert check(per_channel, (x, scale[:1], shift[:1]))


def test_the_second_task_of_a_batch_has_moments_of_its_own() -> None:
    x = drawn(6, 3, 4, 5)
    mean, var = channel_moments(x, 2)
    torch.testing.assert_close(mean[1], x[3:].mean(dim=(0, 2, 3)))
    torch.testing.assert_close(var[1], x[3:].var(dim=(0, 2, 3), unbiased=False))
    torch.testing.assert_close(per_channel(x, mean, var)[4], x[4] * mean[1][:, None, None] + var[1][:, None, None])


def test_sixteen_bits_are_summed_up_in_thirty_two() -> None:
    x = (100.0 + drawn(8, 3, 16, 16)).bfloat16()
    mean, var = channel_moments(x)
    assert mean.dtype == var.dtype == torch.float32
    torch.testing.assert_close(var[0], x.float().var(dim=(0, 2, 3), unbiased=False), rtol=1e-3, atol=1e-3)


def test_every_inner_step_has_its_own_weights_and_only_they_learn_from_it() -> None:
    embedding = started(replace(TINY, norm="step", steps=3))
    support, query = drawn(6, 3, 16, 16), drawn(5, 3, 16, 16, seed=1)
    tensors = {name: each.clone().requires_grad_() for name, each in embedding.tensors().items()}
    weight = tensors["network.blocks.2.norm.weight"]
    assert weight.shape == (3, 4)
    _, state = embedding.embed_support(support, tensors, step=1)
    embedding.embed(query, tensors, state).sum().backward()
    assert weight.grad is not None
    assert weight.grad.abs().sum(dim=1).bool().tolist() == [False, True, False]
    plain = started(TINY).with_tensors(
        {name: (each[1] if each.ndim == 2 else each).detach() for name, each in tensors.items()}
    )
    _, expected = plain.embed_support(support, plain.tensors())
    torch.testing.assert_close(state["blocks.3.norm.var"], expected["blocks.3.norm.var"])
    last, beyond = (embedding.embed_support(support, tensors, step=step)[0] for step in (2, 7))
    torch.testing.assert_close(beyond, last)


def test_a_state_of_other_tasks_or_of_another_network_is_refused() -> None:
    embedding = started()
    tensors = embedding.tensors()
    _, state = embedding.embed_support(drawn(2, 6, 3, 16, 16), tensors)
    with pytest.raises(BadDataError, match="embed_support"):
        embedding.embed(drawn(5, 3, 16, 16), tensors, state)
    with pytest.raises(BadDataError, match=r"blocks.0.norm.mean'.*None"):
        embedding.embed(drawn(5, 3, 16, 16), tensors, {})
    with pytest.raises(BadDataError, match=r"'x'"):
        embedding.embed(drawn(2, 5, 3, 16, 16), tensors, {**state, "x": torch.zeros(2)})
    with pytest.raises(BadDataError, match="samples of shape"):
        embedding.embed_support(drawn(6, 1, 16, 16), tensors)


@pytest.mark.parametrize(
    "spec",
    [
        TINY,
        replace(TINY, norm="step", steps=4, pooling="max"),
        replace(TINY, norm="frozen", learned_from="blocks.2", pooling="mean"),
        replace(TINY_RESNET, drop=0.1),
    ],
)
def test_a_form_and_its_tensors_make_the_same_network_again(spec) -> None:
    embedding = started(spec)
    again = build_embedding(embedding.form())
    assert isinstance(again, NetworkEmbedding)
    assert not any(each.any() for each in again.tensors().values())
    again = again.with_tensors(embedding.tensors()).with_constants(embedding.constants)
    support = drawn(6, 3, 16, 16)
    assert again.form() == embedding.form()
    assert (again.dims, again.sample_shape) == (embedding.dims, (3, 16, 16))
    found, expected = (each.embed_support(support, each.tensors())[0] for each in (again, embedding))
    assert expected.shape == (6, embedding.dims)
    assert torch.equal(found, expected)


def test_a_bundle_carries_what_is_frozen_of_a_network_and_cannot_be_used_without_it() -> None:
    embedding = started(replace(TINY, norm="frozen", learned_from="blocks.2"))
    embedding = embedding.with_constants({name: 1.5 + each for name, each in embedding.constants.items()})
    method = ProtoNet.untrained(embedding)
    sent = Initialization(
        method="protonet",
        backbone="none",
        trunk={},
        head=method.head(),
        episode_spec=EpisodeSpec(way=2, shot=3, query=2),
        data_fingerprint="f",
        seed=0,
        families=("steel",),
        embedding=embedding.form(),
        constants=constants_of(embedding),
    )
    came = from_bundle(sent.to_bundle({}))
    support, query, labels = drawn(6, 3, 16, 16), drawn(4, 3, 16, 16, seed=1), torch.arange(2).repeat_interleave(3)
    found, expected = (each.adapt(support, labels, way=2).score(query) for each in (came.build_method(), method))
    assert torch.equal(found, expected)
    with pytest.raises(WeightsError, match="what is frozen"):
        replace(came, constants={}).build_method()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"norm": "train"}, "frozen, task, step"),
        ({"channels": "many"}, "a whole number"),
        ({"colour": 3}, "no option 'colour'"),
        ({"steps": 2}, "knows no steps"),
        ({"pooling": "median"}, "flatten, max, mean"),
        ({"side_px": 8}, "16 px"),
        ({"learned_from": "blocks.9"}, "the parts are blocks.0"),
    ],
)
def test_a_form_that_makes_no_network_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadDataError, match=words):
        build_embedding({**TINY.form(), **change})


def test_tensors_of_another_shape_are_refused() -> None:
    embedding = started()
    bad = {**embedding.tensors(), "network.blocks.0.norm.bias": torch.zeros(5)}
    with pytest.raises(WeightsError, match="the network"):
        embedding.with_tensors(bad)


@pytest.mark.parametrize(
    ("widths", "count"), [("64-160-320-640", 12_424_320), ("64-128-256-512", 7_996_800)], ids=["12.4 M", "8.0 M"]
)
def test_resnet12_has_as_many_parameters_as_published(widths: str, count: int) -> None:
    embedding = build_embedding(ResNet12Spec(widths=widths, side_px=16).form())
    assert sum(each.numel() for each in embedding.tensors().values()) == count
    assert embedding.dims == int(widths.rsplit("-", maxsplit=1)[-1])


def test_conv4_has_64_channels_and_1600_dimensions_at_84_px() -> None:
    embedding = build_embedding(Conv4Spec().form())
    assert embedding.dims == 5 * 5 * 64
    assert sum(each.numel() for each in embedding.tensors().values()) == 64 * 9 * (3 + 3 * 64) + 4 * 2 * 64


def test_only_the_parts_from_a_link_on_are_learned() -> None:
    embedding = started(replace(TINY, learned_from="blocks.2"))
    assert {name.split(".")[2] for name in embedding.tensors()} == {"2", "3"}
    assert {name.split(".")[1] for name in embedding.constants} == {"0", "1"}


def test_training_drops_squares_by_its_generator_and_nothing_else_does() -> None:
    x = torch.ones(2, 8, 20, 20)
    found = [drop_block(x, 0.2, side=5, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert float((found[0] == 0).float().mean()) == pytest.approx(0.2, abs=0.06)
    assert float(found[0].mean()) == pytest.approx(1.0, abs=1e-5)
    dropped = (found[0][0, 0] == 0).float()[None, None]
    assert torch.equal(max_pool2d(-max_pool2d(-dropped, 5, 1), 5, 1, padding=0)[..., :1, :1], dropped[..., 4:5, 4:5])
    embedding = started(replace(TINY_RESNET, drop=0.5))
    support = drawn(6, 3, 16, 16)
    still, again = (embedding.embed_support(support, embedding.tensors())[0] for _ in range(2))
    assert torch.equal(still, again)
    dropping = embedding.dropping(torch.Generator().manual_seed(0))
    assert not torch.equal(dropping.embed_support(support, embedding.tensors())[0], still)


@pytest.mark.parametrize("spec", [TINY, TINY_RESNET])
def test_sixteen_bit_training_gives_nearly_the_same_descriptors_in_thirty_two_bits(spec) -> None:
    embedding = started(replace(spec, side_px=32))
    support, query = drawn(6, 3, 32, 32), drawn(5, 3, 32, 32, seed=1)
    tensors = {name: each.clone().requires_grad_() for name, each in embedding.tensors().items()}
    exact, _ = embedding.embed_support(support, embedding.tensors())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features, state = embedding.embed_support(support.contiguous(), tensors)
        found = embedding.embed(query, tensors, state)
    assert features.dtype == found.dtype == torch.float32
    assert float((features.detach() - exact).norm() / exact.norm()) < 0.05
    found.square().sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in tensors.values())


@pytest.mark.parametrize("spec", [TINY, TINY_RESNET])
def test_the_layout_of_the_samples_in_memory_changes_nothing(spec) -> None:
    embedding = started(spec)
    support = drawn(6, 3, 16, 16)
    last = support.contiguous(memory_format=torch.channels_last)
    found, expected = (embedding.embed_support(each, embedding.tensors())[0] for each in (last, support))
    torch.testing.assert_close(found, expected)


def test_a_layer_called_outside_an_embedding_says_so() -> None:
    embedding = started()
    with pytest.raises(BadDataError, match="embed_support"):
        functional_call(embedding.network, dict(embedding.learned), (drawn(2, 3, 16, 16),))
