"""Siamese network (Koch, Zemel, Salakhutdinov 2015): one embedding, seen twice, and the verification of a pair.

The logit of "the same type" is a bias minus the weighted L1 distance of the pair. Trained on all pairs of a support and
a query by binary cross-entropy, pairs of the same type weighing as much as the others. A query takes the type of its
most alike support, or of the best mean over a type's supports. Weights are positive here (exponentials of what is
learned): being further apart in a channel never makes a pair more alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.heads import checked_labels
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective
from inspect_pipeline.learning.methods.option_values import chosen
from inspect_pipeline.learning.methods.task_space import TaskSpace, parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

SIAMESE_OPTIONS: Mapping[str, Option] = {"pairs": "mean"}
"""Whether a type is judged by its "best" pair or by the "mean" of them."""

_START_DISTANCE = 10.0  # of unrelated pairs, so that the logits start neither flat nor saturated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairClassifier:
    """Supports (..., n, d) of a task in the centred, normed space and their types, one-hot (..., n, way)."""

    space: TaskSpace
    log_weights: Tensor
    bias: Tensor
    pairs: str
    supports: Tensor
    members: Tensor

    def verify(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, n) that a query and a support are of the same type."""
        weights = self.log_weights.exp()
        return self.bias - torch.cdist(self.space.place(query) * weights, self.supports * weights, p=1.0)

    def by_type(self, verified: Tensor) -> Tensor:
        """Return (..., q, way) from the logits of all pairs: the best or the mean of a type's."""
        if self.pairs == "mean":
            return verified @ (self.members / self.members.sum(dim=-2, keepdim=True))
        others = self.members.unsqueeze(-3) == 0.0
        return verified.unsqueeze(-1).masked_fill(others, -torch.inf).amax(dim=-2)

    def score(self, query: Tensor) -> Tensor:
        """Return the verification of every type, (..., q, way)."""
        return self.by_type(self.verify(query))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Siamese:
    """Verification of pairs in the space of ``embedding``; ``pair_log_weights`` (d,) and ``pair_bias`` ()."""

    embedding: Embedding
    log_weights: Tensor
    bias: Tensor
    pairs: str
    name: str = "siamese"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = SIAMESE_OPTIONS) -> Self:
        """Return the method with even weights. Raises BadDataError for an option that cannot be used."""
        unrelated = math.sqrt(4.0 * embedding.dims / math.pi)  # the mean L1 distance of two random unit vectors
        return cls(
            embedding=embedding,
            log_weights=torch.full((embedding.dims,), math.log(_START_DISTANCE / unrelated)),
            bias=torch.tensor(_START_DISTANCE),  # pairs nearer than unrelated ones start as "the same"
            pairs=chosen(options, "pairs", ("mean", "best")),
        )

    def options(self) -> dict[str, Option]:
        """Return how a type is judged by its pairs."""
        return {"pairs": self.pairs}

    def _own(self) -> dict[str, Tensor]:
        return {"pair_log_weights": self.log_weights, "pair_bias": self.bias}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_weights=own["pair_log_weights"], bias=own["pair_bias"])

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> PairClassifier:
        """Return the supports of a task or a stack of tasks, remembered. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        return PairClassifier(
            space=space,
            log_weights=self.log_weights,
            bias=self.bias,
            pairs=self.pairs,
            supports=placed,
            members=one_hot(checked_labels(labels, way), way).to(placed.dtype).expand(*placed.shape[:-1], way),
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the pairs, not ``loss`` of the queries; the same at any ``progress``."""
        classifier = self.adapt(tasks.support, tasks.support_labels, way=tasks.way)
        verified = classifier.verify(tasks.query)
        truth = one_hot(tasks.query_labels, tasks.way).to(verified.dtype)
        same = truth @ classifier.members.mT
        alike = (softplus(-verified) * same).sum(dim=(-2, -1)) / same.sum(dim=(-2, -1))
        unlike = (softplus(verified) * (1.0 - same)).sum(dim=(-2, -1)) / (1.0 - same).sum(dim=(-2, -1))
        return Objective(loss=0.5 * (alike + unlike), logits=classifier.by_type(verified))
