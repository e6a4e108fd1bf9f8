"""Figures in words: units, percentages with their counts and intervals, times. Used as filters by the templates."""

import math
from datetime import UTC, datetime

from inspect_pipeline.domain.explanation import Explanation, NamedBy
from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.errors import BadDataError

_HARD_SPACE = "\u00a0"
_MINUS = "\u2212"


def _checked(value: float) -> float:
    if not math.isfinite(value):
        raise BadDataError(f"a figure of the report is {value}; where it could not be measured give NotMeasured")
    return value


def number(value: float, *, decimals: int) -> str:
    """Return the number with thousands apart and a true minus sign. Raises BadDataError for NaN and infinity."""
    return f"{_checked(value):,.{decimals}f}".replace(",", "\u202f").replace("-", _MINUS)


def metres(value: float | NotMeasured) -> str:
    """Return metres to the millimetre, or "not measured"."""
    return NOT_MEASURED if isinstance(value, NotMeasured) else number(value, decimals=3) + _HARD_SPACE + "m"


def millimetres(value: float) -> str:
    """Return millimetres to a tenth."""
    return number(value, decimals=1) + _HARD_SPACE + "mm"


def position(downweb_m: float, crossweb_mm: float) -> str:
    """Return a place on the coil, metres downweb by millimetres crossweb."""
    return f"{metres(downweb_m)} × {millimetres(crossweb_mm)}"


def multiples(score: float | NotMeasured) -> str:
    """Return a score in multiples of its threshold, or "not measured"."""
    return NOT_MEASURED if isinstance(score, NotMeasured) else number(score, decimals=2) + _HARD_SPACE + "×"


def percent(fraction: float) -> str:
    """Return a fraction as a percentage; below 1% with two decimals, since escapes live there."""
    value = 100.0 * _checked(fraction)
    decimals = 2 if 0.0 < abs(value) < 1.0 else 1
    return number(value, decimals=decimals) + "%"


def points(fraction: float) -> str:
    """Return a difference of fractions in percentage points, with its sign."""
    sign = "+" if fraction > 0 else ""
    return sign + number(100.0 * fraction, decimals=2) + _HARD_SPACE + "points"


def interval(figure: ShownRate | Estimate) -> str:
    """Return the 95% interval in percent."""
    return f"{percent(figure.low)} to {percent(figure.high)}"


def interval_points(figure: Estimate) -> str:
    """Return the 95% interval of a difference in percentage points."""
    return f"{points(figure.low)} to {points(figure.high)}"


def counts(rate: ShownRate) -> str:
    """Return what was counted, e.g. 3 of 200."""
    return f"{number(rate.count, decimals=0)}{_HARD_SPACE}of{_HARD_SPACE}{number(rate.total, decimals=0)}"


def whole(value: int) -> str:
    """Return a count with thousands apart."""
    return number(value, decimals=0)


def significant(value: float) -> str:
    """Return a bare number to four significant digits."""
    return f"{_checked(value):.4g}".replace("-", _MINUS)


def seconds(value: float) -> str:
    """Return seconds to a hundredth."""
    return number(value, decimals=2) + _HARD_SPACE + "s"


def utc(moment: datetime) -> str:
    """Return a time in UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, noun: str) -> str:
    """Return the count with its noun, e.g. 1 frame, 2 frames."""
    return f"{whole(count)}{_HARD_SPACE}{noun}" + ("" if count == 1 else "s")


def why(explanation: Explanation) -> str:
    """Return in one line what raised a finding and what named it."""
    channel = "" if explanation.type_score is None else f", {explanation.channel} {multiples(explanation.type_score)}"
    parts = [f"anomaly {multiples(explanation.anomaly)}{channel}"]
    if explanation.named_by is NamedBy.REGION:
        parts += _compared(explanation)
    elif explanation.nearest_type is not None:
        parts.append("named by the strongest channel")
    return "; ".join([*parts, *([explanation.note] if explanation.note else [])])


def _compared(explanation: Explanation) -> list[str]:
    """Return how near the samples are, and how clear the name is; a distance in multiples of its open-set bound."""
    parts = []
    if explanation.distance is not None:
        limit = explanation.limit
        near = "no bound yet" if limit is None else f"at {multiples(explanation.distance / limit)} the bound"
        parts.append(f"{near} of {explanation.nearest_type}")
    if explanation.margin is not None:
        parts.append(f"lead {number(explanation.margin, decimals=2)}")
    if explanation.neighbours:
        parts.append(f"nearest sample {explanation.neighbours[0].label}")
    return parts


NOT_MEASURED = "not measured"
