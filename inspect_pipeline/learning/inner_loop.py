"""The inner loop: tensors of an embedding and a linear head go down the gradient of the loss of a task's supports.

The one ``descend`` of the outer loop, of evaluation and of the site. It is a function of tensors: nothing is changed in
place. Tasks go together by ``torch.func.vmap`` or one by one, with the same numbers; the gradient is that of the sum
over tasks, in which no task sees another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from inspect_pipeline.learning.inner_loop_settings import InnerLoop
from inspect_pipeline.learning.inner_model import (
    BIAS,
    WEIGHT,
    Fast,
    LinearClassifier,
    Model,
    TaskStack,
    each_task,
    linear,
    taken,
)
from inspect_pipeline.learning.losses import Loss, loss_named

Rates = Callable[[str, int], Tensor | float]
"""Gives the rate of a stepped tensor at a step, to be broadcast against its (t, *shape)."""


@contextmanager
def differentiable() -> Iterator[None]:
    """Leave ``inference_mode`` for a while, in which no gradient can be taken; the grad mode stays as it was."""
    wanted = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(wanted):
        yield


def zero_head(tasks: TaskStack, dims: int) -> dict[str, Tensor]:
    """Return a linear head that starts at nothing: any way will do, and the order of the classes does not matter.

    One learned vector for all classes (Unicorn-MAML: Ye, Chao 2022) would come to the same: what all logits have in
    common cancels in a softmax and in its gradients (the zeroing trick: Kao, Chiu, Chen 2022).
    """
    weight = tasks.weights.new_zeros(len(tasks), tasks.way, dims)
    return {WEIGHT: weight, BIAS: weight.new_zeros(weight.shape[:-1])}


def descend(
    model: Model,
    tasks: TaskStack,
    start: Fast,
    rates: Rates,
    *,
    settings: InnerLoop,
    steps: int,
    order: int,
    every: bool = False,
) -> list[LinearClassifier]:
    """Return the classifier after the last of ``steps``, or, with ``every``, the start and those after each step.

    ``start`` holds (t, *shape) of every stepped tensor. With ``order`` 1, or where nobody learns,
    the gradients of the steps are constants.
    """
    through = order == 2 and torch.is_grad_enabled() and _learns(model, start, rates)
    paths = []
    for rows in model.slices(tasks.samples):
        supports = _supports(model, tasks.part(rows), loss_named(settings.loss), through=through)
        path: list[Fast] = [taken(start, rows)]
        for step in range(steps):
            path.append(_stepped(path[-1], supports, rates, step, settings=settings, through=through))
        chosen = range(steps + 1) if every else range(steps, steps + 1)
        paths.append([(path[at], supports.anchor(path[at], max(at - 1, 0))) for at in chosen])
    return [
        LinearClassifier(
            model=model,
            fast=_joined([fast for fast, _ in parts]),
            anchor=_joined([anchor for _, anchor in parts]),
            lead=tasks.lead,
        )
        for parts in zip(*paths, strict=True)
    ]


def _learns(model: Model, start: Fast, rates: Rates) -> bool:
    """Return whether an outer gradient can be asked for."""
    given = [*start.values(), *model.fixed.values(), model.log_length, *(rates(name, 0) for name in start)]
    return any(isinstance(each, Tensor) and each.requires_grad for each in given)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Supports:
    """The supports of some tasks: their losses (t,) and what their queries need of them, of tensors and a step."""

    losses: Callable[[Fast, int], Tensor]
    anchor: Callable[[Fast, int], Fast]


def _stepped(fast: Fast, supports: _Supports, rates: Rates, step: int, *, settings: InnerLoop, through: bool) -> Fast:
    """Return the tensors after one step down the gradient."""

    def stepped(fast: Fast) -> Fast:
        gradients = _gradients(fast, lambda tensors: supports.losses(tensors, step), through=through)
        if settings.clip:
            gradients = _clipped(gradients, settings.clip)
        return {name: tensor - rates(name, step) * gradients[name] for name, tensor in fast.items()}

    if through and settings.recompute:
        again: Fast = checkpoint(stepped, fast, use_reentrant=False)
        return again
    return stepped(fast)


def _gradients(fast: Fast, losses: Callable[[Fast], Tensor], *, through: bool) -> dict[str, Tensor]:
    """Return the gradients of the losses of all tasks; one that has no part in them is 0."""
    with torch.enable_grad():
        inputs = {
            name: tensor if through and tensor.requires_grad else tensor.detach().requires_grad_()
            for name, tensor in fast.items()
        }
        found = torch.autograd.grad(
            losses(inputs).sum(),
            list(inputs.values()),
            create_graph=through,
            allow_unused=True,
            materialize_grads=True,
        )
    return dict(zip(inputs, found, strict=True))


def _clipped(gradients: Mapping[str, Tensor], most: float) -> dict[str, Tensor]:
    """Return the gradients, those of a task scaled down together where their norm is above ``most``."""
    squares = sum(gradient.flatten(1).square().sum(dim=1) for gradient in gradients.values())
    scale = most * torch.as_tensor(squares).clamp(min=most**2).rsqrt()
    return {name: each * scale.reshape(-1, *[1] * (each.ndim - 1)) for name, each in gradients.items()}


def _supports(model: Model, part: TaskStack, loss: Loss, *, through: bool) -> _Supports:
    """Return the supports of some tasks; where steps are constants of the outer loop, losses are those of constants."""
    if model.head_only:
        return _seen_supports(model, part, loss, through=through)
    inner = model if through else model.detached()

    def losses(fast: Fast, step: int) -> Tensor:
        def of_task(fast: Fast, task: Fast) -> dict[str, Tensor]:
            rows, _ = inner.support(fast, task["samples"], task["weights"], step=step)
            return {"loss": _balanced(loss, linear(fast, rows), task["labels"], task["weights"])}

        return each_task(of_task, fast, part.tensors())["loss"]

    def anchor(fast: Fast, step: int) -> Fast:
        if model.alone(fast, part):
            return {}

        def of_task(fast: Fast, task: Fast) -> dict[str, Tensor]:
            return model.support(fast, task["samples"], task["weights"], step=step)[1]

        return each_task(of_task, fast, part.tensors())

    return _Supports(losses=losses, anchor=anchor)


def _seen_supports(model: Model, part: TaskStack, loss: Loss, *, through: bool) -> _Supports:
    """Return supports whose descriptors stay as they are: computed once, all tasks in one batch."""
    rows, kept = model.support({}, part.samples, part.weights, step=0)
    constant = rows if through else rows.detach()
    return _Supports(
        losses=lambda fast, _: _balanced(loss, linear(fast, constant), part.labels, part.weights),
        anchor=lambda *_: kept,
    )


def _balanced(loss: Loss, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return the loss (...) in which every class counts the same: every support is given to ``loss`` by itself."""
    each = loss(logits.unsqueeze(-2), labels.unsqueeze(-1))
    return (each * weights).sum(dim=-1)


def _joined(parts: Sequence[Fast]) -> Fast:
    if len(parts) == 1:
        return parts[0]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
