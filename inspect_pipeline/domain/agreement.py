"""Agreement beyond chance between people who name the same items: kappas with intervals that hold for repeated trials.

Cohen, A coefficient of agreement for nominal scales, 1960; its variance by Fleiss, Cohen and Everitt, Large sample
standard errors of kappa and weighted kappa, 1969. Fleiss, Measuring nominal scale agreement among many raters, 1971;
its error where agreement is chance by Fleiss, Nee and Landis, Large sample variance of kappa in the case of different
sets of raters, 1979. That error holds at kappa 0 only, so it tests and does not make intervals: these take the variance
of Gwet, Large-sample variance of Fleiss generalized kappa, 2021. What one item was called on several trials is one
observation: its influences are summed before they are squared.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.domain.statistics import binomial_interval
from inspect_pipeline.errors import BadDataError

Z_95 = 1.959963984540054
NOTHING_JUDGED = "nothing was judged by all who are compared"
ONE_CATEGORY = "all gave one and the same answer, so chance alone would agree as well"
ONE_RATER = "agreement needs two answers on every item"
_FEW_ITEMS = 30
_DRAWS = 2000
_ONE = 1.0 - 1e-12


class IntervalBy(StrEnum):
    """Where an interval comes from."""

    ASYMPTOTIC = "asymptotic"
    BOOTSTRAP = "bootstrap"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """A kappa over ``items`` items with its 95% interval; 1 is perfect agreement, 0 what chance gives.

    ``error_of_chance`` is the standard error where all agreement is chance, None for Cohen's; ``observed`` and
    ``by_chance`` are the shares of answers that agree.
    """

    value: float
    low: float
    high: float
    items: int
    interval_by: IntervalBy
    observed: float
    by_chance: float
    error_of_chance: float | None = None

    @property
    def p_of_chance(self) -> float | None:
        """How likely so high a kappa is where agreement is chance (one-sided), None where that was not worked out."""
        if self.error_of_chance is None:
            return None
        return 0.5 * math.erfc(self.value / self.error_of_chance / math.sqrt(2.0))


MeasuredKappa = Kappa | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """What any of the kappas needs of n rows: the share ``agrees`` (n), and two sides' shares of k answers (n, k).

    Cohen's sides are the two raters, Fleiss' are both the mean of all. ``item`` (n) numbers the item of each row.
    """

    agrees: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    item: NDArray[np.intp]

    @property
    def items(self) -> int:
        return int(self.item.max()) + 1

    def parts(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the shares observed and by chance (m) where the rows count as each of m ``weights`` (m, n) says."""
        total = weights.sum(axis=1)
        sides = (weights @ self.left) * (weights @ self.right)
        return weights @ self.agrees / total, sides.sum(axis=1) / total**2

    def error(self, observed: float, chance: float) -> float:
        """Return the standard error of kappa: by influences, those of an item's rows taken together."""
        left, right = self.left.mean(axis=0), self.right.mean(axis=0)
        kappa = (observed - chance) / (1.0 - chance)
        moved = self.left @ right + self.right @ left - 2.0 * chance
        influence = ((self.agrees - observed) - (1.0 - kappa) * moved) / (1.0 - chance)
        per_item = np.bincount(self.item, weights=influence, minlength=self.items)
        return float(np.sqrt((per_item**2).sum())) / len(self.item)


def cohen_kappa(
    first: Sequence[str], second: Sequence[str], *, items: Sequence[Hashable] | None = None, seed: int = 0
) -> MeasuredKappa:
    """Return Cohen's kappa of two raters from their answers, row by row; ``items`` says which rows are of one item.

    With one row an item the interval is that of Fleiss, Cohen and Everitt (1969). Below 30 items it is the bootstrap
    over items; where all agree it is the exact bound of the share that agrees. ``seed`` draws the bootstrap.

    Raises BadDataError for sequences of different lengths.
    """
    own = list(range(len(first))) if items is None else list(items)
    if not len(first) == len(second) == len(own):
        raise BadDataError(f"{len(first)} and {len(second)} answers on {len(own)} rows cannot be compared; give pairs")
    if not own:
        return NotMeasured(reason=NOTHING_JUDGED)
    names = sorted({*first, *second})
    if len(names) < 2:
        return NotMeasured(reason=ONE_CATEGORY)
    a, b = _one_hot(first, names), _one_hot(second, names)
    return _measured(_Rows(agrees=(a * b).sum(axis=1), left=a, right=b, item=_numbered(own)), seed=seed)


def fleiss_kappa(
    answers: Sequence[Sequence[str]], *, items: Sequence[Hashable] | None = None, seed: int = 0
) -> MeasuredKappa:
    """Return Fleiss' kappa of rows of answers, each row one item (or one trial of it) by the same number of raters.

    The interval is Gwet's (2021); the bootstrap over items below 30 of them, the exact bound where all agree.
    ``error_of_chance`` is that of Fleiss, Nee and Landis (1979), each item counted once.

    Raises BadDataError for rows of different lengths.
    """
    own = list(range(len(answers))) if items is None else list(items)
    sizes = {len(row) for row in answers}
    if len(sizes) > 1 or len(own) != len(answers):
        raise BadDataError(f"rows hold {sorted(sizes)} answers on {len(own)} items; give every rater's for each row")
    if not own:
        return NotMeasured(reason=NOTHING_JUDGED)
    raters = sizes.pop()
    if raters < 2:
        return NotMeasured(reason=ONE_RATER)
    names = sorted({answer for row in answers for answer in row})
    if len(names) < 2:
        return NotMeasured(reason=ONE_CATEGORY)
    counts = np.array([[list(row).count(name) for name in names] for row in answers], dtype=np.float64)
    agrees = (counts * (counts - 1.0)).sum(axis=1) / (raters * (raters - 1.0))
    rows = _Rows(agrees=agrees, left=counts / raters, right=counts / raters, item=_numbered(own))
    return _measured(rows, seed=seed, error_of_chance=_error_of_chance(counts, items=rows.items))


def fleiss_by_category(
    answers: Sequence[Sequence[str]], *, items: Sequence[Hashable] | None = None, seed: int = 0
) -> dict[str, MeasuredKappa]:
    """Return Fleiss' kappa of each category against all others: how well that one is told apart."""
    names = sorted({answer for row in answers for answer in row})
    return {name: fleiss_kappa([_as_yes_or_no(row, name) for row in answers], items=items, seed=seed) for name in names}


def cohen_by_category(
    first: Sequence[str], second: Sequence[str], *, items: Sequence[Hashable] | None = None, seed: int = 0
) -> dict[str, MeasuredKappa]:
    """Return Cohen's kappa of each category against all others."""
    return {
        name: cohen_kappa(_as_yes_or_no(first, name), _as_yes_or_no(second, name), items=items, seed=seed)
        for name in sorted({*first, *second})
    }


def _as_yes_or_no(answers: Sequence[str], name: str) -> list[str]:
    return ["this" if answer == name else "other" for answer in answers]


def _one_hot(answers: Sequence[str], names: Sequence[str]) -> NDArray[np.float64]:
    place = {name: number for number, name in enumerate(names)}
    return np.eye(len(names))[[place[answer] for answer in answers]]


def _numbered(items: Sequence[Hashable]) -> NDArray[np.intp]:
    place = {item: number for number, item in enumerate(dict.fromkeys(items))}
    return np.array([place[item] for item in items], dtype=np.intp)


def _error_of_chance(counts: NDArray[np.float64], *, items: int) -> float:
    """Return the standard error at kappa 0 (Fleiss, Nee and Landis 1979)."""
    raters = counts[0].sum()
    p = counts.sum(axis=0) / counts.sum()
    spread = float((p * (1.0 - p)).sum())
    inside = spread**2 - float((p * (1.0 - p) * (1.0 - 2.0 * p)).sum())
    return math.sqrt(2.0 * max(inside, 0.0)) / (spread * math.sqrt(items * raters * (raters - 1.0)))


def _measured(rows: _Rows, *, seed: int, error_of_chance: float | None = None) -> Kappa:
    """Return the kappa with the interval that holds for so many items."""
    shares = rows.parts(np.ones((1, len(rows.item))))
    observed, chance = float(shares[0][0]), float(shares[1][0])
    value = (observed - chance) / (1.0 - chance)
    if observed >= _ONE:
        by, low, high = IntervalBy.EXACT, _exact_low(rows.items, chance), 1.0
    elif rows.items < _FEW_ITEMS:
        by, (low, high) = IntervalBy.BOOTSTRAP, bootstrap_interval(rows, seed=seed)
    else:
        half = Z_95 * rows.error(observed, chance)
        by, low, high = IntervalBy.ASYMPTOTIC, max(value - half, -1.0), min(value + half, 1.0)
    return Kappa(
        value=value,
        low=min(low, value),
        high=max(high, value),
        items=rows.items,
        interval_by=by,
        observed=observed,
        by_chance=chance,
        error_of_chance=error_of_chance,
    )


def _exact_low(items: int, chance: float) -> float:
    """Return the lower bound where every item was agreed on: that of the share, at the chance that was seen."""
    return max((binomial_interval(items, items)[0] - chance) / (1.0 - chance), -1.0)


def bootstrap_interval(rows: _Rows, *, seed: int, draws: int = _DRAWS) -> tuple[float, float]:
    """Return the 95% percentile interval of kappa over items drawn anew (Efron 1979).

    A draw in which only one category is left has no kappa: where it agrees wholly it counts as 1.
    """
    generator = np.random.default_rng(seed)
    often = generator.multinomial(rows.items, np.full(rows.items, 1.0 / rows.items), size=draws).astype(np.float64)
    observed, chance = rows.parts(often[:, rows.item])
    alone = chance >= _ONE
    kappas = np.where(alone, 1.0, (observed - chance) / np.where(alone, 1.0, 1.0 - chance))
    low, high = np.quantile(kappas, [0.025, 0.975])
    return float(low), float(high)
