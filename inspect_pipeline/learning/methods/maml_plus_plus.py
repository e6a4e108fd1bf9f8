"""MAML++ (Antoniou, Edwards, Storkey 2019): MAML that trains steadily.

A rate for every tensor and step is learned (LSLR). The queries are judged after every step, at first with equal weights
and later only after the last. The first part of the training is of the first order. BatchNorm by step is the
embedding's: it is told the step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.inner_model import usable
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.gradient_method import (
    LENGTH,
    RATE,
    GradientMethod,
    equal_rates,
    settings_for,
    start_length,
    stepped_shapes,
)
from inspect_pipeline.learning.tasks import Tasks

_LEAST = 0.03  # of 1 / steps: the weight below which that of an early step does not fall while it counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MAMLPlusPlus(GradientMethod):
    """Rates ``rate.<name>`` (steps,); a step beyond those of training takes the last one's.

    Up to the shares ``multi_step_until`` and ``first_order_until`` of the training all steps count, and it is of the
    first order.
    """

    multi_step_until: float = 0.3
    first_order_until: float = 0.3

    def __post_init__(self) -> None:
        for name, share in self._shares().items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 <= share <= 1.0:
                raise BadDataError(f"{name} = {share!r} cannot be used; give a share of the training from 0 to 1")

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option]) -> Self:
        """Return the method with all rates at ``rate``. Raises BadDataError for an option of no use."""
        settings = settings_for(cls, options, embedding)
        shapes = dict.fromkeys(stepped_shapes(settings, embedding), (settings.steps,))
        method = cls(
            embedding=embedding,
            settings=settings,
            own={LENGTH: start_length(settings, embedding), **equal_rates(shapes, settings, embedding)},
            name="maml_plus_plus",
        )
        shares: Any = {name: options[name] for name in method._shares() if name in options}
        return replace(method, **shares)

    def options(self) -> dict[str, Option]:
        """Return the settings of the inner loop and the two shares."""
        return {**GradientMethod.options(self), **self._shares()}

    def rate(self, name: str, step: int) -> Tensor:
        """Return the rate of a tensor at a step, ()."""
        rates = usable(self.own[f"{RATE}{name}"])
        return rates[min(step, len(rates) - 1)]

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the weighted loss of the queries after every step; the logits are those after the last."""
        order = 1 if progress < self.first_order_until else self.settings.order
        weights = step_weights(self.settings.steps, progress=progress, until=self.multi_step_until)
        if len(weights) == 1:
            inner = replace(self.settings, order=order, steps_at_test=-1)
            return query_objective(replace(self, settings=inner), tasks, loss=loss)
        path = self.path(
            tasks.support, tasks.support_labels, way=tasks.way, steps=self.settings.steps, order=order, every=True
        )
        logits = [classifier.score(tasks.query) for classifier in path[1:]]
        losses = [weight * loss(each, tasks.query_labels) for weight, each in zip(weights, logits, strict=True)]
        return Objective(loss=torch.stack(losses).sum(dim=0), logits=logits[-1])

    def _shares(self) -> dict[str, float]:
        return {"multi_step_until": self.multi_step_until, "first_order_until": self.first_order_until}


def step_weights(steps: int, *, progress: float, until: float) -> tuple[float, ...]:
    """Return what the loss after each step counts, summing to 1: equal at first, then drawn to the last, then it alone.

    From ``until`` on it is (1.0,): only the last step is looked at.
    """
    if progress >= until or steps == 1:
        return (1.0,)
    early = max(1.0 - progress / until, _LEAST) / steps
    return (*[early] * (steps - 1), 1.0 - early * (steps - 1))
