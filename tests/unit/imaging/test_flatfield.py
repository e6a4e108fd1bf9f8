import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.flatfield import (
    FlatField,
    correct,
    correct_and_count,
    correct_means,
    from_references,
)
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings
from inspect_pipeline.imaging.stripes import residual_stripes


def references(dark: list[int], bright: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(np.array(dark, np.uint8), (16, 1)), np.tile(np.array(bright, np.uint8), (16, 1))


def test_the_bright_reference_comes_out_at_the_target_in_every_column() -> None:
    dark, bright = references([5, 6, 7, 8], [105, 156, 87, 168])
    flat = from_references(dark, bright, target=120)
    assert correct(bright, flat).tolist() == [[120] * 4] * 16
    assert correct(dark, flat).tolist() == [[0] * 4] * 16
    assert flat.gain.tolist() == pytest.approx([1.2, 0.8, 1.5, 0.75])


def test_values_are_rounded_and_clipped_only_at_full_scale() -> None:
    flat = FlatField(dark=np.array([10], np.float32), gain=np.array([1.5], np.float32))
    lines = np.array([[0], [10], [11], [12], [200]], np.uint8)
    assert correct(lines, flat).ravel().tolist() == [0, 0, 2, 3, 255]
    wide = np.array([[12], [40000], [60000]], np.uint16)
    assert correct(wide, flat).ravel().tolist() == [3, 59985, 65535]


def test_the_correction_leaves_the_raw_frame_as_it_was() -> None:
    raw = np.full((4, 1), 100, np.uint8)
    raw.setflags(write=False)
    flat = FlatField(dark=np.zeros(1, np.float32), gain=np.ones(1, np.float32))
    assert correct(raw, flat) is not raw
    assert raw.tolist() == [[100]] * 4


def test_colour_frames_are_corrected_channel_by_channel() -> None:
    dark = np.zeros((16, 8, 3), np.uint8)
    bright = np.full((16, 8, 3), [100, 150, 200], np.uint8)
    flat = from_references(dark, bright, target=120)
    assert correct(bright, flat)[0, 0].tolist() == [120, 120, 120]


def test_a_dead_column_is_listed_and_filled_from_its_neighbours() -> None:
    dark, bright = references([0] * 32, [150] * 32)
    bright[:, 10] = 1
    flat = from_references(dark, bright, target=150)
    assert flat.dead_columns == (10,)
    lines = np.full((2, 32), 100, np.uint8)
    lines[:, 9], lines[:, 10], lines[:, 11] = 80, 3, 120
    assert correct(lines, flat)[0, 9:12].tolist() == [80, 100, 120]


def test_two_dead_columns_side_by_side_are_filled_linearly_and_one_at_the_edge_by_its_neighbour() -> None:
    dark, bright = references([0] * 64, [150] * 64)
    bright[:, [0, 20, 21]] = 0
    flat = from_references(dark, bright, target=150)
    lines = np.full((1, 64), 90, np.uint8)
    lines[:, 22] = 120
    assert flat.dead_columns == (0, 20, 21)
    assert correct(lines, flat)[0, [0, 20, 21]].tolist() == [90, 100, 110]


@pytest.mark.parametrize(
    ("dark", "bright", "reason"),
    [
        (5, 230, "too bright"),
        (5, 30, "too dark"),
        (60, 180, "dark reference too bright"),
    ],
)
def test_references_at_a_wrong_level_are_refused(dark: int, bright: int, reason: str) -> None:
    with pytest.raises(BadDataError, match=reason):
        from_references(*references([dark] * 8, [bright] * 8), target=150)


def test_references_of_other_widths_or_of_few_lines_are_refused() -> None:
    with pytest.raises(BadDataError, match="same camera set-up"):
        from_references(np.zeros((16, 8), np.uint8), np.full((16, 9), 150, np.uint8), target=150)
    with pytest.raises(BadDataError, match="has 15 lines"):
        from_references(np.zeros((16, 8), np.uint8), np.full((15, 8), 150, np.uint8), target=150)


def test_a_frame_of_another_width_is_refused_with_a_reason_for_the_ledger() -> None:
    flat = FlatField(dark=np.zeros(4, np.float32), gain=np.ones(4, np.float32))
    with pytest.raises(BadImageError, match="take new references"):
        correct(np.zeros((2, 5), np.uint8), flat)


@pytest.mark.parametrize("bit_depth", [8, 12])
@pytest.mark.parametrize("level", [60, 180])
def test_the_residual_stripe_on_the_synthetic_camera_is_below_half_a_grey_level(bit_depth: int, level: int) -> None:
    full = 2**bit_depth - 1
    camera = LineCamera(
        LineCameraSettings(width_px=512, lines_per_frame=64, bit_depth=bit_depth, dead_columns=3),
        np.random.default_rng(5),
    )
    flat = from_references(camera.dark_reference(), camera.bright_reference(), target=220 * full / 255, full_scale=full)
    assert flat.dead_columns == camera.dead_columns
    raw = camera.expose(np.full((3000, 512), level, np.uint8))
    stripes = correct(raw, flat).mean(axis=0) * 255 / full - level
    assert np.std(raw.mean(axis=0) * 255 / full) > 2.0
    assert np.abs(stripes).max() < 0.5


def test_a_streak_on_the_material_survives_while_the_same_stripe_of_the_sensor_goes() -> None:
    camera = LineCamera(LineCameraSettings(width_px=256, lines_per_frame=64), np.random.default_rng(6))
    flat = from_references(camera.dark_reference(), camera.bright_reference(), target=220)
    material = np.full((2000, 256), 150, np.uint8)
    material[:, 100] = 140
    columns = correct(camera.expose(material), flat).mean(axis=0)
    assert columns[100] == pytest.approx(140, abs=0.5)
    assert np.delete(columns, 100) == pytest.approx(150, abs=0.5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_the_correction_keeps_the_order_of_grey_levels(one: int, other: int) -> None:
    flat = FlatField(dark=np.array([4.3], np.float32), gain=np.array([1.37], np.float32))
    low, high = correct(np.array([[min(one, other)], [max(one, other)]], np.uint8), flat).ravel()
    assert low <= high


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([(), (3,)]),
    st.sampled_from([(3, 5), (40, 7000), (200, 700)]),
)
def test_the_correction_in_blocks_is_that_of_plain_arithmetic(
    seed: int, dtype: type[np.uint8] | type[np.uint16], channels: tuple[int, ...], size: tuple[int, int]
) -> None:
    generator = np.random.default_rng(seed)
    full = int(np.iinfo(dtype).max)
    raw = generator.integers(0, full + 1, (*size, *channels)).astype(dtype)
    dark = generator.uniform(0, full / 20, (size[1], *channels)).astype(np.float32)
    gain = generator.uniform(0.7, 1.4, (size[1], *channels)).astype(np.float32)
    flat = FlatField(dark=dark, gain=gain)
    corrected, clipped = correct_and_count(raw, flat)
    exact = (raw - dark.astype(np.float64)) * gain
    wanted = np.clip(np.rint(exact), 0, full)
    sure = np.abs(exact - np.floor(exact) - 0.5) > 0.02  # f32 may round what lies nearer to a half to either side
    assert corrected.dtype == dtype
    assert np.array_equal(corrected[sure], wanted[sure])
    assert np.abs(corrected - wanted).max() <= 1
    above = exact > full + 0.5
    assert clipped == pytest.approx(np.count_nonzero(above & (raw < full)), abs=2)


def test_halves_are_rounded_to_the_even_level_so_that_no_level_drifts() -> None:
    flat = FlatField(dark=np.zeros(1, np.float32), gain=np.full(1, 0.5, np.float32))
    assert correct(np.array([[1], [3], [5], [7]], np.uint8), flat).ravel().tolist() == [0, 2, 2, 4]


def test_a_part_of_a_frame_is_corrected_without_a_copy_of_it_first() -> None:
    raw = np.arange(64, dtype=np.uint8).reshape(8, 8)
    flat = FlatField(dark=np.ones(4, np.float32), gain=np.full(4, 2, np.float32))
    assert np.array_equal(correct(raw[::2, 2:6], flat), correct(raw[::2, 2:6].copy(), flat))


def test_without_a_target_no_raw_level_clips_and_the_brightest_column_keeps_full_scale() -> None:
    flat = from_references(*references([5, 6, 7, 8], [105, 156, 87, 168]))
    levels = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 4))
    corrected, clipped = correct_and_count(levels, flat)
    assert clipped == 0
    assert corrected[255].max() == 255
    assert [len(set(corrected[10:, column].tolist())) for column in range(4)][2] == 246  # the darkest keeps every level
    assert flat.target == pytest.approx(255 * 80 / 248)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_target_found_is_the_highest_that_clips_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    dark = np.tile(generator.integers(0, 400, 64).astype(np.uint16), (16, 1))
    bright = np.tile(generator.integers(1500, 3200, 64).astype(np.uint16), (16, 1))
    flat = from_references(dark, bright, full_scale=4095)
    assert flat.target is not None
    full = np.full((1, 64), 4095, np.uint16)
    assert correct(full, flat).max() == 4095
    higher = from_references(dark, bright, full_scale=4095, target=flat.target * 1.01)
    almost = np.full((1, 64), 4094, np.uint16)
    assert correct_and_count(almost, flat)[1] == 0
    assert correct_and_count(almost, higher)[1] >= 1


def test_pixels_clipped_by_the_correction_are_counted_without_those_that_were_saturated() -> None:
    flat = FlatField(dark=np.array([0, 10], np.float32), gain=np.array([1.5, 1.0], np.float32))
    raw = np.array([[100, 255], [170, 254], [171, 10], [254, 10], [255, 10]], np.uint8)
    corrected, clipped = correct_and_count(raw, flat)
    assert corrected[:, 0].tolist() == [150, 255, 255, 255, 255]  # 170 comes out at 255 exactly
    assert clipped == 2


def test_12_bit_frames_clip_at_their_own_full_scale() -> None:
    flat = FlatField(dark=np.zeros(1, np.float32), gain=np.full(1, 1.25, np.float32), full_scale=4095)
    corrected, clipped = correct_and_count(np.array([[3276], [3300], [4095]], np.uint16), flat)
    assert corrected.ravel().tolist() == [4095, 4095, 4095]
    assert clipped == 1


def test_hot_columns_are_told_from_dead_ones_and_both_are_filled() -> None:
    dark, bright = references([5] * 128, [150] * 128)
    dark[:, 20], bright[:, 20] = 60, 205  # far too bright with the light off
    dark[:, 40], bright[:, 40] = 255, 255  # stuck at white: hot, although it does not respond
    bright[:, 50] = 254
    bright[:, 10] = 6
    flat = from_references(dark, bright, target=145)
    assert (flat.dead_columns, flat.hot_columns) == ((10,), (20, 40, 50))
    assert flat.defective_columns == (10, 20, 40, 50)
    assert correct(bright, flat).tolist() == [[145] * 128] * 16


def test_clipping_in_a_defective_column_is_not_counted() -> None:
    flat = FlatField(dark=np.zeros(4, np.float32), gain=np.array([1, 9, 1, 1], np.float32), hot_columns=(1,))
    corrected, clipped = correct_and_count(np.full((3, 4), 100, np.uint8), flat)
    assert (corrected.tolist(), clipped) == ([[100] * 4] * 3, 0)


def test_references_with_too_many_defective_columns_are_refused() -> None:
    dark, bright = references([5] * 64, [150] * 64)
    bright[:, ::12] = 5
    with pytest.raises(BadDataError, match="6 of 64 columns do not respond, 0 are far too bright"):
        from_references(dark, bright, target=150)


@pytest.mark.parametrize("target", [0.0, -1.0, 256.0, float("nan")])
def test_a_target_that_is_no_grey_level_is_refused(target: float) -> None:
    with pytest.raises(BadDataError, match="is no grey level"):
        from_references(*references([5] * 8, [150] * 8), target=target)


@pytest.mark.parametrize(
    ("dark", "gain", "defects", "reason"),
    [
        (np.zeros(4, np.float32), np.ones(5, np.float32), (), "fit no line"),
        (np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32), (), "fit no line"),
        (np.zeros(4, np.float64), np.ones(4, np.float32), (), "float32"),
        (np.zeros(4, np.float32), np.array([1, np.nan, 1, 1], np.float32), (), "no number"),
        (np.zeros(4, np.float32), np.array([1, 0, 1, 1], np.float32), (), "gain of 0"),
        (np.zeros(4, np.float32), np.ones(4, np.float32), (4,), "do not fit 4 columns"),
        (np.zeros(4, np.float32), np.ones(4, np.float32), (0, 1, 2, 3), "do not fit 4 columns"),
    ],
)
def test_a_flat_field_that_fits_no_line_cannot_be_made(
    dark: np.ndarray, gain: np.ndarray, defects: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(BadDataError, match=reason):
        FlatField(dark=dark, gain=gain, dead_columns=defects)


@pytest.mark.parametrize("bit_depth", [8, 12, 16])
def test_the_residual_stripe_of_a_wide_camera_is_below_half_a_grey_level_and_nothing_clips(bit_depth: int) -> None:
    full = 2**bit_depth - 1
    camera = LineCamera(
        LineCameraSettings(width_px=4096, lines_per_frame=64, bit_depth=bit_depth, dead_columns=4, hot_columns=3),
        np.random.default_rng(7),
    )
    dark, bright = camera.dark_reference(lines=256), camera.bright_reference(lines=256)
    flat = from_references(dark, bright, full_scale=full)
    assert (flat.dead_columns, flat.hot_columns) == (camera.dead_columns, camera.hot_columns)
    raw = camera.expose(np.full((256, 4096), 190, np.uint8))
    corrected, clipped = correct_and_count(raw, flat)
    assert residual_stripes(raw, full_scale=full) > 2.0
    assert residual_stripes(corrected, full_scale=full) < 0.5
    assert clipped == 0


def test_means_are_corrected_as_frames_are_but_neither_rounded_nor_clipped() -> None:
    flat = FlatField(dark=np.full(4, 10, np.float32), gain=np.full(4, 1.5, np.float32), dead_columns=(1,))
    assert correct_means(np.array([11.0, 99.0, 13.0, 250.0]), flat).tolist() == [1.5, 3.0, 4.5, 360.0]
    colour = FlatField(dark=np.zeros((2, 3), np.float32), gain=np.full((2, 3), 2, np.float32))
    assert correct_means(np.ones((2, 3)), colour).tolist() == [[2.0] * 3] * 2
