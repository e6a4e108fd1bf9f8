"""A defect type as a direction in the metric of good material: class-balanced ridge, i.e. shrinkage LDA."""

from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.normality import Moments, Normality


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Direction:
    """Evidence for a type at a whitened patch z: ``z @ weight - bias``; ``weight`` (d) has length 1.

    It is counted in standard deviations of good patches: their mean is 0.
    """

    weight: Tensor
    bias: float


def anomalous_part(rows: Tensor, *, share: float, at_most: int) -> Tensor:
    """Return the most anomalous (k, d) of a region's whitened patches (n, d)."""
    count = min(at_most, max(1, int(len(rows) * share)))
    return rows[rows.square().sum(dim=-1).topk(count).indices]


def whitened_moments(good: Moments, normality: Normality) -> tuple[Tensor, Tensor]:
    """Return mean (d) and second moment (d, d) of the good patches in the metric of ``normality``."""
    mean = normality.whitening @ (good.mean - normality.mean)
    covariance = normality.whitening @ good.covariance @ normality.whitening.T
    return mean, covariance + torch.outer(mean, mean)


def fit_direction(
    good: tuple[Tensor, Tensor],
    patches: Tensor,
    *,
    ridge: float,
    prior: DifferencePrior | None = None,
    samples: int = 1,
) -> Direction:
    """Return the direction from good material (``whitened_moments``) to a type's whitened patches (n, d).

    Both classes weigh the same. ``ridge`` is in multiples of the mean eigenvalue of the scatter. With a ``prior`` the
    difference of the means is what history and the patches of ``samples`` samples say together.
    """
    mean, second = good
    rows = patches.double()
    defect = rows.mean(dim=0)
    centre = 0.5 * (mean + defect)
    outer = (patches.T @ patches).double()  # float32: a few hundred rows, and half the time
    scatter = 0.5 * (second + outer / len(rows)) - torch.outer(centre, centre)
    strength = ridge * float(scatter.diagonal().mean())
    regular = scatter + strength * torch.eye(len(scatter), dtype=torch.float64)
    difference = defect - mean
    if prior is not None:
        # The scatter holds the difference itself, which turns the solution only where it is not what is solved for.
        regular = regular - 0.25 * torch.outer(difference, difference)
        difference = prior.posterior(difference, spread=_spread(rows, difference), samples=samples)
    weight = torch.cholesky_solve(0.5 * difference[:, None], torch.linalg.cholesky(regular))[:, 0]
    weight = weight / weight.norm().clamp(min=1e-12)
    # Zero is good material, not half way to the defects: their distance changes with every fold's metric by more than
    # good units differ, and the thresholds would not carry over from the folds to the final fit.
    return Direction(weight=weight.float(), bias=float(mean @ weight))


def _spread(rows: Tensor, difference: Tensor) -> float:
    """Return the mean square deviation of the patches from their mean, over the square of the difference."""
    within = (rows - rows.mean(dim=0)).square().sum(dim=1).mean()
    return float(within / difference.square().sum().clamp(min=1e-12))
