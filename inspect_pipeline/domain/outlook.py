"""What a few samples allow to say of a type, and how many more would allow to say that it is found.

Two promises of a recall are told apart. *On average*: of exchangeable samples of which k of n are found when left out,
the next one is found with a chance of k / (n + 1) at least, whatever their distribution (the rank argument of Wilks
1941 and of conformal prediction, Vovk et al. 2005). *With confidence*: the exact lower bound of the recall (Clopper and
Pearson 1934, one-sided) is at least that high.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from inspect_pipeline.domain.statistics import Rate, one_sided_upper, rate
from inspect_pipeline.errors import BadDataError

RECALL = Fraction(95, 100)
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """``seen`` samples were found of those left out, with the exact interval; the others are counts of samples.

    So many more, all of them found, and the recall is 95% on average (``more_on_average``), or at least 95% at 95%
    confidence (``more_for_confidence``). 0: it is so far already.
    """

    seen: Rate
    more_on_average: int
    more_for_confidence: int

    @property
    def sentence(self) -> str:
        """The outlook as one line of plain English."""
        low, high = round(self.seen.low * 100), round(self.seen.high * 100)
        parts = [
            f"seen {self.seen.count} of {self.seen.trials}",
            f"95% interval {low}-{high}%",
            f"{self.more_on_average} more: 95% on average",
            f"{self.more_for_confidence} more: recall >= 95% at 95% confidence",
        ]
        return "; ".join(parts)


def outlook(found: int, trials: int) -> Outlook:
    """Return the outlook of a type of which ``found`` of ``trials`` samples were found when left out.

    Raises BadDataError unless 0 <= found <= trials.
    """
    seen = rate(found, trials)
    return Outlook(
        seen=seen,
        more_on_average=_more_on_average(found, trials, RECALL),
        more_for_confidence=_more_for_confidence(trials - found, trials, RECALL),
    )


def _more_on_average(found: int, trials: int, share: Fraction) -> int:
    """Return the least m of 0 and more with (found + m) / (trials + m + 1) of at least ``share``."""
    if not 0 < share < 1:
        raise BadDataError(f"a recall of {share} cannot be promised; give one between 0 and 1")
    return max(0, math.ceil((share * (trials + 1) - found) / (1 - share)))


def _more_for_confidence(missed: int, trials: int, share: Fraction) -> int:
    """Return the least m of 0 and more with which ``missed`` of ``trials + m`` bear out a recall of ``share``.

    The bound falls with every sample that is found: doubled until it is enough, then halved.
    """

    def enough(more: int) -> bool:
        return one_sided_upper(missed, trials + more, CONFIDENCE) <= float(1 - share)

    low, high = -1, 0
    while not enough(high):
        low, high = high, 2 * high + 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
