"""Intervals and bounds that a sceptic accepts; pure functions of counts and scores."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

_BISECTIONS = 60


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
    low = 0.0 if successes == 0 else _solve(lambda p: 1.0 - _binomial_cdf(successes - 1, trials, p), tail)
    high = 1.0 if successes == trials else _solve(lambda p: 1.0 - _binomial_cdf(successes, trials, p), 1.0 - tail)
    return low, high


def _binomial_cdf(successes: int, trials: int, p: float) -> float:
    """Return P(X <= successes) for X ~ Binomial(trials, p), summed in log space."""
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 1.0 if successes >= trials else 0.0
    k = np.arange(successes + 1, dtype=np.float64)
    log_choose = math.lgamma(trials + 1) - np.array([math.lgamma(i + 1) + math.lgamma(trials - i + 1) for i in k])
    terms = log_choose + k * math.log(p) + (trials - k) * math.log1p(-p)
    peak = float(terms.max())
    return min(1.0, math.exp(peak) * float(np.exp(terms - peak).sum()))


def _solve(increasing: Callable[[float], float], target: float) -> float:
    """Return p in [0, 1] where the increasing function reaches the target."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if increasing(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    """Return (mean, low, high): the mean with its 95% normal interval; one value alone has an interval of itself."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise BadDataError("a mean needs at least one value and all of them finite")
    mean = float(array.mean())
    if array.size == 1:
        return mean, mean, mean
    half = 1.959963984540054 * float(array.std(ddof=1)) / math.sqrt(array.size)
    return mean, mean - half, mean + half


def conformal_threshold(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float | None:
    """Return t such that a new exchangeable score exceeds t with probability at most ``alpha``.

    Split conformal (Vovk et al., 2005): the ceil((n + 1)(1 - alpha))-th smallest of n scores, None where n is too
    small for the promise: n must be at least 1 / alpha - 1.
    """
    if not 0.0 < alpha < 1.0:
        raise BadDataError(f"a false-alarm share of {alpha} cannot be promised; give one between 0 and 1")
    array = np.sort(np.asarray(scores, dtype=np.float64))
    rank = math.ceil((array.size + 1) * (1.0 - alpha) - 1e-9)
    if array.size == 0 or rank > array.size:
        return None
    return float(array[rank - 1])


def samples_for(alpha: float) -> int:
    """Return how many good samples a conformal promise of ``alpha`` needs at least."""
    return math.ceil(1.0 / alpha - 1e-9) - 1
