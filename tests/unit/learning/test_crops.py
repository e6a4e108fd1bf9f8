"""Crops lie on the grid and hold what they are asked for; views are the turns and flips of a square."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.crops import VIEWS, brightened, crop_side, defect_crop, good_crop, view
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions

SQUARE = np.arange(12).reshape(3, 4)


def frame(height: int, width: int, box: Roi) -> FrameRegions:
    pixels = np.zeros((height, width), dtype=np.uint8)
    pixels[box.top : box.bottom, box.left : box.right] = 255
    region = DefectRegion(roi=box, mask=None, defect_type="bar", source=RegionSource.DRAWN, label="a")
    return FrameRegions(pixels=pixels, normals=(), defects=(region,))


def test_the_views_are_eight_different_ones_and_the_first_is_the_image() -> None:
    seen = {view(SQUARE, number).tobytes() + bytes(view(SQUARE, number).shape) for number in range(VIEWS)}
    assert len(seen) == VIEWS
    assert np.array_equal(view(SQUARE, 0), SQUARE)
    assert np.array_equal(view(SQUARE, 1), SQUARE[:, ::-1])
    assert view(SQUARE, 4).shape == (4, 3)


@given(seed=st.integers(0, 10_000), number=st.integers(0, VIEWS - 1))
def test_a_crop_of_a_region_marks_the_pixels_of_the_region_in_every_view(seed: int, number: int) -> None:
    generator = np.random.default_rng(seed)
    height, width = (int(k) for k in generator.integers(64, 300, size=2))
    top, left = int(generator.integers(height // 16 - 1)) * 16, int(generator.integers(width // 16 - 1)) * 16
    example = frame(height, width, Roi(top=top, left=left, bottom=top + 16, right=left + 16))
    crop = defect_crop(example, example.defects[0], 64, generator, number=number)
    assert crop.pixels.shape == (64, 64)
    assert crop.inside is not None and int(crop.inside.sum()) == 1
    cells = torch.from_numpy(crop.pixels.reshape(4, 16, 4, 16).mean(axis=(1, 3)) == 255)
    assert torch.equal(cells, crop.inside)


def test_a_good_crop_stays_in_its_box() -> None:
    pixels = np.zeros((200, 200), dtype=np.uint8)
    pixels[40:140, 30:160] = 9
    for seed in range(20):
        crop = good_crop(pixels, Roi(top=40, left=30, bottom=140, right=160), 64, np.random.default_rng(seed))
        assert (crop.pixels == 9).all()
        assert crop.inside is None


def test_brightness_stays_in_the_range_of_the_pixels() -> None:
    assert brightened(np.array([[0, 100, 250]], dtype=np.uint8), 1.1).tolist() == [[0, 110, 255]]
    assert brightened(np.array([[60000]], dtype=np.uint16), 1.2).tolist() == [[65535]]


def test_crops_are_as_large_as_the_smallest_frame_lets_them_be() -> None:
    box = Roi(top=0, left=0, bottom=16, right=16)
    assert crop_side([frame(100, 300, box), frame(200, 300, box)], 192) == 96
    with pytest.raises(BadDataError, match="a frame of 20 px"):
        crop_side([frame(20, 300, box)], 192)
