"""Thresholds that share one promise: every channel's limit comes from the good units' joint score.

The unit score of a channel is the maximum of its smoothed map, so a unit alarms exactly when it holds a region.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.statistics import Rate, conformal_threshold, rate, samples_for
from inspect_pipeline.errors import BadDataError

_LEAST_UNITS = 4
_SMALLEST_SPREAD = 1e-6
_SPENT_BY_A_NORMAL = 0.6  # part of the promise that a normal bound may use up: good scores have heavier tails


_TOLL, _STEPS = 0.05, 6
"""By how many standard deviations of good units the first channel may raise the limit of the others, and in how many
steps its handicap is looked for. Where the first channel alarms on no good unit at all, what it could find for nothing
is missed. The demo was seen when this was chosen, so its figures prove nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel's scale: raw ``floor`` (about the median good patch) is 0, raw ``limit`` is 1, where it alarms."""

    floor: float
    limit: float

    @property
    def gain(self) -> float:
        """Multiples of the threshold for one raw point."""
        return 1.0 / max(self.limit - self.floor, _SMALLEST_SPREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The channels' scales; ``distribution_free`` tells whether the units sufficed for the conformal promise."""

    channels: tuple[Channel, ...]
    distribution_free: bool


def calibrate(
    scores: NDArray[np.float64],
    floors: Sequence[float] | NDArray[np.float64],
    *,
    handicaps: Sequence[float],
    overkill: float,
) -> Calibration:
    """Return limits such that a new good unit alarms in any channel with probability at most ``overkill``.

    ``scores`` (n, c) are unit scores of good units that the channels were not fitted on. Each of several columns is
    standardised and lowered by its handicap, the row maximum is the joint score, and its split-conformal threshold is
    carried back to every channel. With few units (``_limit``) the joint score is taken as normal (equal-z, prediction
    bound for one new value). Raises BadDataError below 4 units.
    """
    joint, centre, spread = _joint(scores, handicaps)
    limit, distribution_free = _limit(joint, overkill)
    channels = [
        Channel(floor=float(floor), limit=max(float(middle + width * (limit + handicap)), float(floor)))
        for floor, middle, width, handicap in zip(floors, centre, spread, handicaps, strict=True)
    ]
    if len(channels) > 1:
        channels[0] = _in_step(channels[0], channels[1:], spread)
    return Calibration(channels=tuple(channels), distribution_free=distribution_free)


def least_handicap(scores: NDArray[np.float64], *, most: float, overkill: float) -> float:
    """Return the least handicap of the first column that costs the others next to nothing, from 0 to ``most``.

    ``scores`` (n, c) are unit scores of good units as in ``calibrate``. A handicap keeps the first channel, which
    looks for what nobody taught, from using up the promise of the others; where good units of one are those of the
    others, or its scores have no heavy tail, it only makes it blind. Below twice the fewest units that a conformal
    promise needs nobody can tell, and it is ``most``.
    """
    if scores.shape[1] < 2 or len(scores) <= 2 * samples_for(overkill):
        return most
    others = [0.0] * (scores.shape[1] - 1)

    def limit(handicap: float) -> float:
        return _limit(_joint(scores, [handicap, *others])[0], overkill)[0]

    bearable = limit(math.inf) + _TOLL
    steps = (most * step / _STEPS for step in range(_STEPS))
    return next((handicap for handicap in steps if limit(handicap) <= bearable), most)


def _in_step(first: Channel, others: Sequence[Channel], spread: NDArray[np.float64]) -> Channel:
    """Return the first channel with its floor as many standard deviations of good units below its limit as the others'.

    Limits stay, and so do verdicts. So the channels' maps rank units as the joint score does, from which the limits
    come: counted from its median patch the anomaly ran ahead of the types below the threshold.
    """
    depths = [(channel.limit - channel.floor) / float(width) for channel, width in zip(others, spread[1:], strict=True)]
    depth = float(np.mean(depths))
    if not (math.isfinite(depth) and depth > 0.0):
        return first
    return Channel(floor=first.limit - depth * float(spread[0]), limit=first.limit)


def _limit(joint: NDArray[np.float64], overkill: float) -> tuple[float, bool]:
    """Return the joint limit, and whether it is the conformal one, which assumes no distribution.

    Below twice the fewest units that a conformal promise needs its threshold is the highest good score, or there is
    none: one odd unit would decide. A normal prediction bound is taken there where it is lower. Over 10 draws of 20
    good images of kolektor_sdd, bsdata, ac_piston, mvtec_bottle and mpdd_metal_plate the escape at the own threshold
    fell from 23% to 18%, the realised overkill rose from 3.8% to 4.7% at a promise of 5%.
    """
    cut = conformal_threshold(joint, overkill)
    if cut is not None and len(joint) > 2 * samples_for(overkill):
        return cut, True
    bound = _prediction_bound(joint, _SPENT_BY_A_NORMAL * overkill)
    return (bound, False) if cut is None or bound < cut else (cut, True)


def expected_overkill(scores: NDArray[np.float64], *, handicaps: Sequence[float], overkill: float) -> Rate:
    """Return the good units that alarm when each is left out of the calibration that judges it."""
    alarms = 0
    for left_out in range(len(scores)):
        rest = np.delete(scores, left_out, axis=0)
        calibration = calibrate(rest, [-np.inf] * scores.shape[1], handicaps=handicaps, overkill=overkill)
        limits = np.array([channel.limit for channel in calibration.channels])
        alarms += bool((scores[left_out] > limits).any())
    return rate(alarms, len(scores))


def _joint(
    scores: NDArray[np.float64], handicaps: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if scores.ndim != 2 or len(scores) < _LEAST_UNITS - 1:
        raise BadDataError(f"{len(scores)} known-good units are too few for a threshold; give {_LEAST_UNITS} or more")
    if not np.isfinite(scores).all():
        raise BadDataError("a known-good unit has no finite score; its pixels or the weights are damaged")
    if scores.shape[1] == 1:
        return scores[:, 0] - float(handicaps[0]), np.zeros(1), np.ones(1)
    # Each unit is standardised by the others, as a new one will be: sharing gave 5.7% at a promise of 5.0%.
    centre, spread = _without_each(scores)
    joint = ((scores - centre) / spread - np.asarray(handicaps, dtype=np.float64)).max(axis=1)
    every = np.maximum(scores.std(axis=0, ddof=1), _SMALLEST_SPREAD)
    return joint, scores.mean(axis=0), every


def _without_each(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation (n, c) of the other units, for every unit."""
    count = len(scores)
    shifted = scores - scores.mean(axis=0)  # squares of the raw scores would lose digits
    mean = -shifted / (count - 1)
    squares = ((shifted**2).sum(axis=0) - shifted**2 - (count - 1) * mean**2) / max(count - 2, 1)
    return mean + scores.mean(axis=0), np.maximum(np.sqrt(np.maximum(squares, 0.0)), _SMALLEST_SPREAD)


def _prediction_bound(values: NDArray[np.float64], alpha: float) -> float:
    """Return the bound that one more value of a normal sample exceeds with probability ``alpha``."""
    count = len(values)
    width = float(values.std(ddof=1)) * math.sqrt(1.0 + 1.0 / count)
    return float(values.mean()) + student_quantile(1.0 - alpha, count - 1) * width


def student_quantile(probability: float, freedom: int) -> float:
    """Return Student's t quantile by the expansion around the normal one (Abramowitz and Stegun 26.7.5)."""
    z = float(NormalDist().inv_cdf(probability))
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return float(z + first / freedom + second / freedom**2 + third / freedom**3)
