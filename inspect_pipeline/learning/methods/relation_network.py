"""Relation network (Sung, Yang, Zhang, Xiang, Torr, Hospedales 2018): the comparison itself is learned.

For descriptors the relation module is a perceptron on the pair of a prototype and a query. Two departures: what it says
is added to the logits of the nearest prototype (``residual``; the module starts at zero, so that untrained is better
than chance), and the loss is the outer loop's rather than the squared error of a sigmoid. ``residual`` false is the
paper's module alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import prototype_logits, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.option_values import switch, whole
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

RELATION_OPTIONS: Mapping[str, Option] = {"hidden": 64, "residual": True, "seed": 0}
"""The width of the relation module, whether it adds to the nearest prototype, and the seed of its weights."""

_START_TEMPERATURE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelationClassifier:
    """Prototypes (..., way, d) of a task and the ``module`` that compares."""

    space: TaskSpace
    module: Mapping[str, Tensor]
    residual: bool
    class_prototypes: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the relation of every query to every prototype, (..., q, way)."""
        placed = self.space.place(query)
        relation = related(placed, self.class_prototypes, self.module)
        if not self.residual:
            return relation
        return relation + prototype_logits(placed, self.class_prototypes, scale=self.module["log_temperature"].exp())


def related(placed: Tensor, class_prototypes: Tensor, module: Mapping[str, Tensor]) -> Tensor:
    """Return the module's output (..., q, way) for queries (..., q, d) and prototypes (..., way, d).

    The first layer takes the pair side by side: it is the sum of a layer of each, so no pair is ever put together.
    Weights are kept times the root of their inputs' number: a step of Adam moves all inputs' weights alike, and would
    otherwise move what they give by that much more.
    """
    wide, narrow = math.sqrt(placed.shape[-1]), math.sqrt(len(module["relation"]))
    of_query, of_prototype = placed @ module["of_query"] / wide, class_prototypes @ module["of_prototype"] / wide
    first = (of_query.unsqueeze(-2) + of_prototype.unsqueeze(-3) + module["first_bias"]).relu()
    second = (first @ module["second"] / narrow + module["second_bias"]).relu()
    return second @ module["relation"] / narrow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelationNetwork:
    """A learned comparison in the space of ``embedding``; ``module`` holds its weights and the temperature."""

    embedding: Embedding
    module: Mapping[str, Tensor]
    hidden: int
    residual: bool
    seed: int
    name: str = "relation_network"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = RELATION_OPTIONS) -> Self:
        """Return the method as it starts. Raises BadDataError for an option that cannot be used."""
        hidden, seed = whole(options, "hidden", least=1), whole(options, "seed", least=0)
        residual = switch(options, "residual")
        return cls(
            embedding=embedding,
            module=_module(embedding.dims, hidden, residual=residual, seed=seed),
            hidden=hidden,
            residual=residual,
            seed=seed,
        )

    def options(self) -> dict[str, Option]:
        """Return the form of the module."""
        return {"hidden": self.hidden, "residual": self.residual, "seed": self.seed}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self.module}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self.module, name=self.name)
        return replace(self, embedding=embedding, module=own)

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> RelationClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        return RelationClassifier(
            space=space,
            module=self.module,
            residual=self.residual,
            class_prototypes=prototypes(placed, labels, way=way),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)


def _module(dims: int, hidden: int, *, residual: bool, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first = [torch.randn(dims, hidden, generator=generator) * math.sqrt(dims) for _ in range(2)]  # of length 1 inputs
    last = torch.randn(hidden, generator=generator)
    module = {
        "of_query": first[0],
        "of_prototype": first[1],
        "first_bias": torch.zeros(hidden),
        "second": torch.randn(hidden, hidden, generator=generator) * math.sqrt(2.0),
        "second_bias": torch.zeros(hidden),
        "relation": torch.zeros(hidden) if residual else last,
    }
    return {**module, "log_temperature": torch.tensor(math.log(_START_TEMPERATURE))} if residual else module
