import cv2
import numpy as np
import pytest

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.rendering import Outline, as_rgb8, overlay, thumbnail

WHOLE = Roi(top=0, left=0, bottom=20, right=30)


def flat_grey(level: int = 128) -> np.ndarray:
    return np.full((20, 30), level, np.uint8)


def test_without_heatmap_and_boxes_the_crop_is_shown_as_it_is() -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    crop = Roi(top=5, left=10, bottom=15, right=25)
    assert np.array_equal(decode(overlay(pixels, crop), name="o"), pixels[5:15, 10:25])


def test_score_zero_is_clear_and_a_higher_score_differs_more_from_the_frame() -> None:
    heatmap = np.zeros((20, 30), np.float32)
    heatmap[:, 10:20], heatmap[:, 20:] = 0.5, 2.0
    shown = decode(overlay(flat_grey(), WHOLE, heatmap=heatmap), name="o").astype(int)
    change = np.abs(shown - 128).sum(axis=-1)
    assert change[0, 0] == 0
    assert 0 < change[0, 15] < change[0, 29]


def test_scores_above_the_full_score_look_like_the_full_score() -> None:
    full, beyond = (np.full((20, 30), score, np.float32) for score in (2.0, 50.0))
    assert overlay(flat_grey(), WHOLE, heatmap=full) == overlay(flat_grey(), WHOLE, heatmap=beyond)


def test_a_coarse_heatmap_is_stretched_over_the_crop() -> None:
    heatmap = np.array([[0.0, 2.0]], np.float32)
    shown = decode(overlay(flat_grey(), WHOLE, heatmap=heatmap), name="o")
    assert shown[10, 0].tolist() == [128, 128, 128]
    assert shown[10, 29].tolist() != [128, 128, 128]


def test_an_outline_lies_on_the_border_of_its_box_in_its_colour() -> None:
    box = Outline(roi=Roi(top=4, left=6, bottom=14, right=20), colour=(255, 0, 0))
    shown = decode(overlay(flat_grey(), WHOLE, outlines=[box]), name="o")
    assert shown[4, 6].tolist() == [16, 16, 16]
    assert shown[5, 7].tolist() == [255, 0, 0]
    assert shown[12, 18].tolist() == [255, 0, 0]
    assert shown[9, 13].tolist() == [128, 128, 128]
    assert shown[3, 6].tolist() == shown[14, 20].tolist() == [128, 128, 128]


def test_an_outline_is_placed_in_frame_coordinates_and_may_leave_the_crop() -> None:
    crop = Roi(top=5, left=6, bottom=20, right=30)
    box = Outline(roi=Roi(top=0, left=8, bottom=12, right=28), colour=(0, 255, 0))
    shown = decode(overlay(flat_grey(), crop, outlines=[box]), name="o")
    assert shown[0, 3].tolist() == [0, 255, 0]


def test_u16_is_scaled_to_its_full_scale() -> None:
    assert as_rgb8(np.array([[0, 65535]], np.uint16)).tolist() == [[[0] * 3, [255] * 3]]
    assert as_rgb8(np.array([[4095]], np.uint16), full_scale=4095).tolist() == [[[255] * 3]]


def test_colour_frames_keep_their_colours() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[..., 0] = 200
    assert decode(overlay(pixels, WHOLE), name="o")[0, 0].tolist() == [200, 0, 0]


def test_the_frame_itself_is_never_drawn_on() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    overlay(pixels, WHOLE, outlines=[Outline(roi=WHOLE)])
    assert not pixels.any()


def test_a_crop_outside_the_frame_is_refused() -> None:
    with pytest.raises(BadDataError, match="outside a frame of 20 x 30 px"):
        overlay(flat_grey(), Roi(top=50, left=0, bottom=60, right=10))


@pytest.mark.parametrize(("size", "wanted"), [((600, 1800), (85, 256)), ((10, 20), (10, 20)), ((5000, 2), (256, 1))])
def test_a_thumbnail_keeps_the_shape_and_never_grows(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert decode(thumbnail(np.full(size, 90, np.uint16), longest_px=256, full_scale=180), name="t").shape == wanted


@pytest.mark.parametrize("size", [(512, 1024), (511, 1023)])
def test_a_thumbnail_shows_the_mean_of_the_pixels_under_it(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    frame[:, : size[1] // 2] //= 4
    small = decode(thumbnail(frame, longest_px=64), name="t")
    exact = cv2.resize(frame.astype(np.float32), small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - exact).max() <= 1.0
    assert np.mean(small - exact) == pytest.approx(0.0, abs=0.15)
