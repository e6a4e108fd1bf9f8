"""Mean and variance of the channels of a batch, task by task, in one pass and differentiable twice."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def channel_moments(x: Tensor, tasks: int = 1) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance (tasks, c) of the channels of x (tasks * n, c, *places), tasks one after another.

    float32 for x of 16 bits, else in the type of x. Works inside ``torch.func`` transforms; gradients of any order.
    """
    mean, var = _Moments.apply(x, tasks)
    return mean, var


class _Moments(torch.autograd.Function):
    """``torch.batch_norm_update_stats`` with a derivative; ``torch.var_mean`` takes 40 times as long."""

    @staticmethod
    def forward(x: Tensor, tasks: int) -> tuple[Tensor, Tensor]:
        kept = torch.float64 if x.dtype == torch.float64 else torch.float32
        found = []
        for part in x.chunk(tasks):
            # Running statistics that are thrown away: they decide that 16-bit input is summed up in 32 bits.
            thrown = torch.zeros(2, x.shape[1], dtype=kept, device=x.device)
            found.append(torch.batch_norm_update_stats(part, thrown[0], thrown[1], 0.0))
        return torch.stack([mean for mean, _ in found]), torch.stack([var for _, var in found])

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int], output: tuple[Tensor, Tensor]) -> None:
        x, tasks = inputs
        ctx.save_for_backward(x, output[0])
        ctx.tasks = tasks  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, mean = ctx.saved_tensors
        of_mean, of_var = gradients
        count = x.numel() // (ctx.tasks * x.shape[1])
        slope = 2.0 * of_var / count
        return per_channel(x, slope, of_mean / count - slope * mean), None

    @staticmethod
    def vmap(
        info: Any, in_dims: Sequence[int | None], x: Tensor, tasks: int
    ) -> tuple[tuple[Tensor, ...], tuple[int, int]]:
        x = x.movedim(in_dims[0] or 0, 0)
        found = channel_moments(x.flatten(0, 1), info.batch_size * tasks)
        return tuple(each.reshape(info.batch_size, tasks, -1) for each in found), (0, 0)


def per_channel(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return x (tasks * n, c, *places) times ``scale`` plus ``shift`` (tasks, c), in the type of x.

    The sum is made in the type of ``scale``, so that 16-bit activations with a large mean lose nothing by it.
    """
    tasks, channels = scale.shape
    if tasks == 1:
        zeros, ones = torch.zeros_like(shift[0]), torch.ones_like(shift[0])
        # The native kernel reads 16 bits, sums in 32 and writes 16; with these statistics it is scale * x + shift.
        return torch.batch_norm(x, scale[0], shift[0], zeros, ones, False, 0.0, 0.0, torch.backends.cudnn.enabled)
    places = (1,) * (x.ndim - 2)
    spread = [
        each[:, None].expand(tasks, x.shape[0] // tasks, channels).reshape(-1, channels, *places)
        for each in (scale, shift)
    ]
    return torch.addcmul(spread[1], x.to(scale.dtype), spread[0]).to(x.dtype)
