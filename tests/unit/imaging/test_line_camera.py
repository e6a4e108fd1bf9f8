from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings, LineCapture

SMALL = LineCameraSettings(width_px=64, lines_per_frame=10)


def numbered(lines: int, width: int = 64) -> NDArray[np.uint8]:
    """Material whose grey level is its line number."""
    return np.repeat(np.arange(lines, dtype=np.uint8)[:, None], width, axis=1)


def captured(settings: LineCameraSettings = SMALL, *, lines: int = 50, seed: int = 1, **fate: Any) -> list[LineCapture]:
    camera = LineCamera(settings, np.random.default_rng(seed))
    return list(camera.captures([numbered(lines)], **fate))


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    one, again, other = captured(), captured(), captured(seed=2)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0].pixels, other[0].pixels)


def test_material_in_any_blocks_comes_out_in_frames_of_the_same_lines() -> None:
    noiseless = LineCameraSettings(
        width_px=64, lines_per_frame=10, read_noise=0, full_well_e=1e12, dsnu=0, prnu=0, fall_off=0, exposure=1.0,
        dark_level=0,
    )  # fmt: skip
    camera = LineCamera(noiseless, np.random.default_rng(0))
    material = numbered(47)
    frames = list(camera.captures([material[:3], material[3:29], material[29:30], material[30:]]))
    assert [frame.pixels.shape[0] for frame in frames] == [10, 10, 10, 10, 7]
    assert np.array_equal(np.concatenate([frame.pixels for frame in frames]), material)
    assert [(frame.sequence, frame.first_line) for frame in frames] == [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)]


def test_a_lost_frame_leaves_a_jump_in_sequence_and_lines() -> None:
    frames = captured(lost={1, 3})
    assert [frame.sequence for frame in frames] == [0, 2, 4]
    assert [frame.first_line for frame in frames] == [0, 20, 40]


def test_a_torn_frame_has_few_valid_lines_and_stale_ones_below() -> None:
    whole, torn = captured(), captured(torn={2: 4})
    assert [frame.valid_lines for frame in torn] == [10, 10, 4, 10, 10]
    assert np.array_equal(torn[2].pixels[:4], whole[2].pixels[:4])
    assert np.array_equal(torn[2].pixels[4:], whole[1].pixels[4:])


def test_frames_get_lost_and_torn_about_as_often_as_asked() -> None:
    settings = LineCameraSettings(width_px=4, lines_per_frame=2, lost_frame_probability=0.2, torn_frame_probability=0.3)
    camera = LineCamera(settings, np.random.default_rng(3))
    frames = list(camera.captures([np.zeros((4000, 4), np.uint8)]))
    assert len(frames) == pytest.approx(1600, abs=60)
    assert sum(frame.valid_lines == 1 for frame in frames) == pytest.approx(480, abs=60)


def test_the_encoder_jitters_by_a_few_lines_at_most() -> None:
    settings = LineCameraSettings(width_px=4, lines_per_frame=2, encoder_jitter_lines=0.8)
    frames = list(LineCamera(settings, np.random.default_rng(0)).captures([np.zeros((2000, 4), np.uint8)]))
    errors = np.array([frame.encoder_lines - frame.first_line for frame in frames])
    assert errors.std() == pytest.approx(0.85, abs=0.1)
    assert np.abs(errors).max() <= 4


def test_light_falls_off_to_the_edges_and_columns_differ() -> None:
    camera = LineCamera(LineCameraSettings(width_px=400, lines_per_frame=10), np.random.default_rng(0))
    columns = camera.bright_reference().mean(axis=0)
    assert columns[:20].mean() < 0.85 * columns[190:210].mean()
    assert np.std(np.diff(columns)) > 1.0


def test_noise_grows_with_the_light() -> None:
    settings = LineCameraSettings(width_px=200, lines_per_frame=10, bit_depth=16, full_well_e=5000)
    camera = LineCamera(settings, np.random.default_rng(0))
    dark, bright = camera.dark_reference(), camera.bright_reference()
    assert bright.std(axis=0).mean() > 2 * dark.std(axis=0).mean()


@pytest.mark.parametrize(("bit_depth", "dtype", "full"), [(8, np.uint8, 255), (12, np.uint16, 4095)])
def test_the_bit_depth_sets_dtype_and_full_scale(bit_depth: int, dtype: type[np.generic], full: int) -> None:
    settings = LineCameraSettings(width_px=64, lines_per_frame=10, bit_depth=bit_depth, exposure=2.0)
    raw = LineCamera(settings, np.random.default_rng(0)).expose(np.full((10, 64), 255, np.uint8))
    assert raw.dtype == dtype
    assert raw.max() == full


@pytest.mark.parametrize("wrong", [{"width_px": 0}, {"lines_per_frame": 0}, {"bit_depth": 9}])
def test_a_camera_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadDataError, match="cannot work"):
        LineCameraSettings(**{"width_px": 64, "lines_per_frame": 10, **wrong})


PLAIN = LineCameraSettings(
    width_px=64, lines_per_frame=10, read_noise=0, full_well_e=1e12, dsnu=0, prnu=0, fall_off=0, exposure=1.0,
    dark_level=0, encoder_jitter_lines=0,
)  # fmt: skip


def striped(lines: int) -> NDArray[np.uint8]:
    """Material that repeats no line within 200: the grey level is the line modulo 200."""
    return np.repeat((np.arange(lines) % 200).astype(np.uint8)[:, None], 64, axis=1)


def test_dropped_lines_move_those_after_them_up_and_the_encoder_counts_on() -> None:
    settings = replace(PLAIN, dropped_line_probability=0.1)
    frames = list(LineCamera(settings, np.random.default_rng(1)).captures([striped(2000)]))
    shown = np.concatenate([frame.material_lines for frame in frames])
    assert np.array_equal(np.concatenate([frame.pixels for frame in frames])[:, 0], shown % 200)
    assert 120 < 2000 - shown.size < 280
    for frame in frames:
        dropped = frame.first_line - 10 * frame.sequence
        before = shown[: 10 * frame.sequence + 1]
        assert dropped == frame.encoder_lines - 10 * frame.sequence == before[-1] + 1 - before.size


def test_a_repeated_line_is_an_exact_copy_and_those_after_it_move_down() -> None:
    settings = replace(PLAIN, repeated_line_probability=0.2, read_noise=0.02)
    frames = list(LineCamera(settings, np.random.default_rng(1)).captures([striped(500)]))
    for frame in frames:
        steps = np.diff(frame.material_lines)
        copies = np.all(frame.pixels[1:] == frame.pixels[:-1], axis=1)
        assert set(steps) <= {0, 1}
        assert np.array_equal(copies, steps == 0)
    assert 80 < sum(frame.pixels.shape[0] for frame in frames) - 500 < 170
    assert all(later.first_line == earlier.material_lines[-1] + 1 for earlier, later in pairwise(frames))


def test_hot_columns_glow_in_the_dark_and_change_nothing_else() -> None:
    wide = replace(SMALL, dead_columns=3)
    plain, heated = (LineCamera(replace(wide, hot_columns=n), np.random.default_rng(4)) for n in (0, 3))
    cold, hot = plain.dark_reference(), heated.dark_reference()
    assert len(heated.hot_columns) == 3
    assert not set(heated.hot_columns) & set(heated.dead_columns)
    assert hot[:, heated.hot_columns].mean(axis=0).min() > 0.3 * 255
    others = np.setdiff1d(np.arange(64), heated.hot_columns)
    assert np.array_equal(cold[:, others], hot[:, others])


def test_vibration_smears_and_shifts_the_same_in_blocks_of_any_size() -> None:
    settings = replace(PLAIN, vibration_px=1.5, vibration_period_lines=40, vibration_blur_lines=3)
    material = np.zeros((60, 64), np.uint8)
    material[:, 32:] = 200
    material[30] = 100
    whole = [*LineCamera(settings, np.random.default_rng(2)).captures([material])]
    cut = [*LineCamera(settings, np.random.default_rng(2)).captures([material[:7], material[7:8], material[8:]])]
    image = np.concatenate([frame.pixels for frame in whole])
    assert np.array_equal(image, np.concatenate([frame.pixels for frame in cut]))
    assert image.shape == (60, 64)
    assert list(image[28:33, 5]) == pytest.approx([0, 33, 33, 33, 0], abs=1)
    edges = 64 - image[:28].sum(axis=1) / 200
    camera = LineCamera(settings, np.random.default_rng(2))
    assert np.ptp(edges) == pytest.approx(3, abs=0.4)
    assert edges[1:27] == pytest.approx(32 + camera.vibration.shift_px(np.arange(28))[1:27], abs=0.1)


def test_noise_from_another_generator_leaves_that_of_the_camera_alone() -> None:
    camera, other = (LineCamera(SMALL, np.random.default_rng(1)) for _ in range(2))
    seeded = [camera.expose(numbered(10), generator=np.random.default_rng(9)) for _ in range(2)]
    assert np.array_equal(seeded[0], seeded[1])
    assert np.array_equal(camera.expose(numbered(10)), other.expose(numbered(10)))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"dead_columns": 40, "hot_columns": 30}, "40 dead and 30 hot of 64"),
        ({"dropped_line_probability": 1.0}, "dropped"),
        ({"repeated_line_probability": -0.1}, "repeated"),
        ({"vibration_period_lines": 0.0}, "vibration"),
    ],
)
def test_faults_that_cannot_be_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        replace(SMALL, **wrong)
