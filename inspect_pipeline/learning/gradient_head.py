"""A few gradient steps of a type's head from its closed-form start, on the windows that decide about an alarm.

The trunk stays as it is, only the head moves in the inner loop: ANIL (Raghu et al., ICLR 2020), started at the
prototype-like closed form as in Proto-MAML (Triantafillou et al., ICLR 2020). The loss looks at what the detector
takes the maximum of, the best windows of good units and of samples. On all patches it learned the easy ones and lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.dense_head import Direction
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.normality import Normality

INNER_RATE = "inner_rate"
"""The name of a learned inner rate (one number) among the tensors of an initialization's dense part."""

_COVERED = 0.5  # a window counts for a sample when at least half of it lies inside, or it is the fullest there is


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSteps:
    """The inner loop: ``count`` steps of ``rate``, on the ``windows`` best windows of every unit and sample.

    The best windows are found again every ``mined_every`` steps, among the ``bank_per_unit`` best at the start.
    """

    count: int = 20
    rate: float = 0.02
    windows: int = 3
    mined_every: int = 5
    bank_per_unit: int = 64

    def __post_init__(self) -> None:
        counts = (self.count, self.windows, self.mined_every, self.bank_per_unit)
        if min(counts) < 1 or not self.rate > 0.0:
            raise BadDataError(f"head steps {self}: counts must be at least 1 and the rate above 0")


def window_means(whitened: Tensor, side: int) -> Tensor:
    """Return the mean (h', w', d) of every whole window of ``side`` x ``side`` patches of ``whitened`` (h, w, d)."""
    size = (min(side, whitened.shape[0]), min(side, whitened.shape[1]))
    return avg_pool2d(whitened.permute(2, 0, 1)[None], size, stride=1)[0].permute(1, 2, 0)


def support_windows(normality: Normality, support: Support, side: int) -> Tensor:
    """Return the window means (k, d) of a sample that lie in its region."""
    means = window_means(normality.whiten(support.patches), side)
    inside = window_means(support.inside.float()[..., None], side)[..., 0]
    return means[inside >= min(_COVERED, float(inside.max()))]


def good_windows(
    normality: Normality, good: Sequence[GoodUnit], start: Direction, side: int, *, per_unit: int
) -> list[Tensor]:
    """Return, of every good unit, the window means (k, d) that look most like the type at the start."""
    bank = []
    for unit in good:
        means = window_means(normality.whiten(unit.patches), side).flatten(0, 1)
        bank.append(_best(means, start.weight, per_unit))
    return bank


def _best(means: Tensor, weight: Tensor, count: int) -> Tensor:
    return means[(means @ weight).topk(min(count, len(means))).indices]


def stepped(start: Direction, good: Sequence[Tensor], defect: Sequence[Tensor], *, steps: HeadSteps) -> Direction:
    """Return the direction after gradient steps on the class-balanced logistic loss; of length 1 again.

    ``good`` and ``defect`` are the windows (k, d) of each unit and sample, in the metric of good material. Scores are
    counted in standard deviations of the best good windows at the start, so that one rate fits every material. The
    bias moves along: good material stays at 0.
    """
    hard = torch.cat([_best(unit, start.weight, steps.windows) for unit in good])
    spread = float((hard @ start.weight).std().clamp(min=1e-3)) if len(hard) > 1 else 1.0
    weight = start.weight / spread
    middle: Tensor | None = None
    for number in range(steps.count):
        if number % steps.mined_every == 0:
            bad = torch.cat([_best(sample, weight, steps.windows) for sample in defect])
            hard = torch.cat([_best(unit, weight, steps.windows) for unit in good])
        if middle is None:
            middle = 0.5 * ((bad @ weight).mean() + (hard @ weight).mean())
        up, down = torch.sigmoid(middle - bad @ weight), torch.sigmoid(hard @ weight - middle)
        weight = weight + steps.rate * (bad.T @ up / len(bad) - hard.T @ down / len(hard))
        middle = middle - steps.rate * (up.mean() - down.mean())
    length = weight.norm().clamp(min=1e-12)
    return Direction(weight=weight / length, bias=start.bias)
