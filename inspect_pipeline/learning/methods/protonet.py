"""Prototypical networks (Snell, Swersky, Zemel 2017), Euclidean or cosine, with a learned temperature.

Descriptors are minus the mean of the task's supports and L2-normed first. On descriptors of a frozen trunk with all
log-scales 0 this is the frozen nearest prototype. With the cosine a prototype's length no longer counts: Euclidean, a
class whose supports scatter has a short prototype and draws more queries. The temperature is the metric scaling of
Oreshkin et al. 2018 (TADAM); it may be kept fixed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import prototype_logits, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.option_values import chosen, switch
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

DISTANCES = ("euclidean", "cosine")
PROTONET_OPTIONS: Mapping[str, Option] = {"distance": "euclidean", "learned_scale": True}
"""The distance to a prototype, and whether its temperature is learned or stays at 10."""

_START_TEMPERATURE = 10.0  # distances of unit vectors are 0 to 4; softer starts learn slowly


def metric_logits(placed: Tensor, class_prototypes: Tensor, *, distance: str, scale: Tensor) -> Tensor:
    """Return minus the squared distance, or the cosine, to every prototype times ``scale``, (..., q, way)."""
    if distance == "cosine":
        return scale * (normalize(placed, dim=-1) @ normalize(class_prototypes, dim=-1).mT)
    return prototype_logits(placed, class_prototypes, scale=scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrototypeClassifier:
    """Prototypes (..., way, d) of a task in the centred, normed space."""

    space: TaskSpace
    log_temperature: Tensor
    class_prototypes: Tensor
    distance: str = "euclidean"

    def score(self, query: Tensor) -> Tensor:
        """Return minus the squared distances, or the cosines, times the temperature, (..., q, way)."""
        scale = self.log_temperature.exp()
        return metric_logits(self.space.place(query), self.class_prototypes, distance=self.distance, scale=scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProtoNet:
    """Nearest prototype in the space of ``embedding``; ``log_temperature`` ()."""

    embedding: Embedding
    log_temperature: Tensor
    name: str = "protonet"
    distance: str = "euclidean"
    learned_scale: bool = True

    @classmethod
    def untrained(
        cls, embedding: Embedding, options: Mapping[str, Option] = PROTONET_OPTIONS, *, name: str = "protonet"
    ) -> Self:
        """Return the method with a temperature of 10. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            name=name,
            distance=chosen(options, "distance", DISTANCES),
            learned_scale=switch(options, "learned_scale"),
        )

    def options(self) -> dict[str, Option]:
        """Return the distance and whether its scale is learned."""
        return {"distance": self.distance, "learned_scale": self.learned_scale}

    def _own(self) -> dict[str, Tensor]:
        return {"log_temperature": self.log_temperature} if self.learned_scale else {}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_temperature=own.get("log_temperature", self.log_temperature))

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> PrototypeClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        return PrototypeClassifier(
            space=space,
            log_temperature=self.log_temperature,
            class_prototypes=prototypes(placed, labels, way=way),
            distance=self.distance,
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
