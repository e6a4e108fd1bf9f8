import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.reporting.scales import Scale, round_length


@pytest.mark.parametrize("value, wanted", [(1.0, 1.0), (1.01, 1.2), (7.488, 8.0), (0.93, 1.0), (112.3, 120.0)])
def test_a_length_is_rounded_up_to_a_readable_one(value, wanted):
    assert round_length(value) == pytest.approx(wanted)


@given(st.floats(1e-3, 1e5))
def test_a_rounded_length_holds_the_value_and_wastes_at_most_a_third(value):
    assert value * (1 - 1e-6) <= round_length(value) <= value * 1.34


def test_a_scale_is_linear_and_keeps_what_lies_beyond_at_its_ends():
    scale = Scale(low=10.0, high=20.0, start=0.0, end=100.0)
    assert [scale(v) for v in (5.0, 10.0, 12.5, 20.0, 99.0)] == [0.0, 0.0, 25.0, 100.0, 100.0]


def test_ticks_are_round_and_end_where_the_coil_ends():
    ticks = Scale(low=16.0, high=24.0, start=0.0, end=800.0).ticks(about=8, until=22.4)
    assert [tick.text for tick in ticks] == ["16", "17", "18", "19", "20", "21", "22"]
    assert ticks[1].at == pytest.approx(100.0)


def test_ticks_below_one_get_the_decimals_they_need():
    ticks = Scale(low=0.0, high=1.0, start=0.0, end=1.0).ticks(about=4)
    assert [tick.text for tick in ticks] == ["0.00", "0.25", "0.50", "0.75", "1.00"]


@given(st.floats(0, 1e4), st.floats(1e-2, 1e4), st.integers(2, 12))
def test_ticks_lie_on_the_scale_and_are_few(low, length, about):
    scale = Scale(low=low, high=low + length, start=0.0, end=1.0)
    ticks = scale.ticks(about=about)
    assert len(ticks) <= about + 1
    assert all(0.0 <= tick.at <= 1.0 for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)
