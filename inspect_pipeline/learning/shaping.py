"""What an adaptation changes inside the dense fit, beside trunk and patches: the metric, and steps of the heads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from inspect_pipeline.learning.dense_head import Direction
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.gradient_head import HeadSteps, good_windows, stepped, support_windows
from inspect_pipeline.learning.normality import Normality


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shaping:
    """``metric`` (d, d), float64, follows the whitening; ``steps`` refine every direction. None leaves as it is."""

    metric: Tensor | None = None
    steps: HeadSteps | None = None

    def on_normality(self, normality: Normality) -> Normality:
        """Return the normality with the metric merged into its whitening: judging costs and is stored as before."""
        if self.metric is None:
            return normality
        return replace(normality, whitening=self.metric @ normality.whitening)

    def on_directions(
        self,
        directions: Sequence[Direction],
        supports_of: Sequence[Sequence[Support]],
        good: Sequence[GoodUnit],
        normality: Normality,
        *,
        smoothing: int,
    ) -> tuple[Direction, ...]:
        """Return the directions after their gradient steps; ``supports_of`` are the samples of each of them."""
        if self.steps is None or not directions:
            return tuple(directions)
        found = []
        for direction, supports in zip(directions, supports_of, strict=True):
            defect = [support_windows(normality, support, smoothing) for support in supports]
            bank = good_windows(normality, good, direction, smoothing, per_unit=self.steps.bank_per_unit)
            found.append(stepped(direction, bank, defect, steps=self.steps))
        return tuple(found)
