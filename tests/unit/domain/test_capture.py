"""What is known of a capture beside its pixels is refused where it cannot be."""

import math
from typing import Any

import pytest

from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures, StripEdges, measured_names
from inspect_pipeline.errors import BadDataError


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_setting_that_is_no_number_is_refused(number: float) -> None:
    for name in ("exposure_us", "gain_db", "temperature_c"):
        settings: dict[str, Any] = {name: number}
        with pytest.raises(BadDataError, match="leave out what is not known"):
            CaptureSettings(**settings)


@pytest.mark.parametrize("bits", [0, -1, 17])
def test_a_depth_that_no_sample_has_is_refused(bits: int) -> None:
    with pytest.raises(BadDataError, match="1 to 16"):
        CaptureSettings(bits=bits)


def test_settings_that_a_camera_has_are_taken() -> None:
    cold = CaptureSettings(exposure_us=12.5, gain_db=-3.0, temperature_c=-20.0, reverse=True, bits=12)
    assert (cold.bits, cold.temperature_c) == (12, -20.0)
    assert CaptureSettings().exposure_us is None


@pytest.mark.parametrize(("left", "right"), [(10.0, 10.0), (11.0, 10.5)])
def test_a_strip_of_no_width_is_refused(left: float, right: float) -> None:
    with pytest.raises(BadDataError, match="is empty"):
        StripEdges(left_px=left, right_px=right)


def test_a_strip_may_reach_beyond_the_view_on_either_side() -> None:
    assert StripEdges(right_px=-3.0).left_px is None
    assert StripEdges(left_px=5000.0).right_px is None


def test_a_summary_shows_the_plain_measured_numbers_in_the_order_of_the_record() -> None:
    assert measured_names() == (
        "mean",
        "contrast",
        "saturated_share",
        "dropped_lines",
        "focus",
        "stripes",
        "clipped_share",
    )
    assert all(getattr(FrameMeasures(), name) is None for name in measured_names())
