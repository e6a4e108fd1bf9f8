"""In which numbers, and by which compiler, a step is computed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Method, Objective

Precision = Literal["float32", "bfloat16"]
Compiler = Literal["none", "inductor", "aot_eager"]
Step = Callable[[], Objective]
"""Computes the objective of some tasks."""


@runtime_checkable
class SecondOrder(Protocol):
    """A method that says whether its outer gradient goes through inner gradients."""

    @property
    def second_order(self) -> bool:
        """Whether it does."""
        ...


def in_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which matrix products and convolutions run in that type; heads stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def in_float32(loss: Loss) -> Loss:
    """Return the loss of logits made float32 first: a mean of bfloat16 losses has three digits."""
    return lambda logits, labels: loss(logits.float(), labels.float() if labels.is_floating_point() else labels)


def refuse_double_backward(method: Method, compiler: Compiler) -> None:
    """Raise BadDataError where a compiled step would have to be differentiated twice, which torch.compile cannot."""
    if compiler != "none" and isinstance(method, SecondOrder) and method.second_order:
        raise BadDataError(
            f"{method.name} of second order cannot be compiled: torch.compile has no double backward; "
            "set outer_loop.compiler to none, or take a first-order method"
        )


def finite(tensors: list[Tensor]) -> bool:
    """Return whether every number of the gradients of these tensors is one."""
    return all(bool(torch.isfinite(tensor.grad).all()) for tensor in tensors if tensor.grad is not None)
