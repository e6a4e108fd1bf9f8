import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.counters import Runs, Unwrapped, first_line_from
from inspect_pipeline.errors import BadDataError


def test_a_counter_that_wraps_goes_on() -> None:
    counter = Unwrapped(period=65536)
    assert [counter(value) for value in (65534, 65535, 0, 1)] == [65534, 65535, 65536, 65537]


def test_a_block_id_of_gige_vision_skips_zero_at_its_wrap() -> None:
    counter = Unwrapped(period=65535, first=1)
    assert [counter(value) for value in (65534, 65535, 1, 2)] == [65534, 65535, 65536, 65537]


def test_a_small_step_back_is_no_turn_forwards() -> None:
    counter = Unwrapped(period=65536)
    assert [counter(value) for value in (2, 1, 65535, 0)] == [2, 1, -1, 0]


@given(
    bits=st.integers(2, 24),
    first=st.integers(0, 3),
    start=st.integers(0, 2**24),
    steps=st.lists(st.floats(-0.5, 0.49), max_size=60),
)
def test_any_walk_in_steps_below_half_a_period_is_followed(
    bits: int, first: int, start: int, steps: list[float]
) -> None:
    period = 2**bits
    counter, at, begin = Unwrapped(period=period, first=first), start, None
    for step in [0.0, *steps]:
        at += int(step * period)
        value = counter(first + (at - first) % period)
        begin = value - at if begin is None else begin
        assert value - at == begin
        assert (value - at) % period == 0


@pytest.mark.parametrize("value", [0, 65536, -1])
def test_a_value_that_the_counter_does_not_have_is_refused(value: int) -> None:
    with pytest.raises(BadDataError, match=rf"counter value {value} lies outside 1\.\.65535"):
        Unwrapped(period=65535, first=1)(value)


def test_a_counter_of_one_value_is_refused() -> None:
    with pytest.raises(BadDataError, match="does not count"):
        Unwrapped(period=1)


@given(numbers=st.lists(st.integers(-40, 40)))
def test_runs_are_a_set_that_knows_its_last_number_and_its_holes(numbers: list[int]) -> None:
    runs, seen = Runs(), set[int]()
    for number in numbers:
        assert runs.add(number) == (number not in seen)
        seen.add(number)
        assert runs.last == max(seen)
        assert runs.holes == max(seen) - min(seen) + 1 - len(seen)
    assert [runs.add(number) for number in sorted(seen)] == [False] * len(seen)


@given(order=st.permutations(range(30)))
def test_a_coil_without_holes_takes_one_run_in_whatever_order_it_came(order: list[int]) -> None:
    runs = Runs()
    assert runs.last is None
    assert all(runs.add(number) for number in order)
    assert (len(runs._runs), runs.last, runs.holes) == (1, 29, 0)


def test_the_first_line_is_counted_unless_the_encoder_contradicts() -> None:
    assert first_line_from(601, sequence=1, lines_per_frame=600) == 600
    assert first_line_from(597, sequence=1, lines_per_frame=600) == 600
    assert first_line_from(640, sequence=1, lines_per_frame=600) == 640
