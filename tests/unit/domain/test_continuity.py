"""Counters that repeat, fall back or start again are told; an ordinary coil of any length is silent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.continuity import REPEATED, Continuity, Oddity

LINES = 100


def see(camera: Continuity, sequence: int, first_line: int | None = None, encoder: int | None = None) -> Oddity:
    first = sequence * LINES if first_line is None else first_line
    return camera.see(sequence, first_line=first, line_count=LINES, encoder=encoder)


@given(
    lost=st.sets(st.integers(0, 400), max_size=40),
    start=st.integers(-(2**40), 2**40),
    step=st.integers(0, 500),
    against=st.booleans(),
)
def test_a_coil_that_only_loses_frames_is_silent_however_long(
    lost: set[int], start: int, step: int, against: bool
) -> None:
    camera = Continuity(against=against)
    counts = [number for number in range(400) if number not in lost]
    way = -step if against else step
    assert all(see(camera, number, encoder=start + way * number) == Oddity() for number in counts)
    assert len(camera._seen._runs) <= len(lost) + 1


def test_a_long_coil_takes_no_memory_a_frame() -> None:
    camera = Continuity()
    for number in range(5000):
        see(camera, number)
    assert camera._seen._runs == [[0, 5000]]


def test_a_frame_whose_counter_and_lines_came_before_is_repeated() -> None:
    camera = Continuity()
    for number in range(5):
        see(camera, number)
    assert (see(camera, 3).reason or "").startswith(f"{REPEATED}frame counter 3")
    assert see(camera, 5) == Oddity()


@given(order=st.permutations(range(12)), against=st.booleans())
def test_frames_out_of_order_are_noted_and_judged_though_their_encoder_falls_back(
    order: list[int], against: bool
) -> None:
    camera, way, highest = Continuity(against=against), -1 if against else 1, -1
    for number in order:
        odd = see(camera, number, encoder=way * number * LINES)
        assert odd.reason is None
        assert (odd.note is None) == (number > highest)
        highest = max(highest, number)
    assert len(camera._seen._runs) == 1


def test_a_counter_that_starts_again_with_new_lines_is_noted_and_judged() -> None:
    camera = Continuity()
    for number in range(3):
        see(camera, number)
    assert see(camera, 0, first_line=300) == Oddity(note="the frame counter started again at 0")


def test_the_parts_of_a_frame_with_a_hole_share_its_counter_and_are_nothing_odd() -> None:
    camera = Continuity()
    camera.see(0, first_line=0, line_count=60, encoder=0)
    assert camera.see(0, first_line=60, line_count=40, encoder=60) == Oddity()
    assert camera.see(1, first_line=100, line_count=100, encoder=100) == Oddity()


@pytest.mark.parametrize("against", [False, True])
def test_lines_that_pass_again_while_the_strip_runs_backwards_are_not_judged(against: bool) -> None:
    way = -1 if against else 1
    camera = Continuity(against=against)
    assert see(camera, 0, 0, encoder=1000) == Oddity()
    assert see(camera, 1, 100, encoder=1000 + way * 100) == Oddity()
    back = see(camera, 2, 50, encoder=1000 + way * 50)
    assert back.reason == f"the strip ran backwards: the encoder went from {1000 + way * 100} to {1000 + way * 50}"
    assert see(camera, 3, 90, encoder=1000 + way * 90) == Oddity(), "forwards again"


def test_an_encoder_that_falls_back_over_new_lines_hides_nothing() -> None:
    camera = Continuity()
    see(camera, 0, encoder=500)
    assert see(camera, 1, encoder=400) == Oddity()


def test_frames_without_an_encoder_between_two_with_one_do_not_hide_the_way_back() -> None:
    camera = Continuity()
    see(camera, 0, 0, encoder=500)
    see(camera, 1, 100)
    assert see(camera, 2, 20, encoder=400).reason is not None
