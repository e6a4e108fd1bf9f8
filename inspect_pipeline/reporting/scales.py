"""Round steps, ticks and linear scales for drawings."""

import math
from dataclasses import dataclass

_ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def _round_up(value: float, among: tuple[float, ...]) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (*among, 10.0 * among[-1]) if power * factor >= value * (1 - 1e-9))


def round_length(value: float) -> float:
    """Return the next round length at or above a positive value: 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times 10^k."""
    return _round_up(value, _ROUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A tick at ``at`` (drawing units) with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear map from values ``low..high`` to drawing units ``start..end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value, held within the drawing."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, *, about: int, until: float | None = None, factor: float = 1.0) -> list[Tick]:
        """Return about so many round ticks from low to ``until`` (high by default); texts are values times factor."""
        if self.high <= self.low:
            return []
        step = _round_up((self.high - self.low) / about, _STEPS)
        first, last = math.ceil(self.low / step - 1e-9), math.floor((until or self.high) / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step * factor) + 1e-9))
        decimals += step * factor * 10**decimals % 1 > 1e-9
        return [
            Tick(at=self(index * step), text=f"{index * step * factor:.{decimals}f}")
            for index in range(first, last + 1)
        ]
