"""A ridge classifier in closed form (R2-D2: Bertinetto, Henriques, Torr, Vedaldi 2019).

On descriptors of a frozen trunk, untrained, it is the strongest of the frozen baselines; metric, penalty and
temperature can be learned from episodes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option, State
from inspect_pipeline.learning.heads import centred, ridge_weights, task_mean
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.weight_files import checked_tensors

_START_TEMPERATURE = 8.0  # scores of one-hot targets lie between 0 and 1
_START_PENALTY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RidgeClassifier:
    """Linear weights (..., d, way) of a task in the centred, normed space."""

    embedding: Embedding
    state: State
    log_temperature: Tensor
    mean: Tensor
    weights: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the linear scores times the temperature, (..., q, way)."""
        placed = centred(self.embedding.embed(query, self.embedding.tensors(), self.state), self.mean)
        return self.log_temperature.exp() * (placed @ self.weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ridge:
    """Least squares in the space of ``embedding``; ``log_penalty`` (), ``log_temperature`` ()."""

    embedding: Embedding
    log_penalty: Tensor
    log_temperature: Tensor
    name: str = "r2d2"

    @classmethod
    def untrained(cls, embedding: Embedding, *, name: str = "r2d2") -> Self:
        """Return the method with a penalty of 0.5."""
        return cls(
            embedding=embedding,
            log_penalty=torch.tensor(math.log(_START_PENALTY)),
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            name=name,
        )

    def options(self) -> dict[str, Option]:
        """Return nothing: all there is, is learned."""
        return {}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {
            **self.embedding.tensors(),
            "log_penalty": self.log_penalty,
            "log_temperature": self.log_temperature,
        }

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        return replace(
            self,
            embedding=self.embedding.with_tensors({name: given[name] for name in self.embedding.tensors()}),
            log_penalty=given["log_penalty"],
            log_temperature=given["log_temperature"],
        )

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> RidgeClassifier:
        """Return the weights of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        features, state = self.embedding.embed_support(support, self.embedding.tensors())
        mean = task_mean(features, labels, way=way)
        weights = ridge_weights(centred(features, mean), labels, way=way, penalty=self.log_penalty.exp())
        return RidgeClassifier(
            embedding=self.embedding,
            state=state,
            log_temperature=self.log_temperature,
            mean=mean,
            weights=weights,
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
