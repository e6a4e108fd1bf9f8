"""One physical point has one place, whatever camera saw it, whichever way the strip ran."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.capture import FrameMeasures, StripEdges
from inspect_pipeline.domain.geometry import (
    CameraMount,
    EdgeFollower,
    EncoderLines,
    StripFollower,
    StripLeft,
    inspected_columns,
    place_on_strip,
    strip_left,
)
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import box, captured

WIDTH = 100  # columns of the frames of captured()
scales = st.floats(0.01, 2.0)


def seeing(
    left: float | None,
    right: float | None,
    *,
    zone: tuple[int | None, int | None] = (None, None),
    first_line: int = 0,
    mirrored: bool = False,
    offset_mm: float = 0.0,
) -> CapturedFrame:
    measures = FrameMeasures(
        edges=StripEdges(left_px=left, right_px=right), zone_left_px=zone[0], zone_right_px=zone[1]
    )
    frame = captured(first_line=first_line, line_count=100)
    return replace(frame, measures=measures, mirrored=mirrored, offset_mm=offset_mm)


@given(
    point_mm=st.floats(0.0, 500.0),
    offsets=st.tuples(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0)),
    sizes=st.tuples(scales, scales),
    mirrors=st.tuples(st.booleans(), st.booleans()),
)
def test_two_cameras_give_one_point_of_the_machine_one_millimetre(
    point_mm: float, offsets: tuple[float, float], sizes: tuple[float, float], mirrors: tuple[bool, bool]
) -> None:
    for offset, size, mirrored in zip(offsets, sizes, mirrors, strict=True):
        frame = replace(captured(mm_per_px_across=size), offset_mm=offset, mirrored=mirrored)
        from_left = (point_mm - offset) / size  # columns from the left border of its view
        column = WIDTH - from_left if mirrored else from_left
        assert frame.across_mm(column) == pytest.approx(point_mm, abs=1e-6)


def test_a_mirrored_camera_sees_its_last_column_at_its_offset() -> None:
    frame = replace(captured(), offset_mm=200.0, mirrored=True)
    assert (frame.across_mm(WIDTH), frame.across_mm(0)) == (200.0, 250.0)
    assert frame.place(box(0, 90, 10, 100)).crossweb_mm == pytest.approx(202.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mm_per_px_across": 0.0},
        {"mm_per_px_along": -1.0},
        {"mm_per_px_across": math.nan},
        {"mm_per_px_along": math.inf},
        {"encoder_mm_per_count": 0.0},
        {"encoder_mm_per_count": math.nan},
        {"offset_mm": math.inf},
    ],
)
def test_a_mount_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError):
        CameraMount(**wrong)  # type: ignore[arg-type]


def test_a_mount_with_a_negative_tolerance_is_refused_and_a_backward_encoder_is_not() -> None:
    with pytest.raises(BadDataError, match="negative tolerance"):
        CameraMount(encoder_tolerance_lines=-1)
    assert CameraMount(encoder_mm_per_count=-0.1, encoder_tolerance_lines=0).encoder_mm_per_count == -0.1


def test_the_counter_places_a_frame_while_the_encoder_agrees_within_the_tolerance() -> None:
    placed = EncoderLines(lines_per_count=0.5, zero=1000.0)
    assert [placed.first_line(100, encoder=1200 + jitter) for jitter in (-6, 0, 6)] == [100, 100, 100]
    assert placed.first_line(100, encoder=1208) == 104


def test_the_first_frame_that_is_placed_gives_the_zero() -> None:
    placed = EncoderLines(lines_per_count=2.0)
    assert placed.first_line(50, encoder=1000) == 50
    assert placed.zero == 975.0
    assert placed.first_line(150, encoder=1100) == 250


@given(
    per_count=st.sampled_from([-1.0, -0.25, 0.1, 1.0]),
    zero=st.integers(-(10**9), 10**9),
    lost=st.one_of(st.just(0), st.integers(8, 5000)),
    jitter=st.lists(st.integers(-1, 1), min_size=2, max_size=20),
)
def test_after_lost_triggers_the_frames_follow_each_other_again_whatever_the_jitter(
    per_count: float, zero: int, lost: int, jitter: list[int]
) -> None:
    """Jitter of a line must not tear a hole between every two frames after one slip."""
    placed = EncoderLines(lines_per_count=per_count, zero=float(zero))
    firsts = []
    for number, off in enumerate(jitter):
        true = number * 100 + lost + off
        firsts.append(placed.first_line(number * 100, encoder=zero + round(true / per_count)))
    assert all(after - before == 100 for before, after in pairwise(firsts))
    assert abs(firsts[0] - lost) <= 3 + 1


def test_a_capture_without_an_encoder_value_keeps_the_distance_of_the_frame_before_it() -> None:
    placed = EncoderLines(lines_per_count=1.0, zero=0.0)
    placed.first_line(100, encoder=600)
    assert placed.shifted(200) == 700
    placed.first_line(300, encoder=301)
    assert placed.shifted(400) == 400


def test_what_lies_before_the_head_is_told_and_never_below_line_0() -> None:
    placed = EncoderLines(lines_per_count=1.0, zero=0.0)
    assert (placed.first_line(100, encoder=-250), placed.before_head(100)) == (0, 250)
    assert (placed.first_line(0, encoder=-3), placed.before_head(0)) == (0, 0)
    assert (placed.first_line(100, encoder=100), placed.before_head(100)) == (100, 0)


def test_the_strips_edge_runs_straight_between_the_frames_that_saw_it() -> None:
    edge = StripLeft(lines=(100.0, 200.0, 400.0), edges_mm=(10.0, 20.0, 0.0))
    assert [edge.at(line) for line in (0, 100, 150, 200, 300, 400, 900)] == [10.0, 10.0, 15.0, 20.0, 10.0, 0.0, 0.0]
    assert StripLeft().at(50) == 0.0


@given(
    knots=st.lists(st.tuples(st.integers(0, 1000), st.floats(-50, 50)), min_size=1, unique_by=lambda knot: knot[0]),
    line=st.floats(-100, 1100),
)
def test_between_frames_the_edge_never_leaves_what_was_seen(knots: list[tuple[int, float]], line: float) -> None:
    knots.sort()
    edge = StripLeft(lines=tuple(float(at) for at, _ in knots), edges_mm=tuple(mm for _, mm in knots))
    assert min(mm for _, mm in knots) - 1e-9 <= edge.at(line) <= max(mm for _, mm in knots) + 1e-9
    assert all(edge.at(at) == pytest.approx(mm) for at, mm in knots)


def test_the_left_edge_is_the_leftmost_that_a_camera_saw_mirrored_or_not() -> None:
    straight = seeing(20.0, 80.0)  # 10 mm
    mirrored = seeing(20.0, 84.0, mirrored=True)  # 16 columns from its left border: 8 mm
    blind = seeing(None, 60.0, first_line=100)
    assert strip_left([straight, mirrored, blind, captured()]) == StripLeft(lines=(50.0,), edges_mm=(8.0,))


def test_a_place_on_the_strip_counts_from_its_edge_on_that_line() -> None:
    frames = [seeing(20.0, None), seeing(40.0, None, first_line=100)]
    place = place_on_strip(frames[1], box(0, 50, 10, 70), strip_left(frames))
    assert place.crossweb_mm == pytest.approx(30.0 - 15.5)
    assert place.downweb_m == frames[1].place(box(0, 50, 10, 70)).downweb_m


def test_findings_are_looked_for_in_the_zone_and_without_one_in_the_whole_view() -> None:
    assert inspected_columns(captured()) == (0, WIDTH)
    assert inspected_columns(seeing(20.0, 80.0)) == (0, WIDTH)
    assert inspected_columns(seeing(20.0, 80.0, zone=(22, None))) == (22, WIDTH)
    assert inspected_columns(seeing(20.0, 80.0, zone=(0, 78))) == (0, 78)


def test_an_edge_that_jumps_is_told_and_one_that_wanders_is_not() -> None:
    follower = EdgeFollower(most_wander_px=10.0)
    assert follower.see(20.0, 90.0) is None
    assert follower.see(30.0, 80.0) is None
    assert follower.see(41.0, 80.0) == "left edge of the strip jumped by 11 px"
    assert follower.see(0.0, 20.0) == "left edge of the strip jumped by 41 px; right edge of the strip jumped by 60 px"


def test_an_edge_that_appears_far_inside_the_view_jumped_from_the_border() -> None:
    follower = EdgeFollower(most_wander_px=10.0)
    assert follower.see(None, None, width_px=WIDTH) is None
    assert follower.see(8.0, 95.0, width_px=WIDTH) is None
    assert follower.see(None, 60.0, width_px=WIDTH) == "right edge of the strip jumped by 35 px"


def believed(follower: StripFollower, frame: CapturedFrame) -> tuple[FrameMeasures, str | None]:
    measures, note = follower.believed(frame.measures, width_px=frame.width_px)
    assert measures is not None
    return measures, note


def test_a_wrong_edge_hides_no_column_that_the_frame_before_inspected() -> None:
    follower = StripFollower(edges=EdgeFollower(most_wander_px=10.0))
    usual, wrong = seeing(10.0, 90.0, zone=(12, 88)), seeing(60.0, 90.0, zone=(62, 88))
    assert believed(follower, usual) == (usual.measures, None)
    measures, note = believed(follower, wrong)
    assert (measures.zone_left_px, measures.zone_right_px, measures.edges) == (12, 88, None)
    assert note == "left edge of the strip jumped by 50 px"
    measures, _ = believed(follower, usual)
    assert (measures.zone_left_px, measures.zone_right_px) == (12, 88), "and back again"
    assert believed(follower, usual) == (usual.measures, None)


def test_a_jump_from_beyond_the_view_inspects_up_to_the_border() -> None:
    follower = StripFollower(edges=EdgeFollower(most_wander_px=10.0))
    believed(follower, seeing(None, None))
    measures, note = believed(follower, seeing(50.0, 70.0, zone=(52, 68)))
    assert note is not None
    assert (measures.zone_left_px, measures.zone_right_px) == (None, None)


def test_a_frame_without_edges_is_taken_as_it_is() -> None:
    follower = StripFollower(edges=EdgeFollower(most_wander_px=10.0))
    plain = FrameMeasures(mean=0.5)
    assert follower.believed(plain, width_px=WIDTH) == (plain, None)
    assert follower.believed(None, width_px=WIDTH) == (None, None)
