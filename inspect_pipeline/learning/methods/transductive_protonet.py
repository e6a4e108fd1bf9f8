"""Prototypes refined on the queries themselves, by soft k-means over all queries of a task (as in Ren et al. 2018).

TRANSDUCTIVE: the queries are judged together, and one may change the answer for another. Compare it with methods that
see one query at a time only under that name, and never take it where frames arrive one by one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import checked_labels, prototype_logits, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.option_values import whole
from inspect_pipeline.learning.methods.soft_kmeans import moved, soft_shares
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

TRANSDUCTIVE_OPTIONS: Mapping[str, Option] = {"steps": 5}
"""How often the prototypes are moved."""

_START_TEMPERATURE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransductiveClassifier:
    """Prototypes (..., way, d) of ``counts`` (..., way) supports, which the queries will move."""

    space: TaskSpace
    scale: Tensor
    steps: int
    class_prototypes: Tensor
    counts: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, way) of all queries of the task, judged together."""
        placed, now = self.space.place(query), self.class_prototypes
        for _ in range(self.steps):
            now = moved(self.class_prototypes, self.counts, placed, soft_shares(placed, now, scale=self.scale))
        return prototype_logits(placed, now, scale=self.scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransductiveProtoNet:
    """Nearest prototype after ``steps`` of soft k-means on the queries; ``log_temperature`` ()."""

    embedding: Embedding
    log_temperature: Tensor
    steps: int
    name: str = "transductive_protonet"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = TRANSDUCTIVE_OPTIONS) -> Self:
        """Return the method with a temperature of 10. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            steps=whole(options, "steps", least=0),
        )

    def options(self) -> dict[str, Option]:
        """Return the steps."""
        return {"steps": self.steps}

    def _own(self) -> dict[str, Tensor]:
        return {"log_temperature": self.log_temperature}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_temperature=own["log_temperature"])

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> TransductiveClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        return TransductiveClassifier(
            space=space,
            scale=self.log_temperature.exp(),
            steps=self.steps,
            class_prototypes=prototypes(placed, labels, way=way),
            counts=one_hot(checked_labels(labels, way), way).to(placed.dtype).sum(dim=-2),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, judged together, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
