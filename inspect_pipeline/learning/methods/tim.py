"""Transductive information maximization (TIM-ADM: Boudiaf, Masud, Rony, Dolz, Piantanida, Ben Ayed 2020).

Class weights start at the prototypes and are moved so that supports keep their labels, every query is told with
certainty, and the queries of a task spread over its types. TRANSDUCTIVE: the queries are judged together, and it takes
them to hold the types about evenly, which episodes do and a coil does not. The alternating direction method has a
closed form for every step, so nothing is differentiated. A rule on frozen features; nothing is learned.
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
from inspect_pipeline.learning.methods.option_values import number, whole
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

TIM_OPTIONS: Mapping[str, Option] = {"steps": 50, "certainty": 0.1}
"""The alternating steps, and the weight of the queries' certainty (the paper's alpha)."""

_START_TEMPERATURE = 7.5  # the paper's: half of 15, of squared distances of unit vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimClassifier:
    """Supports (..., n, d) of a task, their types one-hot (..., n, way), and the prototypes where the weights start."""

    space: TaskSpace
    scale: Tensor
    steps: int
    certainty: float
    supports: Tensor
    members: Tensor
    class_prototypes: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, way) of all queries of the task, judged together."""
        placed, weights = self.space.place(query), self.class_prototypes
        for _ in range(self.steps):
            weights = self._stepped(placed, weights)
        return prototype_logits(placed, weights, scale=self.scale)

    def _stepped(self, placed: Tensor, weights: Tensor) -> Tensor:
        """Return the class weights after both halves of a step: the targets of the queries, then the weights."""
        ours, theirs = (prototype_logits(x, weights, scale=self.scale).softmax(dim=-1) for x in (self.supports, placed))
        sharp = theirs.pow(1.0 + self.certainty)
        targets = sharp / sharp.sum(dim=-2, keepdim=True).clamp(min=1e-12).sqrt()
        targets = targets / targets.sum(dim=-1, keepdim=True).clamp(min=1e-12)
        labelled, share = 1.0 / (1.0 + self.certainty), self.supports.shape[-2] / placed.shape[-2]
        pull = labelled * _pull(self.supports, self.members, ours, weights)
        pull = pull + share * _pull(placed, targets, theirs, weights)
        mass = labelled * self.members.sum(dim=-2) + share * targets.sum(dim=-2)
        return pull / mass.clamp(min=1e-12).unsqueeze(-1)


def _pull(samples: Tensor, wanted: Tensor, found: Tensor, weights: Tensor) -> Tensor:
    """Return the sum (..., way, d) over samples of ``wanted`` x + ``found`` (w - x)."""
    return (wanted - found).mT @ samples + found.sum(dim=-2).unsqueeze(-1) * weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tim:
    """Information maximization on the queries; ``log_temperature`` ()."""

    embedding: Embedding
    log_temperature: Tensor
    steps: int
    certainty: float
    name: str = "tim"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = TIM_OPTIONS) -> Self:
        """Return the method with the paper's temperature. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            steps=whole(options, "steps", least=0),
            certainty=number(options, "certainty", low=0.0, high=10.0),
        )

    def options(self) -> dict[str, Option]:
        """Return the steps and the weight of certainty."""
        return {"steps": self.steps, "certainty": self.certainty}

    def _own(self) -> dict[str, Tensor]:
        return {"log_temperature": self.log_temperature}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors of the rule and its embedding."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_temperature=own["log_temperature"])

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> TimClassifier:
        """Return what a task or a stack of tasks starts from. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        return TimClassifier(
            space=space,
            scale=self.log_temperature.exp(),
            steps=self.steps,
            certainty=self.certainty,
            supports=placed,
            members=one_hot(checked_labels(labels, way), way).to(placed.dtype),
            class_prototypes=prototypes(placed, labels, way=way),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, judged together, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
