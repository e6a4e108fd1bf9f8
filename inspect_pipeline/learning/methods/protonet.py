"""Prototypical networks (Snell, Swersky, Zemel 2017), Euclidean, with a learned temperature.

Descriptors are minus the mean of the task's supports and L2-normed first. On descriptors of a frozen trunk with all
log-scales 0 this is the frozen nearest prototype.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option, State
from inspect_pipeline.learning.heads import centred, prototype_logits, prototypes, task_mean
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.weight_files import checked_tensors

_START_TEMPERATURE = 10.0  # distances of unit vectors are 0 to 4; softer starts learn slowly


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrototypeClassifier:
    """Prototypes (..., way, d) of a task in the centred, normed space."""

    embedding: Embedding
    state: State
    log_temperature: Tensor
    mean: Tensor
    class_prototypes: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return minus the squared distances to the prototypes times the temperature, (..., q, way)."""
        placed = centred(self.embedding.embed(query, self.embedding.tensors(), self.state), self.mean)
        return prototype_logits(placed, self.class_prototypes, scale=self.log_temperature.exp())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProtoNet:
    """Nearest prototype in the space of ``embedding``; ``log_temperature`` ()."""

    embedding: Embedding
    log_temperature: Tensor
    name: str = "protonet"

    @classmethod
    def untrained(cls, embedding: Embedding, *, name: str = "protonet") -> Self:
        """Return the method with a temperature of 10."""
        return cls(embedding=embedding, log_temperature=torch.tensor(math.log(_START_TEMPERATURE)), name=name)

    def options(self) -> dict[str, Option]:
        """Return nothing: all there is, is learned."""
        return {}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), "log_temperature": self.log_temperature}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        embedding = self.embedding.with_tensors({name: given[name] for name in self.embedding.tensors()})
        return replace(self, embedding=embedding, log_temperature=given["log_temperature"])

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> PrototypeClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        features, state = self.embedding.embed_support(support, self.embedding.tensors())
        mean = task_mean(features, labels, way=way)
        return PrototypeClassifier(
            embedding=self.embedding,
            state=state,
            log_temperature=self.log_temperature,
            mean=mean,
            class_prototypes=prototypes(centred(features, mean), labels, way=way),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
