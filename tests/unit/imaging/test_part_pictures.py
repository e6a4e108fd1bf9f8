"""Parts of frames as pictures: full resolution where asked for, bounded, boxes in place; masks read strictly.

What a browser is shown is never the stored file itself.
"""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.imaging.part_pictures import (
    LARGEST_PART_PX,
    around,
    heat_layer_png,
    marked_png,
    overview_webp,
    part_png,
)
from inspect_pipeline.imaging.region_mask import encoded_mask, read_mask


def read(content: bytes) -> NDArray[np.uint8]:
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, dtype=np.uint8)


def frame() -> NDArray[np.uint8]:
    return np.arange(40 * 60, dtype=np.int64).reshape(40, 60).astype(np.uint8)


def test_a_part_at_scale_one_is_the_pixels_themselves() -> None:
    part = Roi(top=3, left=5, bottom=20, right=50)
    shown = read(part_png(frame(), part, scale=1.0, full_scale=None))
    np.testing.assert_array_equal(shown[..., 1], frame()[3:20, 5:50])


def test_a_smaller_scale_averages_and_a_larger_one_shows_whole_pixels() -> None:
    pixels = np.zeros((8, 8), dtype=np.uint8)
    pixels[::2] = 200
    whole = Roi(top=0, left=0, bottom=8, right=8)
    assert np.unique(read(part_png(pixels, whole, scale=0.5, full_scale=None))).tolist() == [100]
    large = read(part_png(pixels, whole, scale=2.0, full_scale=None))
    assert (large.shape[:2], np.unique(large).tolist()) == ((16, 16), [0, 200])


def test_deep_pixels_are_shown_by_their_full_scale() -> None:
    deep = np.full((4, 4), 4095, dtype=np.uint16)
    whole = Roi(top=0, left=0, bottom=4, right=4)
    assert int(read(part_png(deep, whole, scale=1.0, full_scale=4095))[0, 0, 0]) == 255
    assert int(read(part_png(deep, whole, scale=1.0, full_scale=None))[0, 0, 0]) == 16


def test_a_part_that_is_too_large_or_outside_is_refused() -> None:
    with pytest.raises(BadDataError, match="too large"):
        part_png(
            frame(), Roi(top=0, left=0, bottom=40, right=60), scale=2.0 * LARGEST_PART_PX**0.5 / 40, full_scale=None
        )
    with pytest.raises(BadDataError, match="outside"):
        part_png(frame(), Roi(top=40, left=0, bottom=41, right=60), scale=1.0, full_scale=None)


def test_an_overview_is_never_longer_than_asked_and_never_enlarged() -> None:
    assert read(overview_webp(frame(), longest_px=30, full_scale=None)).shape[:2] == (20, 30)
    assert read(overview_webp(frame(), longest_px=300, full_scale=None)).shape[:2] == (40, 60)


def test_a_crop_surrounds_its_box_and_stays_inside_the_frame() -> None:
    middle = around(Roi(top=50, left=50, bottom=70, right=60), height=200, width=200, least_px=10, margin=0.5)
    assert middle == Roi(top=40, left=35, bottom=80, right=75)
    corner = around(Roi(top=0, left=195, bottom=4, right=200), height=30, width=200, least_px=64, margin=0.5)
    assert corner == Roi(top=0, left=136, bottom=30, right=200)


def test_a_crop_marks_the_box_and_lays_the_heat_over_it() -> None:
    grey = np.full((64, 64), 100, dtype=np.uint8)
    whole, box = Roi(top=0, left=0, bottom=64, right=64), Roi(top=16, left=16, bottom=48, right=48)
    plain = read(marked_png(grey, whole, box, longest_px=64, full_scale=None))
    assert (int(plain[17, 32, 0]), int(plain[32, 32, 0]), int(plain[5, 5, 0])) == (255, 100, 100)
    half = read(marked_png(grey, whole, box, longest_px=32, full_scale=None))
    assert (half.shape[:2], int(half[9, 16, 0])) == ((32, 32), 255)
    heat = np.full((4, 4), 2.0, dtype=np.float32)
    assert int(read(marked_png(grey, whole, box, longest_px=64, full_scale=None, heatmap=heat))[5, 5, 2]) > 150


def test_a_heat_layer_is_clear_where_nothing_is_and_full_from_the_threshold_on() -> None:
    layer = read(heat_layer_png(np.array([[0.0, 0.5, 1.0, 4.0]], dtype=np.float32)))
    assert layer[0, :, 3].tolist() == [0, 128, 255, 255]
    brightness = layer[0, :, :3].astype(int).sum(axis=1).tolist()
    assert brightness == sorted(brightness)


def test_a_mask_comes_back_and_what_is_no_mask_of_the_region_is_refused() -> None:
    roi = Roi(top=5, left=5, bottom=9, right=11)
    mask = np.zeros((4, 6), dtype=bool)
    mask[1:3, 2:5] = True
    np.testing.assert_array_equal(read_mask(encoded_mask(mask), roi), mask)
    for content, told in (
        (encode_png(np.ones((6, 4), np.uint8) * 255), "6 x 4 px, its box 4 x 6"),
        (encode_png(np.dstack([np.eye(4, 6, dtype=np.uint8) * 255, *[np.zeros((4, 6), np.uint8)] * 2])), "4 x 6 x 3"),
        (encode_png(np.zeros((4, 6), np.uint8)), "empty"),
        (encode_png(np.zeros((400, 600), np.uint8)), "declares 600 x 400"),
    ):
        with pytest.raises(BadImageError, match=told):
            read_mask(content, roi)
