"""How an inner loop steps; without torch, so that settings can be read in a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from inspect_pipeline.errors import BadDataError

_PLACINGS = ("centred", "raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerLoop:
    """``steps`` of gradient descent on the supports, with ``rate``; ``steps_at_test`` outside training, -1: as many.

    ``order`` 2 lets the outer gradient run through the steps, 1 takes them as constants. ``clip`` is the largest norm
    of a task's gradient, 0 for none. ``stepped`` are patterns of the names of the embedding's tensors, with commas;
    empty: only the linear head is stepped. ``features`` says what the head sees: descriptors minus the supports' mean,
    L2-normed ("centred"), or as they are ("raw"). ``loss`` is one of ``losses.LOSSES``. ``recompute`` saves the memory
    of the activations of second-order steps and costs one more forward pass a step. ``tasks_at_once`` tasks are
    stepped together by vmap: 1 is a plain loop, 0 what pays (all; on a CPU one for images).
    """

    steps: int = 5
    steps_at_test: int = -1
    rate: float = 1.0
    order: int = 2
    clip: float = 0.0
    stepped: str = "*"
    features: str = "centred"
    loss: str = "cross_entropy"
    recompute: bool = False
    tasks_at_once: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.steps_at_test < -1 or self.order not in {1, 2} or self.tasks_at_once < 0:
            raise BadDataError(
                f"an inner loop of {self.steps} steps ({self.steps_at_test} at test) of order {self.order} with "
                f"{self.tasks_at_once} tasks at once cannot be run; give 1 or more steps, order 1 or 2, 0 or more tasks"
            )
        if not self.rate > 0.0 or not self.clip >= 0.0:
            raise BadDataError(
                f"an inner rate of {self.rate} or clip of {self.clip} cannot be used; give positive ones"
            )
        if self.features not in _PLACINGS:
            raise BadDataError(f"features = {self.features!r} cannot be used; choose one of {', '.join(_PLACINGS)}")

    @classmethod
    def of(cls, options: Mapping[str, int | float | str | bool]) -> Self:
        """Return the settings among ``options``; others are left alone. Raises BadDataError for a value of no use."""
        given: dict[str, Any] = {
            name: _fitting(name, options.get(name, default), default) for name, default in cls().options().items()
        }
        return cls(**given)

    def options(self) -> dict[str, int | float | str | bool]:
        """Return every setting by name: plain JSON."""
        return asdict(self)

    @property
    def steps_in_use(self) -> int:
        """The steps outside training."""
        return self.steps if self.steps_at_test < 0 else self.steps_at_test

    def picks(self, name: str) -> bool:
        """Return whether the tensor of that name is stepped."""
        return any(fnmatchcase(name, pattern) for pattern in self._patterns())

    def unmatched(self, names: Iterable[str]) -> str:
        """Return the first pattern that is none of the names', or an empty text."""
        among = list(names)
        return next((each for each in self._patterns() if not any(fnmatchcase(name, each) for name in among)), "")

    def _patterns(self) -> list[str]:
        return [pattern.strip() for pattern in self.stepped.split(",") if pattern.strip()]


def _fitting(name: str, value: int | float | str | bool, default: object) -> int | float | str | bool:
    """Return a value of the type of the default. Raises BadDataError."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise BadDataError(f"{name} = {value!r} cannot be used; give a value like {default!r}")
    return value
