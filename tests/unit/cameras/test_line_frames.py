"""Buffers of a camera become frames at their place on the coil; what did not arrive is a hole in the ledger."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.cameras.line_buffers import LineBuffer
from inspect_pipeline.cameras.line_frames import LineFrames, LinePlacement
from inspect_pipeline.cameras.pixel_formats import pixel_format
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.ledger import Cover, Span, ledger
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import ConfigError
from tests.unit.cameras.lossy_line import START, mono8

LINES = np.arange(1, 41, dtype=np.uint8).reshape(4, 10)
SETTINGS = CaptureSettings(exposure_us=20.0, gain_db=3.0)


def taken(*buffers: LineBuffer, placement: LinePlacement | None = None, wraps: bool = True) -> list[Capture]:
    frames = LineFrames(placement or LinePlacement(), SETTINGS, wraps=wraps)
    return [capture for buffer in buffers for capture in frames.captures(buffer)] + list(frames.rest())


def frame_of(capture: Capture) -> Frame:
    assert isinstance(capture, Frame)
    return capture


def unusable_of(capture: Capture) -> UnusableCapture:
    assert isinstance(capture, UnusableCapture)
    return capture


def span_of(frame: Frame) -> Span:
    valid = frame.line_count if frame.valid_lines is None else frame.valid_lines
    torn = frame.line_count - valid
    return Span(frame=frame.id, camera=frame.camera, first_line=frame.first_line, line_count=valid, torn_lines=torn)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_every_line_that_arrived_shows_once_at_its_place_and_no_other_does(lost: list[list[bool]]) -> None:
    sent = np.arange(len(lost) * 40, dtype=np.int64).reshape(len(lost), 4, 10)
    stale = np.full((4, 10), 255, np.uint8)
    arrived = ~np.array(lost)
    buffers = [
        mono8(np.where(arrived[at][:, None], sent[at], stale).astype(np.uint8), frame_id=at + 1, arrived=arrived[at])
        for at in range(len(lost))
    ]
    shown: dict[int, list[int]] = {}
    spans = []
    for capture in taken(*buffers, placement=LinePlacement(first_frame_id=1)):
        if isinstance(capture, Frame):
            valid = capture.line_count if capture.valid_lines is None else capture.valid_lines
            assert not capture.pixels[valid:].any()
            spans.append(span_of(capture))
            for line in range(valid):
                assert capture.first_line + line not in shown
                shown[capture.first_line + line] = capture.pixels[line].tolist()
    whole = {int(at): sent.reshape(-1, 10)[at].tolist() for at in np.flatnonzero(arrived.reshape(-1))}
    assert shown == whole
    book = ledger(spans, expected_lines=4 * len(lost), cameras=("camera-0",))
    assert book.lines(Cover.CAPTURED) == len(whole)


def test_a_whole_buffer_is_one_frame_that_says_how_the_camera_was_set() -> None:
    frame = frame_of(taken(mono8(LINES, frame_id=7))[0])
    assert (frame.source, frame.first_line, frame.sequence, frame.valid_lines) == ("camera-0-000000", 0, 0, None)
    assert frame.pixels.tolist() == LINES.tolist()
    assert frame.settings == SETTINGS
    assert frame.captured_at == START


def test_a_frame_with_a_hole_is_torn_before_it_and_goes_on_after_it() -> None:
    there = np.array([True, False, True, True])
    first, second = (frame_of(one) for one in taken(mono8(LINES, frame_id=1, arrived=there)))
    assert (first.source, first.first_line, first.line_count, first.valid_lines) == ("camera-0-000000.0", 0, 2, 1)
    assert (second.source, second.first_line, second.line_count, second.valid_lines) == ("camera-0-000000.1", 2, 2, 2)
    assert first.pixels[1].tolist() == [0] * 10
    assert second.pixels.tolist() == LINES[2:].tolist()


def test_a_buffer_of_which_nothing_arrived_is_unusable_and_keeps_its_lines_and_its_reason() -> None:
    gone = mono8(LINES, frame_id=2, arrived=np.zeros(4, np.bool_), status="timeout")
    capture = unusable_of(taken(mono8(LINES, frame_id=1), gone)[1])
    assert (capture.first_line, capture.line_count, capture.sequence) == (4, 4, 1)
    assert capture.reason == "timeout: none of its lines arrived"


def test_the_counter_of_gige_vision_goes_from_65535_to_1_without_a_hole() -> None:
    frames = LineFrames(LinePlacement(), SETTINGS, wraps=True)
    found = [capture for number in (65534, 65535, 1, 2) for capture in frames.captures(mono8(LINES, frame_id=number))]
    assert [frame_of(one).first_line for one in found] == [0, 4, 8, 12]
    assert frames.lost_frames == 0


def test_a_counter_that_the_producer_unwrapped_goes_on_beyond_65535() -> None:
    found = taken(*(mono8(LINES, frame_id=number) for number in (65535, 65536, 65538)))
    assert [frame_of(one).sequence for one in found] == [0, 1, 3]


def test_frames_that_were_lost_leave_a_gap_and_are_counted() -> None:
    frames = LineFrames(LinePlacement(), SETTINGS, wraps=False)
    found = [capture for number in (10, 11, 14) for capture in frames.captures(mono8(LINES, frame_id=number))]
    assert [frame_of(one).first_line for one in found] == [0, 4, 16]
    assert frames.lost_frames == 2


def test_frames_lost_before_the_first_show_where_the_first_number_is_known() -> None:
    found = taken(mono8(LINES, frame_id=3), placement=LinePlacement(first_frame_id=1))
    assert frame_of(found[0]).first_line == 8


def test_frames_whose_number_was_lost_get_it_from_their_neighbours_where_as_many_are_missing() -> None:
    numbers = (65534, None, None, 2, None, 4)
    found = taken(*(mono8(LINES, frame_id=number) for number in numbers))
    assert [frame_of(one).first_line for one in found] == [0, 4, 8, 12, 16, 20]
    assert len({one.source for one in found}) == 6


def test_a_frame_whose_number_was_lost_before_the_first_is_placed_where_the_first_number_is_known() -> None:
    sent = mono8(LINES, frame_id=None), mono8(LINES, frame_id=2)
    assert [one.first_line for one in taken(*sent, placement=LinePlacement(first_frame_id=1))] == [0, 4]
    assert [one.first_line for one in taken(*sent)] == [None, 0]


@pytest.mark.parametrize("numbers", [(1, None, 4), (1, None, None, 3), (1, None)])
def test_frames_whose_number_nobody_knows_are_unusable_and_have_no_place(numbers: tuple[int | None, ...]) -> None:
    found = taken(*(mono8(LINES, frame_id=number) for number in numbers))
    nameless = [one for one in found if isinstance(one, UnusableCapture)]
    assert len(found) == len(numbers)
    assert len({one.source for one in nameless}) == numbers.count(None)
    assert all(one.first_line is None and "number was lost" in one.reason for one in nameless)


def test_frames_without_numbers_do_not_wait_for_ever() -> None:
    frames = LineFrames(LinePlacement(), SETTINGS, wraps=True)
    found = [capture for _ in range(100) for capture in frames.captures(mono8(LINES, frame_id=None))]
    assert 80 < len(found) < 100


@pytest.mark.parametrize("number", [0, 5])
def test_a_frame_that_cannot_be_placed_is_unusable(number: int) -> None:
    found = taken(mono8(LINES, frame_id=6), mono8(LINES, frame_id=number))
    assert unusable_of(found[1]).source == f"camera-0-id-{number}"
    assert unusable_of(found[1]).first_line is None


def test_the_encoder_places_a_frame_where_the_counter_does_not_know_of_a_slip() -> None:
    placement = LinePlacement(encoder_counts_per_line=2.0, encoder_period=1000)
    counts = (990, 998, 46)  # 4 lines on, then 24: 20 lines were never triggered
    found = taken(
        *(mono8(LINES, frame_id=at, chunks={"EncoderValue": count}) for at, count in enumerate(counts, start=1)),
        placement=placement,
    )
    assert [frame_of(one).first_line for one in found] == [0, 4, 28]
    assert [frame_of(one).encoder for one in found] == [990, 998, 1046]


def test_a_torn_frame_without_its_encoder_value_lies_as_far_off_as_the_one_before() -> None:
    placement = LinePlacement(encoder_counts_per_line=1.0)
    sent = [mono8(LINES, frame_id=1, chunks={"EncoderValue": 0}), mono8(LINES, frame_id=2, chunks={"EncoderValue": 24})]
    found = taken(*sent, mono8(LINES, frame_id=3), placement=placement)
    assert [frame_of(one).first_line for one in found] == [0, 24, 28]


def test_an_encoder_that_stands_before_the_coil_makes_the_frame_unusable() -> None:
    placement = LinePlacement(encoder_counts_per_line=1.0)
    sent = [mono8(LINES, frame_id=1, chunks={"EncoderValue": 99}), mono8(LINES, frame_id=2, chunks={"EncoderValue": 9})]
    assert "90 lines before the first" in unusable_of(taken(*sent, placement=placement)[1]).reason


def test_exposure_and_gain_sent_with_a_frame_go_before_those_that_were_set() -> None:
    found = taken(mono8(LINES, frame_id=1, chunks={"ExposureTime": 19.5, "Gain": 3.2}))
    assert frame_of(found[0]).settings == replace(SETTINGS, exposure_us=19.5, gain_db=3.2)


def test_twelve_bits_in_sixteen_are_recorded() -> None:
    lines = np.frombuffer(np.array([[5, 4095]], "<u2").tobytes(), np.uint8)[None]
    buffer = replace(mono8(lines, frame_id=1), width_px=2, format=pixel_format("Mono12"))
    frame = frame_of(taken(buffer)[0])
    assert frame.pixels.tolist() == [[5, 4095]]
    assert frame.settings.bits == 12


def test_times_are_those_of_the_camera_set_by_the_host_at_the_first_buffer() -> None:
    late = replace(mono8(LINES, frame_id=2, timestamp_ns=5_000_250_000), received_at=START + timedelta(seconds=9))
    found = taken(mono8(LINES, frame_id=1, timestamp_ns=5_000_000_000), late)
    assert [frame_of(one).captured_at - START for one in found] == [timedelta(0), timedelta(microseconds=250)]


def test_no_encoder_counts_a_line_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 encoder counts a line"):
        LinePlacement(encoder_counts_per_line=0)
