"""Intervals against SciPy, and conformal thresholds against their promise."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from inspect_pipeline.domain.statistics import (
    binomial_interval,
    conformal_threshold,
    mean_interval,
    rate,
    samples_for,
    student_interval,
)
from inspect_pipeline.errors import BadDataError

counts = st.integers(1, 1_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
alphas = st.sampled_from([0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5])


@settings(max_examples=200, deadline=None)
@given(count=counts, confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.9999]))
def test_the_interval_is_that_of_clopper_and_pearson(count: tuple[int, int], confidence: float) -> None:
    k, n = count
    low, high = binomial_interval(k, n, confidence)
    tail = (1.0 - confidence) / 2.0
    assert low == pytest.approx(0.0 if k == 0 else beta.ppf(tail, k, n - k + 1), abs=1e-9)
    assert high == pytest.approx(1.0 if k == n else beta.ppf(1.0 - tail, k + 1, n - k), abs=1e-9)


def test_the_interval_of_every_small_count_is_that_of_the_exact_test() -> None:
    for n in range(1, 26):
        for k in range(n + 1):
            exact = binomtest(k, n).proportion_ci(0.95, method="exact")
            assert binomial_interval(k, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_interval_of_no_escape_in_twenty_is_known() -> None:
    assert binomial_interval(0, 20) == pytest.approx((0.0, 1.0 - 0.025 ** (1 / 20)), rel=1e-12)


@pytest.mark.parametrize("k", [1, 1000, 500_000, 999_999])
def test_the_interval_of_a_million_trials_is_exact_and_quick(k: int) -> None:
    started = time.perf_counter()
    low, high = binomial_interval(k, 1_000_000)
    # Measured: below 10 ms. The bound only keeps a sum over all trials (seconds) from coming back.
    assert time.perf_counter() - started < 0.5
    assert low == pytest.approx(beta.ppf(0.025, k, 1_000_001 - k), rel=1e-8)
    assert high == pytest.approx(beta.ppf(0.975, k + 1, 1_000_000 - k), rel=1e-8)


@settings(max_examples=50, deadline=None)
@given(count=counts)
def test_the_interval_holds_the_share_and_mirrors(count: tuple[int, int]) -> None:
    k, n = count
    low, high = binomial_interval(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert binomial_interval(n - k, n) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-9)


@pytest.mark.parametrize("n", [1, 7, 60, 2000])
def test_the_interval_rises_with_the_count_and_narrows_with_the_trials(n: int) -> None:
    steps = range(0, n + 1, max(n // 20, 1))
    bounds = [binomial_interval(k, n) for k in steps]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(bounds))
    low, high = binomial_interval(n, 2 * n)
    more_low, more_high = binomial_interval(2 * n, 4 * n)
    assert more_high - more_low < high - low


def test_no_trial_says_nothing() -> None:
    assert binomial_interval(0, 0) == (0.0, 1.0)
    nothing = rate(0, 0)
    assert (nothing.value, nothing.low, nothing.high) == (None, 0.0, 1.0)


def test_a_rate_carries_its_share_and_interval() -> None:
    quarter = rate(5, 20)
    assert (quarter.count, quarter.trials, quarter.value) == (5, 20, 0.25)
    assert (quarter.low, quarter.high) == binomial_interval(5, 20)


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (1, -1), (1, 5, 0.0), (1, 5, 1.0), (1, 5, float("nan"))])
def test_counts_that_are_no_proportion_are_refused(arguments: tuple[int, int]) -> None:
    with pytest.raises(BadDataError, match="is no proportion"):
        binomial_interval(*arguments)


def test_the_mean_of_known_values_has_a_known_interval() -> None:
    mean, low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    half = 1.959963984540054 * (5.0 / 3.0) ** 0.5 / 2.0
    assert (mean, low, high) == pytest.approx((2.5, 2.5 - half, 2.5 + half))
    assert mean_interval([0.7]) == (0.7, 0.7, 0.7)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_a_mean_of_nothing_or_of_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(BadDataError, match="at least one value"):
        mean_interval(values)


def test_a_promise_of_five_per_cent_needs_nineteen_samples() -> None:
    scores = np.arange(19.0)
    assert conformal_threshold(scores[:18], 0.05) is None
    assert conformal_threshold(scores, 0.05) == 18.0
    assert conformal_threshold(np.arange(39.0), 0.05) == 37.0
    assert conformal_threshold([], 0.5) is None
    assert [samples_for(alpha) for alpha in (0.05, 0.01, 0.1, 0.5)] == [19, 99, 9, 1]


@given(alpha=alphas)
def test_the_samples_asked_for_are_exactly_those_that_suffice(alpha: float) -> None:
    enough = samples_for(alpha)
    assert conformal_threshold(np.arange(enough, dtype=float), alpha) == enough - 1
    assert conformal_threshold(np.arange(enough - 1, dtype=float), alpha) is None


@settings(deadline=None)
@given(
    scores=st.lists(st.integers(0, 12), min_size=2, max_size=60),
    alpha=alphas,
)
def test_an_exchangeable_score_exceeds_the_threshold_no_more_often_than_promised(
    scores: list[int], alpha: float
) -> None:
    # Exchangeable: each of the n + 1 values is the new one equally often. Ties and few values are the hard cases.
    exceeded = 0
    for new, score in enumerate(scores):
        threshold = conformal_threshold([float(s) for s in scores[:new] + scores[new + 1 :]], alpha)
        if threshold is None:
            return
        exceeded += score > threshold
    assert exceeded <= alpha * len(scores) + 1e-9


def test_the_threshold_is_no_more_cautious_than_it_must_be() -> None:
    values = np.random.default_rng(3).normal(size=100)
    exceeded = sum(
        float(values[i]) > (conformal_threshold(np.delete(values, i), 0.05) or np.inf) for i in range(len(values))
    )
    assert exceeded == 5


def test_the_order_of_the_scores_is_no_input() -> None:
    scores = np.random.default_rng(1).normal(size=30)
    assert conformal_threshold(scores, 0.1) == conformal_threshold(scores[::-1], 0.1)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_gives_no_threshold_that_never_alarms(broken: float) -> None:
    with pytest.raises(BadDataError, match="not finite"):
        conformal_threshold([*range(30), broken], 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_cannot_be_promised_is_refused(alpha: float) -> None:
    with pytest.raises(BadDataError, match="cannot be promised"):
        conformal_threshold([1.0], alpha)
    with pytest.raises(BadDataError, match="cannot be promised"):
        samples_for(alpha)


@pytest.mark.parametrize("count", [2, 3, 5, 10, 31, 1000])
def test_the_interval_of_a_mean_of_few_values_is_students(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    wanted = student.interval(0.95, count - 1, values.mean(), values.std(ddof=1) / math.sqrt(count))
    assert student_interval(values) == pytest.approx((values.mean(), *wanted), rel=1e-9)


def test_one_value_has_no_bounds_and_none_or_nan_no_mean() -> None:
    assert student_interval([0.5]) == (0.5, -math.inf, math.inf)
    assert student_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    for values in ([], [0.5, math.nan]):
        with pytest.raises(BadDataError, match="finite"):
            student_interval(values)
