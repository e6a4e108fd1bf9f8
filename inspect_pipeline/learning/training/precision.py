"""In which numbers, and by which compiler, a step is computed."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Method

Precision = Literal["float32", "bfloat16"]
Compiler = Literal["none", "inductor", "aot_eager"]
_SECOND = 2


def in_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which matrix products and convolutions run in that type; heads stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def in_float32(loss: Loss) -> Loss:
    """Return the loss of logits made float32 first: a mean of bfloat16 losses has three digits."""
    return lambda logits, labels: loss(logits.float(), labels.float() if labels.is_floating_point() else labels)


def refuse_double_backward(method: Method, compiler: Compiler) -> None:
    """Raise BadDataError where a compiled step would have to be differentiated twice, which torch.compile cannot.

    Methods of gradient descent say by their option ``order`` whether the outer gradient goes through the inner ones.
    """
    if compiler != "none" and method.options().get("order", 1) == _SECOND:
        raise BadDataError(
            f"{method.name} of second order cannot be compiled: torch.compile has no double backward; "
            "set outer_loop.compiler to none, or take a first-order method"
        )


def finite(tensors: list[Tensor]) -> bool:
    """Return whether every number of the gradients of these tensors is one."""
    return all(bool(torch.isfinite(tensor.grad).all()) for tensor in tensors if tensor.grad is not None)
