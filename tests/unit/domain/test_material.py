"""Boxes, frames, places on the coil, and the lines that nobody captured."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Gap, Pixels, Roi, missing_lines, mm_per_line
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import box, captured, raw_frame

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


@pytest.mark.parametrize(("first", "count"), [(0, 0), (5, -1), (-1, 4)])
def test_a_gap_of_no_lines_is_refused(first: int, count: int) -> None:
    with pytest.raises(BadDataError, match="at least one line"):
        Gap(first_line=first, line_count=count, reason="")


def test_missing_lines_are_found_at_the_head_between_frames_and_at_the_tail() -> None:
    gaps = missing_lines([(300, 100), (100, 100)], expected_lines=450)
    assert [(gap.first_line, gap.line_count) for gap in gaps] == [(0, 100), (200, 100), (400, 50)]
    assert gaps[-1].reason == "the coil ended before these lines"


def test_frames_in_any_order_that_repeat_or_overlap_leave_no_gap() -> None:
    assert missing_lines([(50, 100), (0, 100), (0, 100), (100, 20)], expected_lines=150) == []


def test_a_coil_without_frames_misses_all_its_lines_and_none_where_its_length_is_not_known() -> None:
    assert [gap.line_count for gap in missing_lines([], expected_lines=7)] == [7]
    assert missing_lines([]) == []


@given(
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12),
    expected=st.one_of(st.none(), st.integers(0, 90)),
)
def test_gaps_and_spans_cover_exactly_the_expected_lines(spans: list[tuple[int, int]], expected: int | None) -> None:
    gaps = missing_lines(spans, expected_lines=expected)
    held = {line for first, count in spans for line in range(first, first + count)}
    missing = [line for gap in gaps for line in range(gap.first_line, gap.first_line + gap.line_count)]
    # A capture of no lines (an unreadable file) still says that the coil had come so far.
    length = max([first + count for first, count in spans] + [expected or 0])
    assert held.isdisjoint(missing)
    assert held | set(missing) == set(range(length))
    assert missing == sorted(set(missing))
