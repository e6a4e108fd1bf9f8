"""timm models from a stage on: the cut model computes what the whole one does, with derivatives of any order."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save
from timm.layers import use_fused_attn
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn.functional import normalize

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import build_backbone
from inspect_pipeline.learning.embedding_catalog import build_embedding
from inspect_pipeline.learning.networks.cached_stages import cached_activations
from inspect_pipeline.learning.networks.layer_rates import rate_shares
from inspect_pipeline.learning.networks.network_catalog import build_network, pretrained_network, started_network
from inspect_pipeline.learning.networks.network_embedding import NetworkEmbedding
from inspect_pipeline.learning.networks.network_specs import Conv4Spec, TimmSpec
from inspect_pipeline.learning.networks.timm_stages import check_chain

STAGES = TimmSpec(
    name="test_efficientnet", cut="blocks.2", taps="blocks.3:max,blocks.3.0.expansion:gem,blocks.4:mean", side_px=64
)


def stirred(name: str) -> nn.Module:
    """The whole timm model with numbers in which every BatchNorm does something."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.2 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            module.weight.data += 0.3 * torch.randn(module.num_features, generator=generator)
    return model


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pretrained(spec: TimmSpec) -> tuple[nn.Module, bytes, NetworkEmbedding]:
    model = stirred(spec.name)
    weights = save(model.state_dict())
    return model, weights, pretrained_network(spec, weights)


def outputs(model: nn.Module, paths: list[str], x: Tensor) -> list[Tensor]:
    found: dict[str, Tensor] = {}
    for path in paths:
        model.get_submodule(path).register_forward_hook(
            lambda _m, _i, out, path=path: found.update({path: out.clone()})
        )
    with torch.no_grad():
        model(x)
    return [found[path] for path in paths]


def double(embedding: NetworkEmbedding) -> NetworkEmbedding:
    learned, constants = (
        {name: each.double() for name, each in group.items()} for group in (embedding.learned, embedding.constants)
    )
    return replace(embedding, learned=learned, constants=constants)


def described(embedding: NetworkEmbedding, samples: Tensor) -> Tensor:
    return embedding.embed_support(samples, embedding.tensors())[0]


def test_the_cut_model_on_activations_gives_the_joined_taps_of_the_whole_model_on_images() -> None:
    model, _, embedding = pretrained(STAGES)
    images = drawn(3, 3, 64, 64)
    cut, last, expansion, end = outputs(model, ["blocks.2", "blocks.3", "blocks.3.0.bn1", "blocks.4"], images)
    gem = expansion.clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)
    expected = [last.amax(dim=(2, 3)), gem, end.mean(dim=(2, 3))]
    found = described(embedding, cut)
    torch.testing.assert_close(found, torch.cat([normalize(each) for each in expected], dim=1), rtol=1e-4, atol=1e-5)
    assert (embedding.dims, embedding.sample_shape) == (found.shape[1], tuple(cut.shape[1:]))
    assert {name.split(".")[3] for name in embedding.tensors()} == {"3", "4"}
    assert all("running" in name for name in embedding.constants)


@pytest.mark.parametrize(
    ("name", "cut", "end"),
    [
        ("tf_efficientnet_lite0", "blocks.3", "blocks.5"),
        ("test_resnet", "layer2", "layer4"),
        ("test_byobnet", "stages.0", "final_conv"),
        ("test_convnext", "stages.1", "stages.3"),
        ("test_efficientnet_gn", "blocks.2", "blocks.4"),
        ("test_nfnet", "stages.1", "final_conv"),
    ],
)
def test_every_family_of_models_can_be_cut(name: str, cut: str, end: str) -> None:
    model, _, embedding = pretrained(TimmSpec(name=name, cut=cut, taps=f"{end}:max", side_px=64))
    before, after = outputs(model, [cut, end], drawn(2, 3, 64, 64))
    torch.testing.assert_close(described(embedding, before), after.amax(dim=(2, 3)), rtol=1e-3, atol=1e-4)


def test_the_cached_activations_of_the_backbone_are_the_samples_of_the_rest() -> None:
    _, weights, embedding = pretrained(STAGES)
    backbone = build_backbone(STAGES.name, weights)
    images = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    samples = cached_activations(backbone, iter(images), stage="blocks.2", side_px=64, batch=2)
    whole = pretrained_network(TimmSpec(name=STAGES.name, taps=STAGES.taps, side_px=64), weights)
    expected = described(whole, backbone.prepare(images))
    torch.testing.assert_close(described(embedding, samples), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(BadDataError, match="no image"):
        cached_activations(backbone, [], stage="blocks.2", side_px=64)


def test_a_transformer_is_cut_at_a_block_with_attention_written_out_and_the_switch_of_timm_untouched() -> None:
    before = use_fused_attn()
    spec = TimmSpec(name="test_vit", cut="blocks.3", taps="blocks.4:mean,norm:first", side_px=160)
    model, _, embedding = pretrained(spec)
    tokens, middle, end = outputs(model, ["blocks.3", "blocks.4", "norm"], drawn(2, 3, 160, 160))
    expected = torch.cat([normalize(middle.mean(dim=1)), normalize(end[:, 0])], dim=1)
    torch.testing.assert_close(described(embedding, tokens), expected, rtol=1e-4, atol=1e-5)
    assert embedding.sample_ndim == 2
    assert use_fused_attn() == before
    slopes = second_order(embedding, tokens)
    assert all(each.isfinite().all() for each in slopes.values())
    assert slopes["network.trunk.blocks.4.attn.qkv.weight"].any()


def test_a_whole_transformer_takes_images() -> None:
    spec = TimmSpec(name="test_vit", taps="blocks.0:first", side_px=160)
    model, _, embedding = pretrained(spec)
    images = drawn(1, 3, 160, 160)
    torch.testing.assert_close(described(embedding, images), outputs(model, ["blocks.0"], images)[0][:, 0])
    assert "network.trunk.cls_token" in embedding.tensors()


def second_order(embedding: NetworkEmbedding, samples: Tensor) -> dict[str, Tensor]:
    tensors = embedding.tensors()

    def loss(each: dict[str, Tensor]) -> Tensor:
        features, state = embedding.embed_support(samples, each)
        return features.tanh().square().sum() + embedding.embed(samples, each, state).tanh().sum()

    return grad(lambda each: loss({name: each[name] - 0.1 * step for name, step in grad(loss)(each).items()}))(tensors)


@pytest.mark.parametrize("norm", ["frozen", "task"])
def test_second_order_through_stages_with_batchnorm_is_the_same_mapped_or_looped(norm: str) -> None:
    spec = TimmSpec(name="test_resnet", cut="layer3", taps="layer4:mean", norm=norm, side_px=64)
    embedding = double(pretrained(spec)[2])
    samples = drawn(2, 3, *embedding.sample_shape).double()
    mapped = vmap(lambda each: second_order(embedding, each))(samples)
    for task in range(2):
        alone = second_order(embedding, samples[task])
        torch.testing.assert_close({name: each[task] for name, each in mapped.items()}, alone)


def test_task_statistics_of_a_timm_stage_are_those_of_batchnorm_in_training() -> None:
    _, _, embedding = pretrained(
        TimmSpec(name="test_resnet", cut="layer3", taps="layer4:mean", norm="task", side_px=64)
    )
    model = stirred("test_resnet").layer4.train()
    samples = drawn(4, *embedding.sample_shape)
    with torch.no_grad():
        expected = model(samples).mean(dim=(2, 3))
    torch.testing.assert_close(described(embedding, samples), expected, rtol=1e-4, atol=1e-4)
    assert embedding.constants == {}


def test_a_form_with_its_tensors_and_constants_makes_the_same_stages_again() -> None:
    _, _, embedding = pretrained(STAGES)
    again = build_embedding(embedding.form())
    assert isinstance(again, NetworkEmbedding)
    again = again.with_tensors(embedding.tensors()).with_constants(embedding.constants)
    samples = drawn(2, *embedding.sample_shape)
    assert torch.equal(described(again, samples), described(embedding, samples))
    with pytest.raises(WeightsError, match="what is frozen"):
        again.with_constants({})


def test_unfreezing_from_a_stage_on_leaves_the_others_still() -> None:
    spec = TimmSpec(name=STAGES.name, taps="blocks.4:mean", learned_from="blocks.4", side_px=32)
    embedding = build_network(spec.form())
    assert {name.split(".")[3] for name in embedding.tensors()} == {"4"}
    assert "trunk.conv_stem.weight" in embedding.constants


def test_rates_fall_by_depth() -> None:
    embedding = started_network(Conv4Spec(side_px=16, channels=2), torch.Generator().manual_seed(0))
    shares = rate_shares(embedding, decay=0.5)
    assert {name.split(".")[2]: share for name, share in shares.items()} == {"0": 0.125, "1": 0.25, "2": 0.5, "3": 1.0}
    with pytest.raises(BadDataError, match="above 0"):
        rate_shares(embedding, decay=0.0)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"cut": "blocks.9"}, WeightsError, "its stages are conv_stem"),
        ({"taps": "blocks.2:max"}, WeightsError, "nothing is left"),
        ({"taps": "blocks.4:max,blocks.1:max"}, WeightsError, "never runs 'blocks.1'"),
        ({"taps": "blocks.4:median"}, BadDataError, "max|gem|mean|first"),
        ({"taps": "blocks.4:max,blocks.4:gem"}, BadDataError, "twice"),
        ({"taps": "blocks.4.9:max"}, WeightsError, "no module 'blocks.4.9'"),
        ({"name": "no_such_model"}, WeightsError, "no model 'no_such_model'"),
        ({"name": "test_mambaout", "cut": "", "taps": "stages.3:max"}, WeightsError, "channels last"),
        ({"name": "test_vit", "cut": "", "taps": "norm:first"}, BadDataError, "takes images of 160 px"),
    ],
)
def test_a_cut_that_cannot_be_made_is_refused(change: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words.replace("|", r"\|")):
        build_embedding({**STAGES.form(), **change})


class Skipping(nn.Module):
    """Stages of which the last sees the first as well."""

    def __init__(self, *, skips: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.feature_info = [{"module": "first", "num_chs": 3}, {"module": "last", "num_chs": 3}]
        self.skips = skips

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x) + x if self.skips else self.first(x))


def test_a_model_that_is_no_chain_of_stages_is_refused() -> None:
    check_chain(Skipping(skips=False), drawn(1, 3, 8, 8))
    with pytest.raises(WeightsError, match="one after the other"):
        check_chain(Skipping(skips=True), drawn(1, 3, 8, 8))


def test_weights_of_another_model_are_refused() -> None:
    with pytest.raises(WeightsError, match="do not fit test_resnet"):
        pretrained_network(TimmSpec(name="test_resnet", taps="layer4:max"), save({"x": torch.zeros(1)}))
    with pytest.raises(WeightsError, match="do not fit conv4"):
        pretrained_network(Conv4Spec(side_px=16), save({"x": torch.zeros(1)}))


def test_a_saved_conv4_starts_where_it_was() -> None:
    spec = Conv4Spec(side_px=16, channels=3)
    embedding = started_network(spec, torch.Generator().manual_seed(3))
    again = pretrained_network(spec, save(dict(embedding.learned)))
    images = drawn(4, 3, 16, 16)
    assert torch.equal(described(again, images), described(embedding, images))
    other = started_network(spec, torch.Generator().manual_seed(4))
    assert not torch.equal(described(other, images), described(embedding, images))
