"""Classifier heads in closed form, as pure functions of features; every one takes a stack of tasks as well as one.

Shapes: support (..., n, d), query (..., q, d), labels (..., n) or (n,) with values 0..way-1, results (..., q, way).
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from inspect_pipeline.errors import BadDataError


def checked_labels(labels: Tensor, way: int) -> Tensor:
    """Return the labels as int64 when every one of 0..way-1 stands in each task and nothing else does.

    Raises BadDataError otherwise: a class without supports has no prototype, and a mean of nothing is NaN.
    """
    if labels.numel() == 0 or labels.is_floating_point():
        raise BadDataError(f"support labels of shape {tuple(labels.shape)} and type {labels.dtype} are no classes")
    labels = labels.long()
    present = [sorted(set(row)) for row in labels.reshape(-1, labels.shape[-1]).tolist()]
    wrong = next((row for row in present if row != list(range(way))), None)
    if wrong is not None:
        raise BadDataError(
            f"support labels are {wrong}, a {way}-way task needs every one of 0..{way - 1}; renumber them"
        )
    return labels


def task_mean(features: Tensor, labels: Tensor, *, way: int) -> Tensor:
    """Return what the types of a task share, (..., 1, d): the mean over classes of their means."""
    return prototypes(features, labels, way=way).mean(dim=-2, keepdim=True)


def centred(features: Tensor, mean: Tensor) -> Tensor:
    """Return the features minus the mean (..., 1, d) of their task's supports, L2-normed."""
    return normalize(features - mean, dim=-1)


def prototypes(features: Tensor, labels: Tensor, *, way: int) -> Tensor:
    """Return the mean feature of every class, (..., way, d). Raises BadDataError for labels that are not 0..way-1."""
    weights = one_hot(checked_labels(labels, way), way).to(features.dtype)
    weights = weights / weights.sum(dim=-2, keepdim=True)
    return weights.mT @ features


def prototype_logits(query: Tensor, class_prototypes: Tensor, *, scale: Tensor | float = 1.0) -> Tensor:
    """Return minus the squared Euclidean distance to every prototype, times ``scale`` (Snell et al. 2017)."""
    squares = query.square().sum(dim=-1, keepdim=True) + class_prototypes.square().sum(dim=-1).unsqueeze(-2)
    return -scale * (squares - 2.0 * query @ class_prototypes.mT)


def ridge_weights(features: Tensor, labels: Tensor, *, way: int, penalty: Tensor | float) -> Tensor:
    """Return the weights (..., d, way) of least squares on one-hot targets with an L2 penalty, in closed form.

    Every class weighs the same, however many supports it has (with equal shots every support weighs 1).

    The dual form is used where there are fewer samples than dimensions (Bertinetto et al. 2019). Raises BadDataError
    for a penalty that is not positive, or wrong labels.
    """
    if float(torch.as_tensor(penalty).detach()) <= 0.0:
        raise BadDataError(f"a ridge penalty of {penalty} cannot be used; give one above 0")
    targets = one_hot(checked_labels(labels, way), way).to(features.dtype)
    counts = targets.sum(dim=-2, keepdim=True)
    weights = (counts.mean(dim=-1, keepdim=True) / counts * targets).sum(dim=-1, keepdim=True).sqrt()
    rows, targets = weights * features, weights * targets
    if rows.shape[-2] < rows.shape[-1]:
        return rows.mT @ _solved(rows @ rows.mT, targets, penalty=penalty)
    return _solved(rows.mT @ rows, rows.mT @ targets, penalty=penalty)


def _solved(gram: Tensor, targets: Tensor, *, penalty: Tensor | float) -> Tensor:
    damped = gram + penalty * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    solution: Tensor = torch.linalg.solve(damped, targets)
    return solution
