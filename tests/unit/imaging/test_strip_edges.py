from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspect_pipeline.domain.capture import StripEdges
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.strip_edges import EdgeSettings, find_edges, zone

DEFAULT = EdgeSettings()
NOWHERE = StripEdges()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A strip with known edges (px at the middle line, None: beyond the view) as a line camera sees it."""

    left: float | None = 100.3
    right: float | None = 900.6
    slope: float = 0.0
    background: float = 30.0
    strip: float = 120.0
    texture: float = 6.0
    fall_off: float = 0.25
    blur_px: float = 1.0
    streaks: int = 0
    lines: int = 256
    width: int = 1024
    seed: int = 0

    def pixels(self) -> NDArray[np.uint8]:
        generator = np.random.default_rng(self.seed)
        shift = self.slope * (np.arange(self.lines) - self.lines / 2 + 0.5)[:, None]
        columns = np.arange(self.width)
        left = (-1e9 if self.left is None else self.left) + shift
        right = (1e9 if self.right is None else self.right) + shift
        cover = np.clip(columns + 1 - left, 0, 1) - np.clip(columns + 1 - right, 0, 1)
        material = self.strip + self.texture * generator.standard_normal((self.lines, self.width))
        material += self.texture * np.sin(columns / 37.0)
        for _ in range(self.streaks):
            column = generator.integers(0, self.width - 6)
            material[:, column : column + generator.integers(1, 6)] += generator.uniform(-60, 60)
        seen = cv2.GaussianBlur(self.background + cover * (material - self.background), (0, 0), self.blur_px)
        seen *= 1.0 - self.fall_off * np.linspace(-1, 1, self.width) ** 2
        seen += 2.0 * generator.standard_normal(seen.shape)
        return np.clip(np.rint(seen), 0, 255).astype(np.uint8)


def assert_found(found: StripEdges, scene: Scene, *, within_px: float = 0.5) -> None:
    assert found.left_px == (None if scene.left is None else pytest.approx(scene.left, abs=within_px))
    assert found.right_px == (None if scene.right is None else pytest.approx(scene.right, abs=within_px))
    for position, slope in ((found.left_px, found.left_slope), (found.right_px, found.right_slope)):
        assert slope == (0.0 if position is None else pytest.approx(scene.slope, abs=1.5 / scene.lines))


@settings(max_examples=40, deadline=None)
@given(
    left=st.one_of(st.none(), st.floats(8.0, 300.0)),
    right=st.one_of(st.none(), st.floats(700.0, 1016.0)),
    slope=st.floats(-0.04, 0.04),
    background=st.floats(5.0, 60.0),
    contrast=st.floats(70.0, 150.0),
    swapped=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_known_edges_are_found_to_half_a_pixel(
    left: float | None, right: float | None, slope: float, background: float, contrast: float, swapped: bool, seed: int
) -> None:
    levels = (background, background + contrast)
    dark, bright = levels[::-1] if swapped else levels
    scene = Scene(left=left, right=right, slope=slope, background=dark, strip=bright, seed=seed)
    assert_found(find_edges(scene.pixels(), DEFAULT), scene)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "change",
    [
        {"texture": 15.0},
        {"blur_px": 2.5},
        {"fall_off": 0.4},
        {"background": 200.0, "strip": 60.0},
        {"background": 110.0, "strip": 135.0, "texture": 2.0},
        {"left": 4.0, "right": 1019.0},
        {"streaks": 5},
        {"lines": 24},
        {"lines": 3, "texture": 2.0},
    ],
    ids=str,
)
def test_edges_are_found_under_hard_conditions(change: dict[str, float], seed: int) -> None:
    scene = replace(Scene(seed=seed), **change)
    assert_found(find_edges(scene.pixels(), DEFAULT), replace(scene, slope=0.0), within_px=0.8)


def test_16_bit_and_colour_frames_have_the_same_edges_as_8_bit_ones() -> None:
    scene = Scene()
    grey = scene.pixels()
    deep = grey.astype(np.uint16) * 16
    assert_found(find_edges(deep, DEFAULT, full_scale=4080), scene)
    assert_found(find_edges(np.stack([grey] * 3, axis=-1), DEFAULT), scene)


def test_the_least_contrast_is_a_share_of_full_scale() -> None:
    faint = Scene(background=60.0, strip=80.0, texture=1.0, fall_off=0.0).pixels()
    assert_found(find_edges(faint, DEFAULT), Scene())
    assert find_edges(faint, EdgeSettings(least_contrast=0.12)) == NOWHERE
    assert find_edges(faint.astype(np.uint16), DEFAULT, full_scale=4095) == NOWHERE


@pytest.mark.parametrize("streaks", [0, 3, 7])
@pytest.mark.parametrize("texture", [0.0, 6.0, 20.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_view_full_of_strip_has_no_edges_whatever_its_streaks(streaks: int, texture: float, seed: int) -> None:
    scene = Scene(left=None, right=None, streaks=streaks, texture=texture, seed=seed, lines=128)
    assert find_edges(scene.pixels(), DEFAULT) == NOWHERE


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_plain_frames_have_no_edges(seed: int) -> None:
    assert find_edges(np.random.default_rng(seed).integers(0, 256, (128, 700)).astype(np.uint8), DEFAULT) == NOWHERE
    assert find_edges(np.full((128, 700), 90, np.uint8), DEFAULT) == NOWHERE
    assert find_edges(np.full((1, 1), 90, np.uint8), DEFAULT) == NOWHERE


def test_of_a_view_with_one_step_the_wider_side_is_the_strip_unless_the_settings_tell() -> None:
    pixels = Scene(left=None, right=700.0).pixels()
    assert_found(find_edges(pixels, DEFAULT), Scene(left=None, right=700.0))
    assert_found(find_edges(pixels, EdgeSettings(strip="brighter")), Scene(left=None, right=700.0))
    assert_found(find_edges(pixels, EdgeSettings(strip="darker")), Scene(left=700.0, right=None))


def test_a_strip_too_narrow_to_be_believed_is_none() -> None:
    pixels = Scene(left=450.0, right=550.0).pixels()
    assert find_edges(pixels, EdgeSettings(strip="brighter")) == NOWHERE
    assert_found(find_edges(pixels, EdgeSettings(least_width_share=0.05)), Scene(left=450.0, right=550.0))


def test_bands_with_another_answer_do_not_move_the_edge() -> None:
    pixels = Scene(lines=512).pixels()
    pixels[100:180, 60:140] = 120  # a flap of material across the edge
    assert_found(find_edges(pixels, DEFAULT), Scene())


def test_edges_that_only_a_few_bands_show_are_none() -> None:
    pixels = Scene(lines=512, left=None, right=None).pixels()
    pixels[:160, :200] = 30
    assert find_edges(pixels, DEFAULT) == NOWHERE


def test_switched_off_nothing_is_looked_for() -> None:
    assert find_edges(Scene().pixels(), EdgeSettings(enabled=False)) == NOWHERE


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_contrast": 0.0},
        {"least_contrast": float("nan")},
        {"least_width_share": 1.0},
        {"bands": 0},
        {"strip": "shinier"},
        {"most_wander_px": 0.0},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="edge settings"):
        EdgeSettings(**wrong)  # type: ignore[arg-type]


def test_the_zone_is_the_strip_of_every_line_less_the_trim() -> None:
    edges = StripEdges(left_px=100.3, right_px=900.6, left_slope=-0.01, right_slope=0.02)
    assert zone(edges, width_px=1024, line_count=500, trim_px=10.0) == (113, 885)
    assert zone(StripEdges(left_px=100.0, right_px=900.0), width_px=1024, line_count=9, trim_px=0.0) == (100, 900)


def test_where_the_strip_reaches_beyond_the_view_everything_is_inspected() -> None:
    assert zone(StripEdges(), width_px=1024, line_count=500, trim_px=10.0) == (None, None)
    assert zone(StripEdges(right_px=900.0), width_px=1024, line_count=500, trim_px=10.0) == (None, 890)


@pytest.mark.parametrize("edges", [StripEdges(left_px=10.0, right_px=30.0), StripEdges(left_px=1020.0)])
def test_a_zone_with_nothing_to_inspect_is_refused_and_never_empty(edges: StripEdges) -> None:
    with pytest.raises(BadImageError, match="leaves nothing to inspect"):
        zone(edges, width_px=1024, line_count=10, trim_px=10.0)


def test_a_trim_below_zero_is_refused() -> None:
    with pytest.raises(BadDataError, match="trim of -1"):
        zone(StripEdges(), width_px=1024, line_count=10, trim_px=-1.0)
