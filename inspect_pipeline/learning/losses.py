"""Losses of a task, as pure functions of logits; the outer loop takes one, and so may an inner loop."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn.functional import cross_entropy

from inspect_pipeline.errors import NotFoundError

Loss = Callable[[Tensor, Tensor], Tensor]
"""Gives the loss of each task (...) from its logits (..., q, way) and the labels (q,) or (..., q) in 0..way-1."""


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the samples of each task, (...)."""
    expanded = labels.expand(logits.shape[:-1])
    losses = cross_entropy(logits.flatten(0, -2), expanded.flatten(), reduction="none")
    return losses.reshape(expanded.shape).mean(dim=-1)


LOSSES: Mapping[str, Loss] = {"cross_entropy": mean_cross_entropy}
"""The losses by the names that options use."""


def loss_named(name: str) -> Loss:
    """Return the loss of that name. Raises NotFoundError with the choice."""
    found = LOSSES.get(name)
    if found is None:
        raise NotFoundError(f"there is no loss {name!r}; choose one of {', '.join(LOSSES)}")
    return found
