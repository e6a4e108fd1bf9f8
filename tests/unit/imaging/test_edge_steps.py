import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.imaging.edge_steps import BandSteps, locate, outer_steps, steps_of

WIDTH = 1024


def profile(*steps: tuple[float, float], start: float = 30.0, blur_px: float = 2.0) -> NDArray[np.float32]:
    """Return one averaged line, f32 (1, w), that goes on by (border, height) from its level at the left."""
    columns = np.arange(WIDTH)
    levels = np.full(WIDTH, start)
    for border, height in steps:
        # A ramp of twice the blur around the border, seen through pixels that are one wide.
        levels += height * np.clip((columns + 0.5 - border) / (2 * blur_px) + 0.5, 0, 1)
    return levels[None].astype(np.float32)


def band(*steps: tuple[int, float]) -> BandSteps:
    return BandSteps(
        columns=np.array([column for column, _ in steps], np.intp), heights=np.array([height for _, height in steps])
    )


def test_steps_are_found_with_their_sign_and_height() -> None:
    (found,) = steps_of(profile((100, 90.0), (900, -60.0), blur_px=0.5), least=8.0).bands
    assert found.columns.tolist() == pytest.approx([100, 900], abs=1)
    assert found.heights.tolist() == pytest.approx([90.0, -60.0], rel=0.05)


def test_steps_far_weaker_than_the_strongest_are_marks_on_the_roller() -> None:
    (found,) = steps_of(profile((40, 20.0), (100, 90.0)), least=8.0).bands
    assert found.columns.tolist() == pytest.approx([100], abs=1)
    (found,) = steps_of(profile((40, 45.0), (100, 90.0)), least=8.0).bands
    assert found.columns.tolist() == pytest.approx([40, 100], abs=1)


def test_a_streak_is_no_step_and_a_broad_lane_is_two() -> None:
    assert steps_of(profile((300, 80.0), (306, -80.0), blur_px=0.5), least=8.0).bands[0].columns.size == 0
    assert steps_of(profile((300, 80.0), (360, -80.0)), least=8.0).bands[0].columns.size == 2


@pytest.mark.parametrize("off_px", [-8, -4, 0, 3, 8])
@pytest.mark.parametrize("border", [100.0, 100.3, 100.5, 100.9])
def test_an_edge_is_located_from_a_guess_some_pixels_away(border: float, off_px: int) -> None:
    found = locate(profile((border, 90.0)), np.array([100 + off_px]), span=16)
    assert found.tolist() == pytest.approx([border], abs=0.02)


def test_a_guess_where_there_is_no_step_stays_where_it_is() -> None:
    assert locate(profile(), np.array([500]), span=16).tolist() == [500.0]


def test_outermost_steps_of_the_wrong_sign_are_no_edges() -> None:
    steps = band((100, -40.0), (300, 40.0), (900, -40.0))
    assert outer_steps(steps, "brighter", width_px=WIDTH) == (None, 900)
    assert outer_steps(steps, "darker", width_px=WIDTH) == (100, None)
    assert outer_steps(band(), "either", width_px=WIDTH) == (None, None)
