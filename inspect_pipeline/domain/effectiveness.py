"""How well an appraiser sorts good from bad: effectiveness, misses and false alarms, and what the AIAG says of them.

AIAG, Measurement systems analysis, 4th edition (2010), chapter III, section C: attribute measurement systems. There
effectiveness counts items of which every decision was right; misses and false alarms count single decisions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inspect_pipeline.domain.agreement import Kappa, MeasuredKappa
from inspect_pipeline.domain.figures import MeasuredRate, NotMeasured, ShownRate
from inspect_pipeline.domain.statistics import binomial_interval

SOURCE = "AIAG MSA, 4th edition, chapter III C"
NO_REFERENCE = "the study has no reference"
NO_BAD_ITEM = "no item of the reference is a defect"
NO_GOOD_ITEM = "no item of the reference is without defect"
NO_ITEM = "no item was judged on every trial"
_MIN_EFFECTIVENESS = (0.90, 0.80)
_MAX_MISSES = (0.02, 0.05)
_MAX_FALSE_ALARMS = (0.05, 0.10)
_GOOD_KAPPA, _POOR_KAPPA = 0.75, 0.40
_TOLERANCE = 1e-12


class Grade(StrEnum):
    """What a criterion says."""

    ACCEPTABLE = "acceptable"
    MARGINAL = "marginal"
    UNACCEPTABLE = "unacceptable"
    NOT_MEASURED = "not measured"


class KappaGrade(StrEnum):
    """What the AIAG says of a kappa."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effectiveness:
    """An appraiser against the reference, by good and bad: three rates with exact intervals and their grades.

    ``effective`` counts items of which all decisions were right, ``missed`` and ``false_alarms`` count decisions.
    ``grade`` is the worst of the three; it is ``certain`` where each whole interval lies in its grade.
    """

    effective: MeasuredRate
    missed: MeasuredRate
    false_alarms: MeasuredRate
    effective_grade: Grade
    missed_grade: Grade
    false_alarms_grade: Grade
    grade: Grade
    certain: bool
    source: str = SOURCE


def effectiveness(decisions: Mapping[int, Sequence[bool]], bad: Mapping[int, bool]) -> Effectiveness:
    """Return how well decisions (item: rejected on each trial) meet the reference (item: whether it is bad).

    Items without a reference do not count. A decision's interval counts as many decisions as the trials of an item are
    worth: repeated ones that always say the same are worth one (Korn and Graubard, Confidence intervals for proportions
    with small expected number of positive counts, 1998).
    """
    judged = {item: tuple(given) for item, given in decisions.items() if item in bad and given}
    right = [all(each == bad[item] for each in given) for item, given in judged.items()]
    misses = [[not each for each in given] for item, given in judged.items() if bad[item]]
    alarms = [list(given) for item, given in judged.items() if not bad[item]]
    effective = clustered_rate([[each] for each in right], NO_REFERENCE if not bad else NO_ITEM)
    missed = clustered_rate(misses, NO_REFERENCE if not bad else NO_BAD_ITEM)
    false_alarms = clustered_rate(alarms, NO_REFERENCE if not bad else NO_GOOD_ITEM)
    parts = [
        _graded(effective, lambda share: _at_least(share, _MIN_EFFECTIVENESS)),
        _graded(missed, lambda share: _at_most(share, _MAX_MISSES)),
        _graded(false_alarms, lambda share: _at_most(share, _MAX_FALSE_ALARMS)),
    ]
    return Effectiveness(
        effective=effective,
        missed=missed,
        false_alarms=false_alarms,
        effective_grade=parts[0][0],
        missed_grade=parts[1][0],
        false_alarms_grade=parts[2][0],
        grade=worst([grade for grade, _ in parts]),
        certain=all(certain for _, certain in parts),
    )


def worst(grades: Sequence[Grade]) -> Grade:
    """Return the worst grade; what was not measured is worse than acceptable and marginal: it proves nothing."""
    order = (Grade.UNACCEPTABLE, Grade.NOT_MEASURED, Grade.MARGINAL, Grade.ACCEPTABLE)
    return next((grade for grade in order if grade in grades), Grade.NOT_MEASURED)


def kappa_grade(kappa: MeasuredKappa) -> KappaGrade:
    """Return what the AIAG says of a kappa: above 0.75 good, below 0.40 poor."""
    if not isinstance(kappa, Kappa):
        return KappaGrade.NOT_MEASURED
    if kappa.value > _GOOD_KAPPA:
        return KappaGrade.GOOD
    return KappaGrade.POOR if kappa.value < _POOR_KAPPA else KappaGrade.FAIR


def clustered_rate(items: Sequence[Sequence[bool]], reason: str) -> MeasuredRate:
    """Return the share of decisions that are true, of items with some decisions each; ``reason`` stands for none."""
    count, total = sum(sum(each) for each in items), sum(len(each) for each in items)
    if total == 0:
        return NotMeasured(reason=reason)
    worth = _worth(items, count=count, total=total)
    low = binomial_interval(math.floor(count * worth / total), worth)[0]
    high = binomial_interval(math.ceil(count * worth / total), worth)[1]
    share = count / total
    return ShownRate(count=count, total=total, low=min(low, share), high=max(high, share))


def _worth(items: Sequence[Sequence[bool]], *, count: int, total: int) -> int:
    """Return how many independent decisions those on the items are worth, between items and decisions."""
    share = count / total
    if total == len(items) or share in (0.0, 1.0):
        return len(items)
    spread = sum((sum(each) - share * len(each)) ** 2 for each in items)
    worth = total if spread == 0.0 else share * (1.0 - share) * total**2 / spread
    return min(max(math.floor(worth), len(items)), total)


def _graded(rate: MeasuredRate, grade_of: Callable[[float], Grade]) -> tuple[Grade, bool]:
    if not isinstance(rate, ShownRate):
        return Grade.NOT_MEASURED, False
    grade = grade_of(rate.value)
    return grade, grade_of(rate.low) is grade and grade_of(rate.high) is grade


def _at_least(share: float, limits: tuple[float, float]) -> Grade:
    return _at_most(1.0 - share, (1.0 - limits[0], 1.0 - limits[1]))


def _at_most(share: float, limits: tuple[float, float]) -> Grade:
    if share <= limits[0] + _TOLERANCE:
        return Grade.ACCEPTABLE
    return Grade.MARGINAL if share <= limits[1] + _TOLERANCE else Grade.UNACCEPTABLE
