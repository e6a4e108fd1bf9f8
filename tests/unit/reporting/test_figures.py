import pytest

from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.errors import BadDataError


def test_a_rate_is_its_count_over_its_total():
    assert ShownRate(count=3, total=200, low=0.003, high=0.043).value == 0.015


@pytest.mark.parametrize("count, total", [(0, 0), (-1, 5), (6, 5)])
def test_a_rate_without_units_or_beyond_them_is_refused(count, total):
    with pytest.raises(BadDataError, match="NotMeasured"):
        ShownRate(count=count, total=total, low=0.0, high=1.0)


@pytest.mark.parametrize("low, high", [(0.5, 0.1), (0.4, 0.6), (0.0, 4.3), (float("nan"), 1.0)])
def test_an_interval_that_does_not_hold_its_rate_is_refused(low, high):
    with pytest.raises(BadDataError, match="1/10"):
        ShownRate(count=1, total=10, low=low, high=high)


def test_a_difference_may_be_negative_but_must_lie_in_its_interval():
    assert Estimate(value=-0.01, low=-0.02, high=0.0).value == -0.01
    with pytest.raises(BadDataError):
        Estimate(value=-0.01, low=0.0, high=0.02)


def test_a_missing_figure_needs_a_reason():
    with pytest.raises(BadDataError, match="reason"):
        NotMeasured(reason="  ")
