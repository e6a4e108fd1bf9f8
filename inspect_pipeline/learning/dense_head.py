"""A defect type as a direction in the metric of good material: class-balanced ridge, i.e. shrinkage LDA."""

from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.normality import Moments, Normality

PRIOR = "direction"
"""The name of the prior direction among the tensors of an initialization's dense part."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Direction:
    """Evidence for a type at a whitened patch z: ``z @ weight - bias``; ``weight`` (d) has length 1.

    It is counted in standard deviations of good patches: their mean is 0.
    """

    weight: Tensor
    bias: float


def anomalous_part(whitened: Tensor, inside: Tensor, *, share: float, at_most: int) -> Tensor:
    """Return the most anomalous patches (k, d) of a region: ``whitened`` (h, w, d), ``inside`` bool (h, w)."""
    rows = whitened[inside]
    count = min(at_most, max(1, int(len(rows) * share)))
    return rows[rows.square().sum(dim=-1).topk(count).indices]


def whitened_moments(good: Moments, normality: Normality) -> tuple[Tensor, Tensor]:
    """Return mean (d) and second moment (d, d) of the good patches in the metric of ``normality``."""
    mean = normality.whitening @ (good.mean - normality.mean)
    covariance = normality.whitening @ good.covariance @ normality.whitening.T
    return mean, covariance + torch.outer(mean, mean)


def with_prior(weight: Tensor, prior: Tensor | None) -> Tensor:
    """Return the direction of length 1 after a historical one is added, as far as the two agree.

    ``prior`` (d) is added in proportion to its cosine with ``weight`` (d, length 1), and not at all where they
    disagree, so that history of another kind of defect does no harm. Differentiable in the prior.
    """
    if prior is None:
        return weight
    agreement = (weight @ prior / prior.norm().clamp(min=1e-12)).clamp(min=0.0)
    together: Tensor = weight + agreement * prior
    unit: Tensor = together / together.norm().clamp(min=1e-12)
    return unit


def fit_direction(
    good: tuple[Tensor, Tensor], patches: Tensor, *, ridge: float, prior: Tensor | None = None
) -> Direction:
    """Return the direction from good material (``whitened_moments``) to a type's whitened patches (n, d).

    Both classes weigh the same. ``ridge`` is in multiples of the mean eigenvalue of the scatter; ``prior`` (d) is
    what history adds (``with_prior``).
    """
    mean, second = good
    rows = patches.double()
    defect = rows.mean(dim=0)
    centre = 0.5 * (mean + defect)
    scatter = 0.5 * (second + rows.T @ rows / len(rows)) - torch.outer(centre, centre)
    strength = ridge * float(scatter.diagonal().mean())
    regular = scatter + strength * torch.eye(len(scatter), dtype=torch.float64)
    weight = torch.linalg.solve(regular, 0.5 * (defect - mean))
    weight = weight / weight.norm().clamp(min=1e-12)
    weight = with_prior(weight, None if prior is None else prior.double())
    # Zero is good material, not half way to the defects: their distance changes with every fold's metric by more than
    # good units differ, and the thresholds would not carry over from the folds to the final fit.
    return Direction(weight=weight.float(), bias=float(mean @ weight))
