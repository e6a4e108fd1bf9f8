"""Prototypical networks that also look at samples without a label (Ren, Triantafillou, Ravi et al. 2018).

One step of soft k-means (or more) moves the prototypes towards the unlabelled samples. Some of these may belong to no
type of the task: a cluster of distractors in its middle absorbs them ("distractor"), or a mask turns down what lies far
("masked"). Without unlabelled samples this is ``protonet``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import checked_labels, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.option_values import chosen, whole
from inspect_pipeline.learning.methods.protonet import PrototypeClassifier
from inspect_pipeline.learning.methods.soft_kmeans import (
    distractor_shares,
    masked_shares,
    moved,
    soft_shares,
    started_mask,
)
from inspect_pipeline.learning.methods.task_space import parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

REFINEMENTS = ("soft_kmeans", "distractor", "masked")
SEMI_SUPERVISED_OPTIONS: Mapping[str, Option] = {"refinement": "distractor", "steps": 1, "seed": 0}
"""How prototypes are refined, how often, and the seed of the mask's perceptron."""

_START_TEMPERATURE = 10.0
_START_RADIUS = 0.8  # of distractors; at 1 half of what belongs to a type of one sample counts as one of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SemiSupervisedProtoNet:
    """Prototypes refined on unlabelled samples; ``own`` holds ``log_temperature`` () and what the refinement learns."""

    embedding: Embedding
    own: Mapping[str, Tensor]
    refinement: str
    steps: int
    seed: int
    name: str = "semi_supervised_protonet"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = SEMI_SUPERVISED_OPTIONS) -> Self:
        """Return the method with a temperature of 10. Raises BadDataError for an option that cannot be used."""
        refinement, seed = chosen(options, "refinement", REFINEMENTS), whole(options, "seed", least=0)
        own = {"log_temperature": torch.tensor(math.log(_START_TEMPERATURE))}
        if refinement == "distractor":
            own["log_radius"] = torch.tensor(math.log(_START_RADIUS))
        if refinement == "masked":
            own |= started_mask(seed)
        steps = whole(options, "steps", least=1)
        return cls(embedding=embedding, own=own, refinement=refinement, steps=steps, seed=seed)

    def options(self) -> dict[str, Option]:
        """Return the refinement and its steps."""
        return {"refinement": self.refinement, "steps": self.steps, "seed": self.seed}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self.own}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self.own, name=self.name)
        return replace(self, embedding=embedding, own=own)

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> PrototypeClassifier:
        """Return the prototypes of a task or a stack of tasks after ``unlabelled`` (..., u, *shape) moved them.

        Raises BadDataError for labels with a gap.
        """
        placed, space = placed_support(self.embedding, support, labels, way=way)
        class_prototypes = prototypes(placed, labels, way=way)
        if unlabelled is not None and unlabelled.shape[-self.embedding.sample_ndim - 1]:
            counts = one_hot(checked_labels(labels, way), way).to(placed.dtype).sum(dim=-2)
            class_prototypes = self._refined(class_prototypes, counts, space.place(unlabelled))
        return PrototypeClassifier(
            space=space, log_temperature=self.own["log_temperature"], class_prototypes=class_prototypes
        )

    def _refined(self, class_prototypes: Tensor, counts: Tensor, samples: Tensor) -> Tensor:
        now = class_prototypes
        for _ in range(self.steps):
            now = moved(class_prototypes, counts, samples, self._shares(samples, now))
        return now

    def _shares(self, samples: Tensor, class_prototypes: Tensor) -> Tensor:
        scale = self.own["log_temperature"].exp()
        if self.refinement == "distractor":
            return distractor_shares(samples, class_prototypes, scale=scale, log_radius=self.own["log_radius"])
        if self.refinement == "masked":
            return masked_shares(samples, class_prototypes, scale=scale, mask=self.own)
        return soft_shares(samples, class_prototypes, scale=scale)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
