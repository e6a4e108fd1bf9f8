"""A search: what is tried along which axes, and what came of each trial."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inspect_pipeline.errors import BadDataError

Option = int | float | str | bool
Sampler = Literal["tpe", "grid"]
_GRID_POINTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One thing that is searched: numbers from ``low`` to ``high`` (``whole`` ones, on a ``log`` scale), or choices."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        if not self.choices and not (self.low < self.high and (self.low > 0.0 or not self.log)):
            raise BadDataError(
                f"axis {self.name} from {self.low} to {self.high} holds nothing to search; give LOW below HIGH, "
                "above 0 on a log scale"
            )

    def points(self) -> tuple[Option, ...]:
        """Return the points of a grid: the choices, or four numbers evenly spaced."""
        if self.choices:
            return self.choices
        shares = [step / (_GRID_POINTS - 1) for step in range(_GRID_POINTS)]
        if self.log:
            found = [math.exp(math.log(self.low) + share * math.log(self.high / self.low)) for share in shares]
        else:
            found = [self.low + share * (self.high - self.low) for share in shares]
        return tuple(dict.fromkeys(round(value) for value in found)) if self.whole else tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One trial: its values and accuracy; ``state`` is complete, pruned (accuracy so far) or failed (none)."""

    number: int
    values: Mapping[str, Option]
    accuracy: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLog:
    """All trials of a study, those of earlier runs included, and how much each axis matters (shares of 1)."""

    tried: tuple[Tried, ...]
    importance: Mapping[str, float] = field(default_factory=dict)
