"""Intervals and bounds that a sceptic accepts; pure functions of counts and scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

_MOST_STEPS = 200
_COUNTED_SINGLY = 500
_TOLERANCE = 1e-14
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of trials with its exact two-sided 95% interval; ``value`` is None where there was no trial."""

    count: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share, or None where nothing was tried."""
        return self.count / self.trials if self.trials else None


def rate(count: int, trials: int) -> Rate:
    """Return ``count`` of ``trials`` with its exact interval; no trial leaves the interval at [0, 1]."""
    low, high = binomial_interval(count, trials)
    return Rate(count=count, trials=trials, low=low, high=high)


def binomial_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a proportion (Clopper and Pearson, Biometrika 26, 1934).

    ``trials == 0`` gives (0, 1). Raises BadDataError unless 0 <= successes <= trials and 0 < confidence < 1.
    """
    if not 0 <= successes <= trials or not 0.0 < confidence < 1.0:
        raise BadDataError(f"{successes} of {trials} at confidence {confidence} is no proportion; check the counts")
    if trials == 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else _beta_quantile(tail, a=successes, b=trials - successes + 1)
    high = 1.0 if successes == trials else _beta_quantile(1.0 - tail, a=successes + 1, b=trials - successes)
    return low, high


def _beta_quantile(probability: float, *, a: float, b: float) -> float:
    """Return x with I_x(a, b) == ``probability``, 0 < probability < 1: Newton steps inside a shrinking bracket."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_MOST_STEPS):
        log_term = a * math.log(x) + b * math.log1p(-x) - log_beta
        excess = _incomplete_beta(x, log_term, a=a, b=b) - probability
        low, high = (low, x) if excess > 0.0 else (x, high)
        # x - excess / density; the density may underflow far out, where halving the bracket is the better step.
        density = math.exp(log_term) / (x * (1.0 - x))
        following = x - excess / density if density > 0.0 else -1.0
        if not low < following < high:
            following = (low + high) / 2.0
        if abs(following - x) <= _TOLERANCE * min(x, 1.0 - x):
            return following
        x = following
    return x


def _incomplete_beta(x: float, log_term: float, *, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) (DLMF 8.17.22), 0 < x < 1.

    ``log_term`` is log(x**a * (1 - x)**b / B(a, b)). The continued fraction converges fast below the mean; above it the
    other tail is taken.
    """
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - math.exp(log_term) * _beta_fraction(1.0 - x, a=b, b=a) / b
    return math.exp(log_term) * _beta_fraction(x, a=a, b=b) / a


def _beta_fraction(x: float, *, a: float, b: float) -> float:
    """Return the continued fraction 1 / (1 + d1 / (1 + d2 / (1 + ...))) of I_x(a, b) by Lentz's method."""
    upper, lower = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value, m, change = lower, 0, 0.0
    while abs(change - 1.0) > _TOLERANCE:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        lower, upper = 1.0 / _not_zero(1.0 + even * lower), _not_zero(1.0 + even / upper)
        value *= lower * upper
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        lower, upper = 1.0 / _not_zero(1.0 + odd * lower), _not_zero(1.0 + odd / upper)
        change = lower * upper
        value *= change
    return value


def _not_zero(number: float) -> float:
    return number if abs(number) > _SMALLEST else _SMALLEST


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    """Return (mean, low, high): the mean with its 95% normal interval, which is too narrow below some 30 values.

    One value alone has no measured spread: low and high are that value. Raises BadDataError for none, or NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise BadDataError("a mean needs at least one value and all of them finite")
    mean = float(array.mean())
    if array.size == 1:
        return mean, mean, mean
    half = 1.959963984540054 * float(array.std(ddof=1)) / math.sqrt(array.size)
    return mean, mean - half, mean + half


def student_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    """Return (mean, low, high): the mean with Student's 95% interval, for few values such as repeated draws.

    It holds for values that are independent and about normal. One value alone tells nothing of its spread: its bounds
    are infinite. Raises BadDataError for none, or NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise BadDataError("a mean needs at least one value and all of them finite")
    if array.size == 1:
        return float(array[0]), -math.inf, math.inf
    half = student_two_sided(0.05, array.size - 1) * float(array.std(ddof=1)) / math.sqrt(array.size)
    mean = float(array.mean())
    return mean, mean - half, mean + half


def student_two_sided(alpha: float, freedom: int) -> float:
    """Return t that |T| exceeds with probability ``alpha``, 0 < alpha < 1, T of Student's with ``freedom`` >= 1."""
    _refuse_alpha(alpha)
    # P(|T| > t) is I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t**2) (DLMF 8.17, Abramowitz-Stegun 26.7.1).
    x = _beta_quantile(alpha, a=freedom / 2, b=0.5)
    return math.sqrt(freedom * (1.0 - x) / x)


def conformal_threshold(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float | None:
    """Return t such that a new exchangeable score exceeds t with probability at most ``alpha``.

    Split conformal (Vovk et al., 2005): the ceil((n + 1)(1 - alpha))-th smallest of n scores, None where n is too
    small for the promise: n must be at least 1 / alpha - 1. Raises BadDataError for scores that are not finite, and
    unless 0 < alpha < 1.
    """
    _refuse_alpha(alpha)
    array = np.sort(np.asarray(scores, dtype=np.float64))
    if not np.isfinite(array).all():
        raise BadDataError("a known-good score is not finite; a threshold of it would never alarm")
    rank = math.ceil((array.size + 1) * (1.0 - alpha) - 1e-9)
    if array.size == 0 or rank > array.size:
        return None
    return float(array[rank - 1])


def samples_for(alpha: float) -> int:
    """Return how many good samples a conformal promise of ``alpha`` needs at least, 0 < alpha < 1."""
    _refuse_alpha(alpha)
    return math.ceil(1.0 / alpha - 1e-9) - 1


def _refuse_alpha(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise BadDataError(f"a false-alarm share of {alpha} cannot be promised; give one between 0 and 1")


def one_sided_upper(successes: int, trials: int, confidence: float = 0.95) -> float:
    """Return the exact upper bound of a proportion (Clopper and Pearson 1934, one-sided); 1 where nothing was tried.

    Raises BadDataError unless 0 <= successes <= trials.
    """
    return binomial_interval(successes, trials, 1.0 - 2.0 * (1.0 - confidence))[1]


def samples_for_share(missed: int, at_most: float, confidence: float = 0.95) -> int:
    """Return how many trials, ``missed`` of them missed, bear out a share of at most ``at_most``, 0 < at_most < 1."""
    _refuse_alpha(at_most)
    enough = missed + 1
    while one_sided_upper(missed, enough, confidence) > at_most:
        enough += max(1, enough // 50) if enough > _COUNTED_SINGLY else 1
    return enough


def sign_test(lost: int, gained: int) -> float:
    """Return how likely ``lost`` or more of the changes are losses where both are as likely (exact, one-sided).

    The sign test on pairs that differ (McNemar 1947, exact form); 1 where nothing changed.
    """
    changes = lost + gained
    ways = sum(math.comb(changes, count) for count in range(lost, changes + 1))
    return float(ways / 2**changes)
