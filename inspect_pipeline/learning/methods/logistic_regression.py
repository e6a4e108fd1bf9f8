"""Logistic regression on frozen descriptors: the classifier that a user would fine-tune first; a baseline only.

All tasks of a stack are fitted together by a fixed number of steps (``linear_fits.py``), after which the gradient is
small beside the penalty's; one solver a task would be some thirty times slower.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.linear_fits import logistic_duals
from inspect_pipeline.learning.methods.option_values import number, whole
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

LOGISTIC_OPTIONS: Mapping[str, Option] = {"penalty": 0.01, "steps": 40}
"""The penalty on the squared weights, beside a mean cross-entropy, and the steps of the solver."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearClassifier:
    """Weights (..., d, way) and a bias (..., 1, way) in the centred, normed space of a task; logits times a scale."""

    space: TaskSpace
    weights: Tensor
    bias: Tensor
    scale: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the linear scores, (..., q, way)."""
        return self.scale * (self.space.place(query) @ self.weights + self.bias)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticRegression:
    """Regularised multinomial regression in the space of ``embedding``; ``log_temperature`` () of its logits."""

    embedding: Embedding
    log_temperature: Tensor
    penalty: float
    steps: int
    name: str = "logistic_regression"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = LOGISTIC_OPTIONS) -> Self:
        """Return the method; its logits are as fitted. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(0.0),
            penalty=number(options, "penalty", low=1e-6, high=1e3),
            steps=whole(options, "steps", least=1),
        )

    def options(self) -> dict[str, Option]:
        """Return the penalty and the steps."""
        return {"penalty": self.penalty, "steps": self.steps}

    def _own(self) -> dict[str, Tensor]:
        return {"log_temperature": self.log_temperature}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors of the baseline and its embedding."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_temperature=own["log_temperature"])

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> LinearClassifier:
        """Return the weights of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        duals = logistic_duals(placed, labels, way=way, penalty=self.penalty, steps=self.steps)
        weights = placed.mT @ duals
        bias = torch.zeros_like(weights[..., :1, :])
        return LinearClassifier(space=space, weights=weights, bias=bias, scale=self.log_temperature.exp())

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
