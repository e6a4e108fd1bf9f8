"""The same numbers on a GPU as on the CPU, within what float32 gives; skipped where there is none."""

import pytest
import torch
from torch import Tensor
from torch.func import grad

from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.networks.moments import channel_moments, per_channel
from inspect_pipeline.learning.networks.network_catalog import build_network, started_network
from inspect_pipeline.learning.networks.network_embedding import NetworkEmbedding
from inspect_pipeline.learning.networks.network_specs import Conv4Spec, ResNet12Spec, TimmSpec
from inspect_pipeline.learning.tasks import Tasks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: this checks a GPU against the CPU"),
]
SPECS = [
    Conv4Spec(side_px=32, channels=16),
    Conv4Spec(side_px=32, channels=16, norm="step", steps=2),
    Conv4Spec(side_px=32, channels=16, norm="frozen"),
    ResNet12Spec(side_px=32, widths="8-12-16-20"),
]


@pytest.fixture(autouse=True)
def whole_float32() -> object:
    """TF32 has ten bits; the comparison is of float32."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield None
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(spec: Conv4Spec | ResNet12Spec) -> tuple[NetworkEmbedding, NetworkEmbedding]:
    here = started_network(spec, torch.Generator().manual_seed(0))
    return here, here.on(torch.device("cuda"))


@pytest.mark.parametrize("spec", SPECS)
def test_a_stack_of_tasks_has_the_same_descriptors_states_and_gradients(spec: Conv4Spec | ResNet12Spec) -> None:
    here, there = pair(spec)
    support, query = drawn(3, 10, 3, 32, 32), drawn(3, 7, 3, 32, 32, seed=1)

    def loss(embedding: NetworkEmbedding, support: Tensor, query: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        features, state = embedding.embed_support(support, tensors)
        return features.tanh().mean() + embedding.embed(query, tensors, state).tanh().mean()

    expected, _ = here.embed_support(support, here.tensors())
    found, state = there.embed_support(support.cuda(), there.tensors())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)
    assert all(each.device.type == "cuda" for each in state.values())
    slopes = grad(lambda each: loss(here, support, query, each))(here.tensors())
    theirs = grad(lambda each: loss(there, support.cuda(), query.cuda(), each))(there.tensors())
    torch.testing.assert_close({name: each.cpu() for name, each in theirs.items()}, slopes, rtol=1e-2, atol=1e-4)


def test_a_second_order_gradient_is_the_same() -> None:
    here, there = pair(SPECS[0])
    support = drawn(10, 3, 32, 32)

    def loss(embedding: NetworkEmbedding, samples: Tensor, tensors: dict[str, Tensor]) -> Tensor:
        return (0.1 * embedding.embed_support(samples, tensors)[0]).tanh().square().mean()

    def second(embedding: NetworkEmbedding, samples: Tensor) -> dict[str, Tensor]:
        def after_a_step(tensors: dict[str, Tensor]) -> Tensor:
            slopes = grad(lambda each: loss(embedding, samples, each))(tensors)
            return loss(embedding, samples, {name: each - 0.1 * slopes[name] for name, each in tensors.items()})

        return grad(after_a_step)(embedding.tensors())

    theirs = {name: each.cpu() for name, each in second(there, support.cuda()).items()}
    torch.testing.assert_close(theirs, second(here, support), rtol=1e-2, atol=1e-4)


def test_moments_of_sixteen_bits_are_summed_up_in_thirty_two() -> None:
    x = (100.0 + drawn(8, 3, 16, 16)).bfloat16()
    found, expected = channel_moments(x.cuda(), 2), channel_moments(x, 2)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-3, atol=1e-3)
    mapped = per_channel(x.cuda(), *found)
    torch.testing.assert_close(mapped.float().cpu(), per_channel(x, *expected).float(), rtol=2e-2, atol=2e-2)


def test_a_method_learns_in_sixteen_bits_from_a_stack_of_tasks() -> None:
    _, there = pair(SPECS[0])
    method = ProtoNet.untrained(there)
    method = method.with_head({name: each.cuda() for name, each in method.head().items()})
    labels = torch.arange(2).repeat_interleave(5).cuda()
    tasks = Tasks(
        support=drawn(4, 10, 3, 32, 32).cuda(),
        support_labels=labels,
        query=drawn(4, 10, 3, 32, 32, seed=1).cuda(),
        query_labels=labels,
        way=2,
    )
    head = {name: each.clone().requires_grad_() for name, each in method.head().items()}
    with torch.autocast("cuda", dtype=torch.bfloat16):
        found = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=0.0)
    found.loss.mean().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in head.values())


def test_a_timm_stage_runs_there_with_its_constants() -> None:
    spec = TimmSpec(name="test_resnet", cut="layer2", taps="layer4:mean", side_px=64)
    here = build_network(spec.form())
    here = here.with_constants({name: 1.0 + each for name, each in here.constants.items()})
    samples = drawn(4, *here.sample_shape)
    there = here.on(torch.device("cuda"))
    found, _ = there.embed_support(samples.cuda(), there.tensors())
    torch.testing.assert_close(found.cpu(), here.embed_support(samples, here.tensors())[0], rtol=1e-3, atol=1e-3)
