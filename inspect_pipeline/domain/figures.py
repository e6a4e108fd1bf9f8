"""Figures as a report shows them: a number with its interval, or the reason why there is none."""

import math
from dataclasses import dataclass

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """Stands where a figure is missing; shown as "not measured" with the reason, never as 0."""

    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise BadDataError("a figure that was not measured needs a reason; say in a few words why there is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRate:
    """``count`` of ``total`` units, with the exact (Clopper-Pearson) 95% interval ``low..high`` as fractions.

    Raises BadDataError when the interval does not hold the rate, so that swapped or stale figures are never shown.
    """

    count: int
    total: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.total or self.total == 0:
            raise BadDataError(f"{self.count} of {self.total} is no rate; with no unit to count give NotMeasured")
        if not 0.0 <= self.low <= self.value <= self.high <= 1.0:
            raise BadDataError(
                f"interval {self.low}..{self.high} does not hold {self.count}/{self.total}; give fractions, low first"
            )

    @property
    def value(self) -> float:
        """The rate as a fraction."""
        return self.count / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over ``samples`` with its 95% interval ``low..high``; fractions, a difference may be negative."""

    value: float
    low: float
    high: float
    samples: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.value <= self.high):
            raise BadDataError(f"interval {self.low}..{self.high} does not hold {self.value}; give finite, low first")


MeasuredRate = ShownRate | NotMeasured
MeasuredEstimate = Estimate | NotMeasured
MeasuredNumber = float | NotMeasured
MeasuredText = str | NotMeasured
