"""Linear classifiers of a stack of tasks, fitted by a fixed number of steps on the supports' inner products.

The weights are sums of supports, ``supports.mT @ duals``, so a step costs n x n numbers instead of n x d, all tasks
take theirs together, and no gradient tape is needed. Shapes: supports (..., n, d), labels (..., n) or (n,) in
0..way-1, duals (..., n, way). Every class weighs the same, however many supports it has.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.heads import checked_labels


def class_targets(labels: Tensor, way: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the labels one-hot (..., n, way), and the weight (..., n, 1) of every support; weights sum to 1."""
    targets = one_hot(checked_labels(labels, way), way).to(like.dtype)
    balance = (targets / targets.sum(dim=-2, keepdim=True)).sum(dim=-1, keepdim=True) / way
    return targets, balance


def logistic_duals(supports: Tensor, labels: Tensor, *, way: int, penalty: float, steps: int) -> Tensor:
    """Return the duals of multinomial regression: mean cross-entropy plus ``penalty`` times the squared weights.

    Newton's method with the upper bound of the Hessian that is the same at every point (Boehning 1992), so that one
    factorisation serves all steps, and with momentum (Nesterov) that starts anew where it overshoots.
    """
    targets, balance = class_targets(labels, way, supports)
    gram = supports @ supports.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    inverse = torch.linalg.inv(0.5 * balance * gram + 2.0 * penalty * identity)
    duals = ahead = torch.zeros(*gram.shape[:-1], way, dtype=gram.dtype, device=gram.device)
    age = torch.zeros(*gram.shape[:-2], 1, 1, dtype=gram.dtype, device=gram.device)
    for _ in range(steps):
        slope = balance * ((gram @ ahead).softmax(dim=-1) - targets) + 2.0 * penalty * ahead
        stepped = ahead - inverse @ slope
        move = stepped - duals
        uphill = (slope * (gram @ move)).sum(dim=(-2, -1), keepdim=True) > 0.0
        age = torch.where(uphill, torch.zeros_like(age), age + 1.0)
        duals, ahead = stepped, stepped + age / (age + 3.0) * move
    return duals


def gradient_duals(
    supports: Tensor, labels: Tensor, *, way: int, steps: int, rate: float, decay: float
) -> tuple[Tensor, Tensor]:
    """Return the duals and the bias (..., 1, way) of a linear head after gradient steps from zero.

    The loss is the mean cross-entropy plus half of ``decay`` times the squared weights.
    """
    targets, balance = class_targets(labels, way, supports)
    gram = supports @ supports.mT
    duals = torch.zeros(*gram.shape[:-1], way, dtype=gram.dtype, device=gram.device)
    bias = torch.zeros_like(duals[..., :1, :])
    for _ in range(steps):
        error = balance * ((gram @ duals + bias).softmax(dim=-1) - targets)
        duals = (1.0 - rate * decay) * duals - rate * error
        bias = bias - rate * error.sum(dim=-2, keepdim=True)
    return duals, bias


def cosine_duals(supports: Tensor, labels: Tensor, *, way: int, steps: int, rate: float, scale: Tensor) -> Tensor:
    """Return the duals of a cosine head after gradient steps from the class means; ``supports`` have length 1."""
    targets, balance = class_targets(labels, way, supports)
    gram = supports @ supports.mT
    duals = (targets / targets.sum(dim=-2, keepdim=True)).expand(*gram.shape[:-1], way)
    for _ in range(steps):
        inner = gram @ duals
        length = (duals * inner).sum(dim=-2, keepdim=True).clamp(min=1e-12).sqrt()
        error = scale * balance * ((scale * inner / length).softmax(dim=-1) - targets)
        along = (error * inner).sum(dim=-2, keepdim=True) / length.square()
        duals = duals - rate * (error - along * duals) / length
    return duals
