"""The objective of a method as a function of its head and of tasks, in a precision, compiled where asked for."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
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

_Computed = Callable[[Mapping[str, Tensor], Tasks, float], tuple[Tensor, Tensor]]


class ObjectiveOf:
    """Computes a method's objective. Raises BadDataError where the compiler cannot take the method."""

    def __init__(self, method: Method, loss: Loss, precision: Precision, compiler: Compiler) -> None:
        refuse_double_backward(method, compiler)
        self._method, self._precision = method, precision
        self._loss = loss if precision == "float32" else in_float32(loss)
        self._compute: _Computed = self._plain
        if compiler != "none":
            self._compute = torch.compile(self._plain, backend=compiler)

    def __call__(self, head: Mapping[str, Tensor], tasks: Tasks, *, progress: float) -> Objective:
        """Return the objective of the tasks under that head, ``progress`` from 0 to 1 through the training."""
        with in_precision(self._precision, tasks.support.device):
            loss, logits = self._computed(head, tasks, progress)
        return Objective(loss=loss, logits=logits)

    def _computed(self, head: Mapping[str, Tensor], tasks: Tasks, progress: float) -> tuple[Tensor, Tensor]:
        try:
            return self._compute(head, tasks, progress)
        except RuntimeError as error:
            if "double backward" not in str(error):
                raise
            raise BadDataError(
                f"{self._method.name} differentiates its own gradients, which torch.compile cannot; "
                "set outer_loop.compiler to none"
            ) from error

    def _plain(self, head: Mapping[str, Tensor], tasks: Tasks, progress: float) -> tuple[Tensor, Tensor]:
        found = self._method.with_head(head).objective(tasks, loss=self._loss, progress=progress)
        return found.loss, found.logits
