"""Boxes, frames, and places on the coil."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.material import CapturedFrame, Coil, Pixels, Roi, mm_per_line
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import NOON, box, captured, raw_frame

rois = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40)).map(
    lambda t: Roi(top=t[0], left=t[1], bottom=t[0] + t[2], right=t[1] + t[3])
)


def test_a_box_is_half_open() -> None:
    roi = box(2, 3, 5, 7)
    assert (roi.height, roi.width, roi.area_px) == (3, 4, 12)


@pytest.mark.parametrize("edges", [(5, 0, 5, 4), (0, 4, 3, 4), (6, 0, 5, 4), (-1, 0, 3, 4), (0, -1, 3, 4)])
def test_an_empty_or_negative_box_is_refused(edges: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadDataError, match="empty or negative"):
        box(*edges)


def test_a_box_moves_and_comes_back() -> None:
    assert box(0, 0, 2, 2).shifted(rows=5, columns=7) == box(5, 7, 7, 9)
    assert box(5, 7, 7, 9).shifted(rows=-5, columns=-7) == box(0, 0, 2, 2)


def test_touching_boxes_share_no_pixel() -> None:
    assert box(0, 0, 4, 4).overlap_px(box(0, 4, 4, 8)) == 0
    assert box(0, 0, 4, 4).overlap_px(box(3, 2, 9, 9)) == 2


@given(one=rois, other=rois)
def test_the_overlap_is_the_count_of_common_pixels(one: Roi, other: Roi) -> None:
    canvas = np.zeros((2, 100, 100), bool)
    for layer, roi in zip(canvas, (one, other), strict=True):
        layer[roi.top : roi.bottom, roi.left : roi.right] = True
    assert one.overlap_px(other) == other.overlap_px(one) == int((canvas[0] & canvas[1]).sum())


def test_a_box_is_clipped_to_the_image_or_is_gone() -> None:
    assert box(5, 5, 20, 20).clipped(height=10, width=8) == box(5, 5, 10, 8)
    assert box(10, 0, 20, 5).clipped(height=10, width=8) is None


def test_a_margin_stops_at_the_edges_of_the_image() -> None:
    assert box(2, 3, 8, 9).grown(4, height=10, width=100) == box(0, 0, 10, 13)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 6), np.float32),
        np.zeros((4, 6), np.int16),
        np.zeros(4, np.uint8),
        np.zeros((4, 6, 4), np.uint8),
        np.zeros((4, 6, 1), np.uint8),
        np.zeros((0, 6), np.uint8),
        np.zeros((4, 0), np.uint16),
    ],
)
def test_pixels_that_no_camera_gives_are_refused_with_their_shape(pixels: Pixels) -> None:
    with pytest.raises(BadDataError, match=rf"frame-1: pixels are {pixels.dtype}"):
        raw_frame(pixels)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_frame_counts_its_lines_and_columns(shape: tuple[int, ...], dtype: type[np.uint8]) -> None:
    frame = raw_frame(np.zeros(shape, dtype))
    assert (frame.line_count, frame.width_px) == (4, 6)


def test_the_pixels_of_a_frame_cannot_be_written() -> None:
    frame = raw_frame()
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


def test_a_capture_time_without_a_zone_is_refused() -> None:
    with pytest.raises(BadDataError, match="no time zone"):
        raw_frame(captured_at=datetime(2024, 5, 6, 12))


@pytest.mark.parametrize(("first_line", "valid_lines"), [(-1, None), (0, 5), (0, -1)])
def test_lines_that_cannot_be_are_refused(first_line: int, valid_lines: int | None) -> None:
    with pytest.raises(BadDataError, match="lines count from 0"):
        raw_frame(first_line=first_line, valid_lines=valid_lines)


@pytest.mark.parametrize("size", [0.0, -0.1, float("nan"), float("inf")])
def test_a_pixel_without_a_size_is_refused(size: float) -> None:
    with pytest.raises(BadDataError, match="above 0"):
        raw_frame(mm_per_px=size)
    with pytest.raises(BadDataError, match="above 0"):
        captured(mm_per_px_along=size)


def test_a_capture_without_image_needs_a_reason() -> None:
    with pytest.raises(BadDataError, match="neither an image nor a reason"):
        captured(image=None)
    assert not captured(image=None, reason="truncated").usable


def test_a_torn_capture_keeps_its_image_and_is_unusable() -> None:
    torn = captured(reason="torn")
    assert torn.image is not None
    assert not torn.usable


def test_a_usable_frame_has_lines_and_an_unusable_one_may_have_none() -> None:
    assert captured(line_count=0, image=None, reason="empty file").length_m == 0.0
    with pytest.raises(BadDataError, match="at least one"):
        captured(line_count=0)


def test_a_region_lies_where_the_encoder_and_the_column_say() -> None:
    frame = captured(first_line=4000, mm_per_px_across=0.2, mm_per_px_along=0.5)
    place = frame.place(box(100, 10, 120, 30))
    assert (place.crossweb_mm, place.downweb_m) == pytest.approx((4.0, 2.055))
    assert (place.width_mm, place.length_mm) == pytest.approx((4.0, 10.0))
    assert frame.length_m == pytest.approx(0.5)


def test_the_resolution_of_a_coil_is_that_of_its_first_frame_with_an_image() -> None:
    unreadable = captured("a", image=None, reason="truncated", mm_per_px_along=1.0)
    torn = captured("b", reason="torn", mm_per_px_along=0.25)
    assert mm_per_line([unreadable, torn, captured("c")]) == 0.25
    assert mm_per_line([unreadable]) == 1.0


def coil(*, reversed: bool = False, offset_m: float = 0.0) -> Coil:  # noqa: A002 - as the coil calls it
    return Coil(
        id="coil-1",
        line="line-1",
        recipe="default",
        family="steel",
        created_at=NOON,
        reversed=reversed,
        offset_m=offset_m,
    )


def placed_on(strip: Coil, first_line: int, *, mm_per_line: float) -> CapturedFrame:
    frame = captured(first_line=first_line, line_count=100, mm_per_px_along=mm_per_line)
    start_m = strip.downweb_m(first_line, mm_per_line=mm_per_line)
    return replace(frame, downweb_m=start_m, reversed=strip.reversed)


def test_a_frame_without_a_place_begins_at_its_first_line_times_the_resolution() -> None:
    frame = captured(first_line=4000, mm_per_px_along=0.5)
    assert (frame.start_m, frame.head_m) == (2.0, 2.0)
    assert replace(frame, downweb_m=7.0).start_m == 7.0


def test_a_rewound_frame_reaches_from_where_it_begins_towards_the_head() -> None:
    frame = placed_on(coil(reversed=True, offset_m=100.0), 1000, mm_per_line=0.5)
    assert (frame.start_m, frame.head_m) == pytest.approx((99.5, 99.45))
    assert frame.place(box(0, 0, 20, 10)).downweb_m == pytest.approx(99.495)


@given(
    lines=st.integers(200, 10_000),
    size=st.floats(0.05, 2.0),
    at=st.floats(0.0, 1.0),
    top=st.integers(0, 80),
    height=st.integers(1, 20),
    before_m=st.floats(0.0, 500.0),
)
def test_a_point_has_one_place_in_a_forward_and_in_a_rewound_pass(
    lines: int, size: float, at: float, top: int, height: int, before_m: float
) -> None:
    length_m = lines * size / 1000.0
    first = round(at * (lines - 100))
    forward = placed_on(coil(offset_m=before_m), first, mm_per_line=size)
    # The tail passes first: lines and the rows of the same 100 lines of material count the other way.
    rewound = placed_on(coil(reversed=True, offset_m=before_m + length_m), lines - first - 100, mm_per_line=size)
    one = forward.place(box(top, 0, top + height, 10))
    other = rewound.place(box(100 - top - height, 0, 100 - top, 10))
    assert other.downweb_m == pytest.approx(one.downweb_m, abs=1e-6)
    assert other.length_mm == one.length_mm
    assert rewound.head_m == pytest.approx(forward.head_m, abs=1e-6)


@pytest.mark.parametrize("offset_m", [0.0, -1.0, float("nan")])
def test_a_rewound_coil_without_its_length_is_refused(offset_m: float) -> None:
    with pytest.raises(BadDataError, match="a rewound coil: its length"):
        coil(reversed=True, offset_m=offset_m)
    with pytest.raises(BadDataError, match="no place"):
        coil(offset_m=float("inf"))
