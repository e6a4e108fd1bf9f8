import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.flatfield import FlatField, correct, from_references
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings


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
