"""Linear discriminant analysis with a shrunk covariance: what varies within types counts less between them.

The covariance within types is pooled over the supports of a task and drawn towards a multiple of the identity by an
analytic amount: Ledoit, Wolf 2004, or OAS (Chen, Wiesel, Eldar, Hero 2010), or a fixed one. With one support a type
nothing is known of it and this is the nearest prototype. The supports' inner products are all that is inverted.
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
from inspect_pipeline.learning.methods.logistic_regression import LinearClassifier
from inspect_pipeline.learning.methods.option_values import chosen, number
from inspect_pipeline.learning.methods.task_space import parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

SHRINKAGES = ("oas", "ledoit_wolf", "fixed")
LDA_OPTIONS: Mapping[str, Option] = {"shrinkage": "oas", "amount": 0.5}
"""How far the covariance is drawn to the identity; ``amount`` (0 to 1) is that of "fixed"."""

_START_TEMPERATURE = 10.0
_LEAST_SHRINKAGE = 1e-3  # the pooled covariance alone has no inverse


def shrinkage_of(gram: Tensor, *, freedom: int, dims: int, kind: str) -> Tensor:
    """Return the analytic amount of shrinkage, (..., 1, 1) in 0..1, from the inner products (..., n, n) of n residuals.

    ``freedom`` is their number less that of their means, ``dims`` their length.
    """
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[..., None, None] / freedom
    square = gram.square().sum(dim=(-2, -1), keepdim=True) / freedom**2  # the trace of the squared covariance
    apart = (square - trace.square() / dims).clamp(min=1e-12)
    if kind == "oas":
        wanted = (1.0 - 2.0 / dims) * square + trace.square()
        return (wanted / ((freedom + 1.0 - 2.0 / dims) * apart)).clamp(max=1.0)
    fourth = gram.diagonal(dim1=-2, dim2=-1).square().sum(dim=-1)[..., None, None]
    return ((fourth / freedom**2 - square / freedom) / apart).clamp(0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShrinkageLda:
    """Discriminants in the space of ``embedding``; ``log_temperature`` () of squared Mahalanobis distances."""

    embedding: Embedding
    log_temperature: Tensor
    shrinkage: str
    amount: float
    name: str = "shrinkage_lda"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = LDA_OPTIONS) -> Self:
        """Return the method with a temperature of 10. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            shrinkage=chosen(options, "shrinkage", SHRINKAGES),
            amount=number(options, "amount", low=_LEAST_SHRINKAGE, high=1.0),
        )

    def options(self) -> dict[str, Option]:
        """Return the kind of shrinkage and the fixed amount."""
        return {"shrinkage": self.shrinkage, "amount": self.amount}

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
        """Return the discriminants of a task or a stack of tasks. Raises BadDataError for labels with a gap.

        Distances are counted in the mean variance of a channel, so that one temperature fits any number of shots.
        """
        placed, space = placed_support(self.embedding, support, labels, way=way)
        class_prototypes = prototypes(placed, labels, way=way)
        members = one_hot(checked_labels(labels, way), way).to(placed.dtype)
        weights = self._whitened(placed - members @ class_prototypes, class_prototypes, freedom=placed.shape[-2] - way)
        bias = -(class_prototypes * weights.mT).sum(dim=-1).unsqueeze(-2)
        return LinearClassifier(space=space, weights=2.0 * weights, bias=bias, scale=self.log_temperature.exp())

    def _whitened(self, residuals: Tensor, class_prototypes: Tensor, *, freedom: int) -> Tensor:
        """Return the inverse of the shrunk covariance times the prototypes, (..., d, way), in units of its variance."""
        if freedom < 1:
            return class_prototypes.mT
        dims = residuals.shape[-1]
        gram = residuals @ residuals.mT
        variance = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[..., None, None].clamp(min=1e-12) / (freedom * dims)
        if self.shrinkage == "fixed":
            shrinkage = torch.full_like(variance, self.amount)
        else:
            shrinkage = shrinkage_of(gram, freedom=freedom, dims=dims, kind=self.shrinkage)
        shrinkage = shrinkage.clamp(min=_LEAST_SHRINKAGE)
        grip = (1.0 - shrinkage) / (shrinkage * variance * freedom)
        identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        heard: Tensor = torch.linalg.solve(identity + grip * gram, grip * (residuals @ class_prototypes.mT))
        return (class_prototypes.mT - residuals.mT @ heard) / shrinkage

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
