import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspect_pipeline.imaging.capture_quality import QualityLimits, dropped_lines, judge


def material(height: int = 100, width: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(60, 180, (height, width)).astype(np.uint8)


def test_a_plain_good_frame_has_no_reason_against_it() -> None:
    quality = judge(material(), QualityLimits())
    assert quality.reasons == ()
    assert quality.mean == pytest.approx(119.5 / 255, abs=0.01)
    assert (quality.dropped_lines, quality.saturated_share) == (0, 0.0)


def test_saturated_pixels_are_counted_and_refused_above_the_limit() -> None:
    pixels = material()
    pixels[:50] = 255
    assert judge(pixels, QualityLimits()).saturated_share == 0.5
    assert judge(pixels, QualityLimits(most_saturated_share=0.5)).reasons == ()
    (reason,) = judge(pixels, QualityLimits(most_saturated_share=0.4)).reasons
    assert reason == "over-exposed: 50.0% of the pixels are saturated (limit 40.0%)"


def test_a_12_bit_frame_saturates_at_its_own_full_scale() -> None:
    pixels = np.full((4, 4), 4095, np.uint16)
    assert judge(pixels, QualityLimits(full_scale=4095)).saturated_share == 1.0
    assert judge(pixels, QualityLimits()).saturated_share == 0.0


def test_a_black_frame_is_dark_and_blank() -> None:
    reasons = judge(np.zeros((10, 10), np.uint8), QualityLimits()).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["dark", "blank", "dropped lines"]


def test_a_constant_grey_frame_is_blank() -> None:
    reasons = judge(np.full((10, 10), 128, np.uint8), QualityLimits()).reasons
    assert any(reason.startswith("blank") for reason in reasons)


def test_repeated_and_constant_lines_are_found_one_by_one() -> None:
    pixels = material(10, 50)
    pixels[3] = pixels[2]
    pixels[7] = 0
    assert np.flatnonzero(dropped_lines(pixels, full_scale=255)).tolist() == [3, 7]


def test_lines_with_equal_extremes_but_other_pixels_are_not_repeated() -> None:
    pixels = np.array([[0, 9, 5], [0, 9, 6], [9, 0, 6]], np.uint8)
    assert not dropped_lines(pixels, full_scale=255).any()


def test_a_saturated_line_is_over_exposed_not_dropped() -> None:
    pixels = material(10, 50)
    pixels[4:6] = 255
    assert not dropped_lines(pixels, full_scale=255).any()


def test_dropped_lines_above_the_limit_make_the_frame_unusable() -> None:
    pixels = material(100, 50)
    pixels[20:26] = pixels[19]
    assert judge(pixels, QualityLimits(most_dropped_share=0.06)).reasons == ()
    (reason,) = judge(pixels, QualityLimits(most_dropped_share=0.05)).reasons
    assert reason.startswith("dropped lines: 6 of 100")


def test_dropped_lines_of_a_colour_frame_need_all_channels_equal() -> None:
    pixels = np.stack([material(6, 20)] * 3, axis=-1)
    pixels[2] = pixels[1]
    pixels[4, :, :2] = pixels[3, :, :2]
    assert np.flatnonzero(dropped_lines(pixels, full_scale=255)).tolist() == [2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_focus_falls_when_the_lens_blurs(dtype: type[np.uint8] | type[np.uint16]) -> None:
    sharp = material().astype(dtype)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2.0)
    assert judge(blurred, QualityLimits()).focus < 0.05 * judge(sharp, QualityLimits()).focus
    limit = judge(sharp, QualityLimits()).focus / 2
    (reason,) = judge(blurred, QualityLimits(least_focus=limit, darkest_mean=0, least_contrast=0)).reasons
    assert reason.startswith("out of focus")


def plainly_dropped(lines: NDArray[np.uint8], full: int) -> list[bool]:
    """Return the definition word for word, line by line."""
    rows = [line.ravel().tolist() for line in lines]
    return [(len(set(row)) == 1 or (at > 0 and row == rows[at - 1])) and min(row) < full for at, row in enumerate(rows)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([(4,), (4, 3)]))
def test_dropped_lines_are_exact_at_every_border_of_a_block(seed: int, height: int, line: tuple[int, ...]) -> None:
    generator = np.random.default_rng(seed)
    lines = generator.integers(254, 256, (height, *line)).astype(np.uint8)  # few levels: many lines are alike
    assert dropped_lines(lines, full_scale=255).tolist() == plainly_dropped(lines, 255)


def test_a_line_that_repeats_the_last_one_of_the_block_before_is_found() -> None:
    pixels = material(200, 50)
    pixels[64], pixels[128] = pixels[63], pixels[127]
    assert np.flatnonzero(dropped_lines(pixels, full_scale=255)).tolist() == [64, 128]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mean_contrast_and_saturation_of_a_large_frame_are_those_of_all_its_pixels(
    dtype: type[np.uint8] | type[np.uint16],
) -> None:
    full = int(np.iinfo(dtype).max)
    pixels = np.random.default_rng(1).integers(0, full + 1, (700, 400)).astype(dtype)
    pixels[650:, 100:] = full
    quality = judge(pixels, QualityLimits())
    assert quality.mean == pytest.approx(pixels.mean() / full, rel=1e-9)
    assert quality.contrast == pytest.approx(pixels.std() / full, rel=1e-9)
    assert quality.saturated_share == np.count_nonzero(pixels == full) / pixels.size


def test_the_full_scale_of_the_camera_goes_before_that_of_the_limits() -> None:
    pixels = np.full((4, 4), 1023, np.uint16)
    assert judge(pixels, QualityLimits(full_scale=4095), full_scale=1023).saturated_share == 1.0
    assert judge(pixels, QualityLimits(full_scale=4095)).saturated_share == 0.0


def test_focus_of_a_long_frame_is_seen_in_its_last_lines_as_well() -> None:
    sharp = material(1000, 100)
    blurred = sharp.copy()
    blurred[968:] = cv2.GaussianBlur(sharp[968:], (0, 0), 3.0)
    assert judge(blurred, QualityLimits()).focus < 0.95 * judge(sharp, QualityLimits()).focus
    assert judge(sharp, QualityLimits()).focus == pytest.approx(
        judge(material(200, 500), QualityLimits()).focus, rel=0.1
    )


def test_stripes_are_measured_after_the_flat_field_where_there_is_one() -> None:
    flat = material(400, 512)
    raw = np.clip(flat * (1 + 0.1 * np.random.default_rng(2).standard_normal(512)), 0, 255).astype(np.uint8)
    assert judge(raw, QualityLimits()).stripes > 3 * judge(flat, QualityLimits()).stripes
    assert judge(raw, QualityLimits(), corrected=flat).stripes == judge(flat, QualityLimits()).stripes
    assert judge(raw, QualityLimits(), corrected=flat).mean == judge(raw, QualityLimits()).mean


def test_stripes_make_a_frame_unusable_only_where_the_recipe_says_so() -> None:
    raw = material(400, 512)
    raw[:, ::2] //= 2
    assert judge(raw, QualityLimits()).reasons == ()
    (reason,) = judge(raw, QualityLimits(most_stripes=0.01)).reasons
    assert reason.startswith("stripes: ")
    assert reason.endswith("(limit 1.00%); take new references")
