"""The objective of a method as a function of its head and of tasks, in a precision, compiled where asked for."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Generator, Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Method, Objective
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.training.precision import (
    Compiler,
    Precision,
    in_float32,
    in_precision,
    refuse_double_backward,
)

_Computed = Callable[[Method, Mapping[str, Tensor], Tasks, float], tuple[Tensor, Tensor]]


@runtime_checkable
class Dropping(Protocol):
    """An embedding that can drop features in training (DropBlock); its form says by ``drop`` how much."""

    def dropping(self, generator: Generator) -> Embedding:
        """Return the embedding for one step, which drops what the generator, of the device, says."""
        ...


class ObjectiveOf:
    """Computes a method's objective. Raises BadDataError where the compiler cannot take the method."""

    def __init__(self, method: Method, loss: Loss, precision: Precision, compiler: Compiler) -> None:
        refuse_double_backward(method, compiler)
        self._method, self._precision = method, precision
        self._drops = bool(method.embedding.form().get("drop", 0.0))
        if self._drops and compiler != "none":
            raise BadDataError(f"{method.name} drops features at random, which is not compiled; set compiler to none")
        self._loss = loss if precision == "float32" else in_float32(loss)
        self._compute: _Computed = self._plain
        if compiler != "none":
            self._compute = torch.compile(self._plain, backend=compiler)

    def __call__(self, head: Mapping[str, Tensor], tasks: Tasks, *, progress: float, seed: int) -> Objective:
        """Return the objective of the tasks under that head, ``progress`` from 0 to 1 through the training.

        ``seed`` decides what an embedding drops, for this stack of tasks. Raises BadDataError for a method that cannot
        take mixed labels, or second gradients of a compiled step.
        """
        method = self._dropping(seed, tasks.support.device) if self._drops else self._method
        with in_precision(self._precision, tasks.support.device):
            try:
                loss, logits = self._compute(method, head, tasks, progress)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise self._explained(error, mixed=tasks.query_labels.is_floating_point()) from error
        return Objective(loss=loss, logits=logits)

    def _plain(
        self, method: Method, head: Mapping[str, Tensor], tasks: Tasks, progress: float
    ) -> tuple[Tensor, Tensor]:
        found = method.with_head(head).objective(tasks, loss=self._loss, progress=progress)
        return found.loss, found.logits

    def _dropping(self, seed: int, device: torch.device) -> Method:
        embedding, holder = self._method.embedding, cast(object, self._method)
        if not isinstance(embedding, Dropping) or not is_dataclass(holder) or isinstance(holder, type):
            raise BadDataError(f"the embedding of {self._method.name} cannot drop features; build it with drop 0")
        return cast(Method, replace(holder, embedding=embedding.dropping(Generator(device).manual_seed(seed))))

    def _explained(self, error: RuntimeError, *, mixed: bool) -> RuntimeError | BadDataError:
        """Return the error that says what to do, where that is known."""
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "double backward" in reason:
            return BadDataError(
                f"{self._method.name} differentiates its own gradients, which torch.compile cannot; "
                "set outer_loop.compiler to none"
            )
        if mixed:
            return BadDataError(
                f"{self._method.name} failed on mixed labels ({reason}); leave Mixup and CutMix of the queries out"
            )
        return error
