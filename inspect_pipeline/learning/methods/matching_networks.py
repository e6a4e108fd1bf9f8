"""Matching networks (Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra 2016): attention over the supports.

A query looks at every support by the softmax of their cosines, and a type's chance is the attention that its supports
got. So a type of two appearances keeps both, where a prototype between them fits neither. Full context embeddings
(``full_context.py``) let every support see the others, and every query the supports, before they are compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import checked_labels
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.full_context import FullContext
from inspect_pipeline.learning.methods.option_values import switch, whole
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

MATCHING_OPTIONS: Mapping[str, Option] = {"full_context": False, "context_dims": 32, "context_steps": 3, "seed": 0}
"""Full context embeddings or not; their width, how often a query reads the supports, the seed of their start."""

_START_TEMPERATURE = 10.0  # of cosines; at 1 the attention of 25 supports is nearly even and learns slowly


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionClassifier:
    """Supports (..., n, d) of a task in the centred, normed space and the share (..., n, way) of each in its type."""

    space: TaskSpace
    log_temperature: Tensor
    context: FullContext | None
    supports: Tensor
    shares: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the logarithm of the attention that the supports of every type got, (..., q, way).

        A type counts by the mean over its supports, however many there are.
        """
        placed = self.space.place(query)
        if self.context is not None:
            placed = self.context.read(placed, self.supports)
        cosines = normalize(placed, dim=-1) @ normalize(self.supports, dim=-1).mT
        attention = self.log_temperature.exp() * cosines
        by_type = attention.unsqueeze(-1) + self.shares.log().unsqueeze(-3)  # minus infinity for other types
        return by_type.logsumexp(dim=-2).log_softmax(dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchingNetworks:
    """Attention over supports in the space of ``embedding``; ``log_temperature`` () and the tensors of the context."""

    embedding: Embedding
    log_temperature: Tensor
    context: FullContext | None = None
    context_dims: int = 32
    context_steps: int = 3
    seed: int = 0
    name: str = "matching_networks"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = MATCHING_OPTIONS) -> Self:
        """Return the method with a temperature of 10. Raises BadDataError for an option that cannot be used."""
        width, steps = whole(options, "context_dims", least=1), whole(options, "context_steps", least=1)
        seed = whole(options, "seed", least=0)
        asked = switch(options, "full_context")
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            context=FullContext.started(embedding.dims, width=width, steps=steps, seed=seed) if asked else None,
            context_dims=width,
            context_steps=steps,
            seed=seed,
        )

    def options(self) -> dict[str, Option]:
        """Return whether there is a full context and its form."""
        return {
            "full_context": self.context is not None,
            "context_dims": self.context_dims,
            "context_steps": self.context_steps,
            "seed": self.seed,
        }

    def _own(self) -> dict[str, Tensor]:
        context = {} if self.context is None else self.context.tensors
        return {"log_temperature": self.log_temperature, **context}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        temperature = own.pop("log_temperature")
        context = None if self.context is None else replace(self.context, tensors=own)
        return replace(self, embedding=embedding, log_temperature=temperature, context=context)

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> AttentionClassifier:
        """Return the supports of a task or a stack of tasks, remembered. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        members = one_hot(checked_labels(labels, way), way).to(placed.dtype)
        return AttentionClassifier(
            space=space,
            log_temperature=self.log_temperature,
            context=self.context,
            supports=placed if self.context is None else self.context.beside(placed),
            shares=members / members.sum(dim=-2, keepdim=True),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
