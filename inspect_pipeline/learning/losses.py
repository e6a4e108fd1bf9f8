"""Losses of a task, as pure functions of logits; the outer loop takes one, and so may an inner loop."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, one_hot

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.loss_settings import LossSettings

Loss = Callable[[Tensor, Tensor], Tensor]
"""Gives the loss of each task (...) from its logits (..., q, way) and its labels.

Labels are whole numbers (q,) or (..., q) in 0..way-1, or probabilities (..., q, way) of the classes.
"""


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the samples of each task, (...)."""
    if labels.is_floating_point():
        return sample_losses(logits, labels).mean(dim=-1)
    expanded = labels.expand(logits.shape[:-1])
    losses = cross_entropy(logits.flatten(0, -2), expanded.flatten(), reduction="none")
    return losses.reshape(expanded.shape).mean(dim=-1)


def build_loss(settings: LossSettings) -> Loss:
    """Return the loss that the settings name."""
    if settings == LossSettings():
        return mean_cross_entropy

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each task."""
        targets = class_probabilities(labels, logits, smoothing=settings.label_smoothing)
        gamma = settings.focal_gamma if settings.name == "focal" else 0.0
        weights = _sample_weights(settings.class_weights, class_probabilities(labels, logits))
        losses = sample_losses(logits, targets, gamma=gamma)
        if settings.keep_hardest < 1.0 or settings.hard_power > 0.0:
            weights = weights * hard_weights(losses, keep=settings.keep_hardest, power=settings.hard_power)
        return (weights * losses).sum(dim=-1) / weights.sum(dim=-1)

    return loss


LOSSES: Mapping[str, Loss] = {
    "cross_entropy": mean_cross_entropy,
    "focal": build_loss(LossSettings(name="focal")),
    "smoothed": build_loss(LossSettings(label_smoothing=0.1)),
}
"""Losses by the names that options of an inner loop use."""


def loss_named(name: str) -> Loss:
    """Return the loss of that name. Raises NotFoundError with the choice."""
    found = LOSSES.get(name)
    if found is None:
        raise NotFoundError(f"there is no loss {name!r}; choose one of {', '.join(LOSSES)}")
    return found


def sample_losses(logits: Tensor, targets: Tensor, *, gamma: float = 0.0) -> Tensor:
    """Return the cross-entropy (..., q) against class probabilities; with ``gamma`` above 0 the focal loss.

    The focal loss multiplies the term of class c by (1 - p_c) ** gamma, so that what is right already counts little
    (Lin et al. 2017: Focal loss for dense object detection).
    """
    logs = log_softmax(logits, dim=-1)
    terms = targets * logs
    if gamma > 0.0:
        terms = terms * (1.0 - logs.exp()).clamp(min=1e-12) ** gamma  # a power below 1 has no slope at 0
    return -terms.sum(dim=-1)


def class_probabilities(labels: Tensor, logits: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the labels as probabilities (..., q, way), of which ``smoothing`` is spread over all classes."""
    way = logits.shape[-1]
    if labels.is_floating_point():
        hard = labels.expand(logits.shape).to(logits.dtype)
    else:
        hard = one_hot(labels.expand(logits.shape[:-1]), way).to(logits.dtype)
    return (1.0 - smoothing) * hard + smoothing / way


def hard_weights(losses: Tensor, *, keep: float, power: float) -> Tensor:
    """Return weights (..., q) without gradient: 0 but for the hardest share ``keep``, there the loss ** ``power``."""
    fixed = losses.detach()
    count = math.ceil(keep * fixed.shape[-1])
    hardest = fixed.topk(count, dim=-1).indices
    kept = torch.zeros_like(fixed).scatter(-1, hardest, 1.0)
    return kept * fixed.clamp(min=1e-12) ** power


def _sample_weights(weights: str | Sequence[float], targets: Tensor) -> Tensor:
    """Return the weight (..., q) of every sample by its class; of a mixed one in the shares of its classes."""
    if weights == "equal":
        return torch.ones_like(targets[..., 0])
    if weights == "balanced":
        counts = targets.sum(dim=-2, keepdim=True)
        return (targets / counts.clamp(min=1e-12)).sum(dim=-1)
    if len(weights) != targets.shape[-1]:
        raise BadDataError(f"{len(weights)} class weights for {targets.shape[-1]} classes; give one a class")
    return targets @ torch.tensor([float(weight) for weight in weights], dtype=targets.dtype, device=targets.device)
