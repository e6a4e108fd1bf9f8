"""Which loss is minimised; without torch, so that settings can be read in a moment."""

from dataclasses import dataclass
from typing import Literal

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSettings:
    """The loss of a task; the defaults are the mean cross-entropy.

    ``focal_gamma`` counts for "focal" (Lin et al. 2017; 0 is the cross-entropy). ``label_smoothing`` is the share that
    is spread over all classes (Szegedy et al. 2016). ``class_weights`` are one a class, in class order, "balanced" for
    the inverse of how often a class stands in the task, or "equal". ``keep_hardest`` is the share of the samples of a
    task that count, the hardest ones (online hard example mining: Shrivastava et al. 2016), ``hard_power`` weighs
    those by their own loss to that power.
    """

    name: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: Literal["equal", "balanced"] | tuple[float, ...] = "equal"
    keep_hardest: float = 1.0
    hard_power: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in ("cross_entropy", "focal"):
            raise BadDataError(f"there is no loss {self.name!r}; choose cross_entropy or focal")
        if not (0.0 <= self.focal_gamma <= 10.0 and 0.0 <= self.hard_power <= 10.0):
            raise BadDataError("loss: focal_gamma and hard_power lie between 0 and 10")
        if not (0.0 <= self.label_smoothing < 1.0 and 0.0 < self.keep_hardest <= 1.0):
            raise BadDataError("loss: label_smoothing lies from 0 to below 1, keep_hardest above 0 up to 1")
        if self.class_weights not in ("equal", "balanced") and (
            isinstance(self.class_weights, str) or len(self.class_weights) < 2 or min(self.class_weights) <= 0.0
        ):
            raise BadDataError(
                f"class weights {self.class_weights!r} cannot be used; give equal, balanced or a number above 0 a class"
            )
