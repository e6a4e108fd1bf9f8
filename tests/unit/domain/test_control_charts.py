"""Control charts: limits on exact small numbers, and how often they alarm when nothing changes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.control_charts import (
    LEAST_REFERENCE,
    ControlChart,
    chart_of_shares,
    chart_of_values,
    predicted_counts,
)
from inspect_pipeline.domain.figures import NotMeasured

REFERENCE, ALPHA, SMOOTHING = 20, 0.01, 0.2


def _values(numbers: list[float | None]) -> ControlChart:
    chart = chart_of_values(numbers, reference=REFERENCE, alpha=ALPHA, smoothing=SMOOTHING)
    assert isinstance(chart, ControlChart)
    return chart


def _shares(counts: list[tuple[int, int]]) -> ControlChart:
    chart = chart_of_shares(counts, reference=REFERENCE, alpha=ALPHA, smoothing=SMOOTHING)
    assert isinstance(chart, ControlChart)
    return chart


def test_limits_are_students_prediction_limits_about_the_reference() -> None:
    chart = _values([9.0, 11.0] * 10)  # mean 10; moving ranges are 2, so sigma is 2 / 1.128
    reach = 2.8609346 * math.sqrt(1.0 + 1.0 / 20.0) * 2.0 / 1.128  # t(0.01 two-sided, 19)
    assert chart.centre == 10.0
    assert chart.points[0].high == pytest.approx(10.0 + reach)
    assert chart.points[0].low == pytest.approx(10.0 - reach)
    assert not any(point.beyond or point.crept for point in chart.points)


def test_one_bad_coil_is_beyond_and_is_told_once() -> None:
    steady = np.random.default_rng(4).normal(10.0, 1.0, size=30).tolist()
    chart = _values([*steady[:24], 50.0, *steady[24:]])
    assert [at for at, point in enumerate(chart.points) if point.beyond] == [24]
    assert chart.points[24].strength > 25.0
    assert not any(point.crept for point in chart.points[27:])


def test_what_creeps_is_seen_by_the_average_though_no_coil_is_beyond() -> None:
    rng = np.random.default_rng(3)
    shifted = [*rng.normal(0.0, 1.0, size=20), *rng.normal(1.8, 0.3, size=15)]
    chart = _values([float(value) for value in shifted])
    assert not any(point.beyond for point in chart.points)
    assert chart.points[-1].crept
    assert not chart.points[21].crept


def test_a_coil_without_a_value_is_beyond_no_limit_and_leaves_the_average() -> None:
    steady = np.random.default_rng(1).normal(10.0, 1.0, size=22).tolist()
    chart = _values([*steady, None])
    assert chart.points[-1].value is None
    assert chart.points[-1].average == chart.points[-2].average
    assert not chart.points[-1].beyond


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([1.0] * 30, "same value"),
        ([1.0, 2.0] * 4, "needs 20"),
        ([None] * 15 + [1.0, 2.0] * 10, "needs 20"),
    ],
)
def test_too_little_or_nothing_that_scatters_is_said(numbers: list[float | None], why: str) -> None:
    chart = chart_of_values(numbers, reference=REFERENCE, alpha=ALPHA, smoothing=SMOOTHING)
    assert isinstance(chart, NotMeasured)
    assert why in chart.reason


def test_a_reference_below_the_least_is_no_reference() -> None:
    chart = chart_of_values([1.0, 2.0] * 9, reference=LEAST_REFERENCE - 1, alpha=ALPHA, smoothing=SMOOTHING)
    assert isinstance(chart, NotMeasured)


def test_a_wave_of_alarms_and_their_end_are_both_beyond() -> None:
    steady = [(8 + n % 5, 200) for n in range(20)]
    wave, silence = _shares([*steady, (60, 200)]), _shares([*steady, (0, 200)])
    assert wave.centre == pytest.approx(200 / 4000)
    assert wave.points[-1].beyond
    assert wave.points[-1].value == 0.3
    assert silence.points[-1].value == 0.0


def test_after_a_reference_without_any_alarm_one_alarm_is_no_wave_and_many_are() -> None:
    quiet = [(0, 300)] * 20
    assert not _shares([*quiet, (1, 300)]).points[-1].beyond
    assert _shares([*quiet, (9, 300)]).points[-1].beyond


def test_large_coils_after_a_reference_of_small_ones_without_alarms_are_judged_by_what_that_reference_can_know() -> (
    None
):
    small, large = [(0, 10)] * 20, [(0, 300)] * 8
    chart = _shares([*small, *large, (5, 300), (40, 300)])
    assert not any(point.beyond or point.crept for point in chart.points[:28])
    assert not chart.points[28].beyond  # 200 frames without an alarm do not rule out 5 in 300
    assert chart.points[29].beyond


def test_shares_that_scatter_more_than_counts_have_wider_limits() -> None:
    even = _shares([(30, 300)] * 20).points[0]
    uneven = _shares([(10, 300), (50, 300)] * 10).points[0]
    assert uneven.high - uneven.low > 2.0 * (even.high - even.low)


def test_a_small_coil_has_wider_limits_than_a_large_one_and_an_empty_one_none() -> None:
    chart = _shares([*[(30, 300)] * 20, (2, 20), (300, 3000), (0, 0)])
    small, large, empty = chart.points[-3:]
    assert small.high > large.high
    assert empty.value is None
    assert not empty.beyond


@given(st.integers(0, 400), st.integers(0, 600), st.integers(1, 400), st.sampled_from([0.05, 0.01, 0.001]))
@settings(max_examples=60, deadline=None)
def test_predicted_counts_hold_all_but_alpha(counted: int, more: int, trials: int, alpha: float) -> None:
    low, high = predicted_counts(counted, counted + more, trials, alpha=alpha)
    a, b = counted + 0.5, more + 0.5

    def chance(x: int) -> float:
        parts = [math.lgamma(v) for v in (trials + 1, x + a, trials - x + b, a + b)]
        less = [math.lgamma(v) for v in (x + 1, trials - x + 1, trials + a + b, a, b)]
        return math.exp(sum(parts) - sum(less))

    below, above = sum(map(chance, range(low))), sum(map(chance, range(high + 1, trials + 1)))
    assert below <= alpha / 2 + 1e-9
    assert above <= alpha / 2 + 1e-9
    assert below + chance(low) > alpha / 2 - 1e-9
    assert above + chance(high) > alpha / 2 - 1e-9


def _false_alarms(charts: list[ControlChart]) -> tuple[float, float]:
    points = [point for chart in charts for point in chart.points[REFERENCE:]]
    return float(np.mean([one.beyond for one in points])), float(np.mean([one.crept for one in points]))


def test_values_alarm_as_often_as_promised_while_nothing_changes() -> None:
    """6,000 coils behind 300 references: alpha is 1%; neighbouring coils that are alike take at most 2.5 times that."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(300, REFERENCE + 20))
    assert max(_false_alarms([_values(row.tolist()) for row in noise])) <= 1.3 * ALPHA
    alike = noise.copy()
    for at in range(1, alike.shape[1]):
        alike[:, at] = 0.3 * alike[:, at - 1] + math.sqrt(1.0 - 0.09) * noise[:, at]
    assert max(_false_alarms([_values(row.tolist()) for row in alike])) <= 2.5 * ALPHA


@pytest.mark.parametrize(("share", "scatter"), [(0.001, None), (0.02, None), (0.02, 200.0), (0.1, 30.0)])
def test_shares_alarm_no_oftener_than_promised_while_nothing_changes(share: float, scatter: float | None) -> None:
    """3,000 coils of 300 frames behind 150 references, some with more scatter than independent frames would give."""
    rng = np.random.default_rng(11)
    size = (150, REFERENCE + 20)
    rates = np.full(size, share) if scatter is None else rng.beta(share * scatter, (1 - share) * scatter, size=size)
    counts = rng.binomial(300, rates)
    charts = [_shares([(int(x), 300) for x in row]) for row in counts]
    assert max(_false_alarms(charts)) <= 1.1 * ALPHA
