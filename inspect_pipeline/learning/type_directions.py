"""The directions of all types in one metric, along the axes in which good material is diagonal.

``dense_head.fit_direction`` solves d equations a type. Along the axes of good material the scatter is a diagonal plus
what the type's few patches add, and the identity of Woodbury (1950) leaves as many equations as there are patches.
"""

import torch
from torch import Tensor

from inspect_pipeline.learning.normality import Spectrum

_CENTRED = 1.0 - 0.5**0.5  # part of their mean that the patches lose: the scatter is about half way to good material


def weight_along(axes: Spectrum, rows: Tensor, *, ridge: float) -> Tensor:
    """Return the weight (d) of length 1 of ``fit_direction`` for a type's patches, both in coordinates along ``axes``.

    ``rows`` (n, d) float64 are whitened patches. The mean of good material is 0 there, and so is the bias.
    """
    count, side = rows.shape
    defect = rows.mean(dim=0)
    energy = float(axes.variances.sum() + rows.square().sum() / count)
    strength = ridge * (0.5 * energy - 0.25 * float(defect.square().sum())) / side
    diagonal = 0.5 * axes.variances + strength
    low = (rows - _CENTRED * defect) / (2.0 * count) ** 0.5
    weight = _solved(diagonal, low, defect)
    unit: Tensor = weight / weight.norm().clamp(min=1e-12)
    return unit


def _solved(diagonal: Tensor, low: Tensor, right: Tensor) -> Tensor:
    """Return x (d) of ``(diag(diagonal) + low.T @ low) x = right`` for ``low`` (n, d)."""
    count, side = low.shape
    if count >= side:
        whole = torch.diag(diagonal) + low.T @ low
        return torch.cholesky_solve(right[:, None], torch.linalg.cholesky(whole))[:, 0]
    scaled = low / diagonal
    inner = scaled @ low.T
    inner.diagonal().add_(1.0)
    along = torch.cholesky_solve((scaled @ right)[:, None], torch.linalg.cholesky(inner))[:, 0]
    return right / diagonal - along @ scaled
