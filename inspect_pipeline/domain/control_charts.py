"""Control charts of one number a coil: limits from a reference period, with a stated rate of false alarms.

Shewhart limits of single values (Economic Control of Quality of Manufactured Product, 1931), of shares after Laney
(Improved control charts for attributes, Quality Engineering 14, 2002), which lets shares scatter more than counts of
independent frames would, and the exponentially weighted moving average of Roberts (Technometrics 1, 1959) for what
creeps. A reference of a few coils knows centre and scatter only roughly, so limits are Student's prediction limits
and not 3 sigma: ``alpha`` is the share of coils beyond them while nothing changes. Neighbouring coils are often
alike, which widens what an average does by chance: its limits take the persistence of the reference into account
(Zhang, A statistical control chart for stationary process data, Technometrics 40, 1998). Shares are charted after the
transformation of Freeman and Tukey (1950), since those of rare events are skewed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.domain.statistics import student_two_sided

LEAST_REFERENCE = 8
"""Coils that a reference has at least; with fewer the limits are too wide to tell anything."""

_RANGE_OF_TWO = 1.128  # d2: the mean range of two normal values in standard deviations
_LEAST_FOR_BIAS, _MOST_PERSISTENT = 4, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One coil on a chart: its value with the limits that hold for it, and the moving average with its own.

    ``value`` None: the coil has none, and is beyond no limit. ``average`` None: a coil of the reference. Averages of
    shares are shown as shares of this coil's size. ``strength`` and ``average_strength`` are deviations in sigmas.
    """

    value: float | None
    low: float
    high: float
    strength: float = 0.0
    average: float | None = None
    average_low: float | None = None
    average_high: float | None = None
    average_strength: float = 0.0

    @property
    def beyond(self) -> bool:
        """Whether the value lies outside its limits."""
        return self.value is not None and not self.low <= self.value <= self.high

    @property
    def crept(self) -> bool:
        """Whether the moving average lies outside its limits."""
        if self.value is None or self.average is None or self.average_low is None or self.average_high is None:
            return False
        return not self.average_low <= self.average <= self.average_high


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """A chart over coils in their order, the first ``reference`` of which gave centre and limits."""

    centre: float
    reference: int
    points: tuple[ChartPoint, ...]


Charted = ControlChart | NotMeasured


def chart_of_values(values: Sequence[float | None], *, reference: int, alpha: float, smoothing: float) -> Charted:
    """Return the chart of one measured number a coil (individuals chart), or why there is none.

    ``smoothing`` (0 to 1] is the weight of the newest coil in the moving average.
    """
    known = np.array([value for value in values[:reference] if value is not None], dtype=np.float64)
    short = _too_short(known.size, reference, len(values))
    if short is not None:
        return short
    centre, sigma = float(known.mean()), _sigma(known)
    if not sigma > 0.0:
        return NotMeasured(reason=f"all {known.size} coils of the reference have the same value, so nothing scatters")
    base = _Base.of((known - centre) / sigma, alpha=alpha)
    strengths = [None if value is None else (value - centre) / sigma for value in values]
    averages = base.averages(strengths, reference=reference, smoothing=smoothing)
    points = [
        ChartPoint(
            value=value,
            low=centre - base.reach * sigma,
            high=centre + base.reach * sigma,
            strength=strength or 0.0,
            average=None if average is None else centre + average[0] * sigma,
            average_low=None if average is None else centre - average[1] * sigma,
            average_high=None if average is None else centre + average[1] * sigma,
            average_strength=0.0 if average is None else average[0],
        )
        for value, strength, average in zip(values, strengths, averages, strict=True)
    ]
    return ControlChart(centre=centre, reference=reference, points=tuple(points))


def chart_of_shares(counts: Sequence[tuple[int, int]], *, reference: int, alpha: float, smoothing: float) -> Charted:
    """Return the chart of a share, ``(counted, of)`` a coil, or why there is none; a coil of 0 has no value.

    Limits are the outer ones of Laney's p' on transformed shares and of the beta-binomial prediction, which holds where
    events are so rare that no transformation makes them normal.
    """
    known = [pair for pair in counts[:reference] if pair[1] > 0]
    short = _too_short(len(known), reference, len(counts))
    if short is not None:
        return short
    counted, of = sum(pair[0] for pair in known), sum(pair[1] for pair in known)
    raw = [None if n == 0 else (_stable(x, n) - _stable(n * counted / of, n)) * math.sqrt(n + 0.5) for x, n in counts]
    bias = float(np.mean([score for score in raw[:reference] if score is not None]))
    scores = [None if score is None else score - bias for score in raw]
    first = np.array([score for score in scores[:reference] if score is not None])
    spread = max(1.0, _sigma(first))
    base = _Base.of(first / spread, alpha=alpha)
    strengths = [None if score is None else score / spread for score in scores]
    averages = base.averages(strengths, reference=reference, smoothing=smoothing)
    predicted = cache(lambda n: _predicted_shares(counted, of, n, alpha=alpha, spread=spread))
    points = []
    for (x, n), strength, average in zip(counts, strengths, averages, strict=True):
        if strength is None:
            points.append(ChartPoint(value=None, low=0.0, high=1.0))
            continue
        root = math.sqrt(n + 0.5)
        place = _Place(even=_stable(n * counted / of, n) + bias / root, sigma=spread / root)
        few, many = predicted(n)
        points.append(
            ChartPoint(
                value=x / n,
                low=min(place.share(-base.reach), few),
                high=max(place.share(base.reach), many),
                strength=strength,
                average=None if average is None else place.share(average[0]),
                average_low=None if average is None else place.share(-average[1]),
                average_high=None if average is None else place.share(average[1]),
                average_strength=0.0 if average is None else average[0],
            )
        )
    return ControlChart(centre=counted / of, reference=reference, points=tuple(points))


def _predicted_shares(counted: int, of: int, trials: int, *, alpha: float, spread: float) -> tuple[float, float]:
    """Return the predicted limits as shares; where coils scatter ``spread`` times as much as independent frames would,
    so many frames tell as much as one.
    """
    alike = spread**2
    fewer = max(1, round(trials / alike))
    low, high = predicted_counts(counted / alike, of / alike, fewer, alpha=alpha)
    return low / fewer, high / fewer


def predicted_counts(counted: float, of: float, trials: int, *, alpha: float) -> tuple[int, int]:
    """Return (low, high): after ``counted`` of ``of``, fewer than low or more than high of ``trials`` come with
    probability at most ``alpha`` / 2 each (beta-binomial prediction with Jeffreys' prior).
    """
    a, b = counted + 0.5, of - counted + 0.5
    x = np.arange(trials, dtype=np.float64)
    steps = np.log(trials - x) - np.log(x + 1.0) + np.log(x + a) - np.log(trials - x - 1.0 + b)
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    below = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    above = np.concatenate([np.cumsum(shares[::-1])[::-1][1:], [0.0]])
    return int(np.flatnonzero(below <= alpha / 2.0).max()), int(np.flatnonzero(above <= alpha / 2.0).min())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What the reference says of single values and of averages, in its own sigmas."""

    known: int
    persistence: float
    beyond: float

    @classmethod
    def of(cls, strengths: NDArray[np.float64], *, alpha: float) -> "_Base":
        known = int(strengths.size)
        return cls(known=known, persistence=_persistence(strengths), beyond=student_two_sided(alpha, known - 1))

    @property
    def off_centre(self) -> float:
        """The variance of the centre: off by the same unknown amount for every coil, which no averaging removes."""
        return (1.0 + self.persistence) / (1.0 - self.persistence) / self.known

    @property
    def reach(self) -> float:
        """How far a single value goes by chance."""
        return self.beyond * math.sqrt(1.0 + self.off_centre)

    def averages(
        self, strengths: Sequence[float | None], *, reference: int, smoothing: float
    ) -> list[tuple[float, float] | None]:
        """Return of each coil behind the reference the moving average and how far it goes by chance; else None.

        A coil beyond its own limits counts as one on them (Lucas and Crosier, Robust CUSUM, 1982): the average is there
        for what creeps, and one bad coil is told once.
        """
        found: list[tuple[float, float] | None] = [None] * min(reference, len(strengths))
        average, kept, alike = 0.0, 1.0, self.persistence * (1.0 - smoothing)
        for strength in strengths[reference:]:
            if strength is not None:
                average += smoothing * (min(max(strength, -self.reach), self.reach) - average)
                kept *= 1.0 - smoothing
            own = smoothing / (2.0 - smoothing) * (1.0 - kept**2) * (1.0 + alike) / (1.0 - alike)
            limit = self.beyond * math.sqrt(own + (1.0 - kept) ** 2 * self.off_centre)
            found.append((average, limit))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Takes a deviation in sigmas back to a share."""

    even: float
    sigma: float

    def share(self, strength: float) -> float:
        angle = min(max(self.even + strength * self.sigma, 0.0), math.pi)
        return math.sin(angle / 2.0) ** 2


def _stable(counted: float, of: int) -> float:
    """Return the share as an angle, 0 to pi, whose scatter is about 1 / sqrt(of + 1/2) whatever the share."""
    return math.asin(math.sqrt(counted / (of + 1.0))) + math.asin(math.sqrt((counted + 1.0) / (of + 1.0)))


def _too_short(known: int, reference: int, coils: int) -> NotMeasured | None:
    if reference < LEAST_REFERENCE or known < LEAST_REFERENCE or coils < reference:
        have, needed = min(known, coils), max(reference, LEAST_REFERENCE)
        return NotMeasured(reason=f"the reference has {have} coils with a value, it needs {needed}")
    return None


def _sigma(values: NDArray[np.float64]) -> float:
    """Return the larger of the scatter by moving ranges and the standard deviation.

    Ranges alone are too small where neighbouring coils are alike, and would alarm of that alone.
    """
    ranges = float(np.abs(np.diff(values)).mean()) / _RANGE_OF_TWO
    return max(ranges, float(values.std(ddof=1)))


def _persistence(values: NDArray[np.float64]) -> float:
    """Return how alike neighbouring coils are (first autocorrelation, its bias for few coils removed), 0 to 0.9."""
    centred = values - values.mean()
    total = float((centred**2).sum())
    if total <= 0.0 or values.size <= _LEAST_FOR_BIAS:
        return 0.0
    seen = float((centred[1:] * centred[:-1]).sum()) / total
    # E(r) is about rho - (1 + 4 rho) / n (Kendall, Note on bias in the estimation of autocorrelation, 1954).
    return min(max((seen + 1.0 / values.size) / (1.0 - 4.0 / values.size), 0.0), _MOST_PERSISTENT)
