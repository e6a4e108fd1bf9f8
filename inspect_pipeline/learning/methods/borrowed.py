"""Gaussians of classes, and linear classifiers fitted to supports and to what the Gaussians would give.

Shapes: supports (..., n, d), targets (..., n, way) one-hot, labels (n,) or (..., n), weights (..., d, way).
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.methods.linear_fits import logistic_duals

_PENALTY, _STEPS = 0.01, 40  # of the logistic regression on drawn samples, as that on supports


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Borrowed:
    """``means`` (..., way, d), ``factors`` (..., way, r, d) and ``variances`` (..., way, d) of every class.

    A covariance is ``factors.mT @ factors`` plus the diagonal of ``variances``.
    """

    means: Tensor
    factors: Tensor
    variances: Tensor

    @classmethod
    def alone(cls, means: Tensor, *, variance: float) -> Self:
        """Return Gaussians that borrow nothing."""
        return cls(means=means, factors=means.unsqueeze(-2)[..., :0, :], variances=torch.full_like(means, variance))


def expected_weights(
    supports: Tensor, targets: Tensor, borrowed: Borrowed, *, penalty: Tensor, weight: float
) -> Tensor:
    """Return ridge regression on the supports and infinitely many draws, which weigh ``weight`` supports a class.

    A draw's expected square is that of the mean plus the covariance: its directions and the mean are rows beside the
    supports, its variances add to the penalty channel by channel.
    """
    way = targets.shape[-1]
    own, given = balanced(targets), weight**0.5
    identity = torch.eye(way, dtype=supports.dtype, device=supports.device).expand(*supports.shape[:-2], way, way)
    directions = given * borrowed.factors.flatten(-3, -2)
    rows = torch.cat([own * supports, given * borrowed.means, directions], dim=-2)
    wanted = torch.cat([own * targets, given * identity, directions.new_zeros(*directions.shape[:-1], way)], dim=-2)
    loads = penalty + weight * borrowed.variances.sum(dim=-2, keepdim=True)
    return loaded_ridge(rows, wanted, loads=loads)


def balanced(targets: Tensor) -> Tensor:
    """Return the root weight (..., n, 1) of every support: all classes weigh as much as the mean of their shots."""
    counts = targets.sum(dim=-2, keepdim=True)
    return (counts.mean(dim=-1, keepdim=True) / counts * targets).sum(dim=-1, keepdim=True).sqrt()


def loaded_ridge(rows: Tensor, wanted: Tensor, *, loads: Tensor) -> Tensor:
    """Return least squares from rows (..., m, d) to ``wanted`` (..., m, way) with a penalty (..., 1, d) a channel.

    What is solved is as large as the rows are many.
    """
    light = rows / loads
    gram = light @ rows.mT + torch.eye(rows.shape[-2], dtype=rows.dtype, device=rows.device)
    solved: Tensor = torch.linalg.solve(gram, wanted)
    return light.mT @ solved


def drawn_weights(supports: Tensor, labels: Tensor, borrowed: Borrowed, *, draws: int, seed: int) -> Tensor:
    """Return logistic regression on the supports and ``draws`` samples of every class.

    The noise is drawn on the CPU from ``seed`` and is the same for every class and task, so that a task alone gives
    what it gives in a stack.
    """
    way, dims = borrowed.means.shape[-2:]
    generator = torch.Generator().manual_seed(seed)
    along = torch.randn(draws, borrowed.factors.shape[-2], generator=generator).to(supports)
    channels = torch.randn(draws, dims, generator=generator).to(supports)
    drawn = along @ borrowed.factors + channels * borrowed.variances.sqrt().unsqueeze(-2)
    drawn = (borrowed.means.unsqueeze(-2) + drawn).flatten(-3, -2)
    names = torch.arange(way, device=labels.device).repeat_interleave(draws).expand(*labels.shape[:-1], -1)
    rows, all_labels = torch.cat([supports, drawn], dim=-2), torch.cat([labels, names], dim=-1)
    return rows.mT @ logistic_duals(rows, all_labels, way=way, penalty=_PENALTY, steps=_STEPS)
