"""Distribution calibration (Yang, Liu, Xu 2021: Free lunch for few-shot learning): variation is borrowed from history.

A new type takes the mean and the covariance of the historical types that are nearest to its supports; the classifier
is fitted to the supports and to what that Gaussian would give. No sample has to be drawn for least squares: the
expectation over all draws has a closed form. With ``draws`` it goes as in the paper, samples from a seeded generator
under logistic regression. Departures: nearest types are found from the mean of a type's supports rather than from each,
and covariances keep their strongest directions and the variance of every channel. Without history this is ridge
regression with a larger penalty.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.episodes import EpisodeIndex
from inspect_pipeline.learning.heads import checked_labels, prototypes
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.base_types import BaseTypes, base_types
from inspect_pipeline.learning.methods.borrowed import Borrowed, drawn_weights, expected_weights
from inspect_pipeline.learning.methods.logistic_regression import LinearClassifier
from inspect_pipeline.learning.methods.option_values import number, whole
from inspect_pipeline.learning.methods.task_space import parted_head, placed_support
from inspect_pipeline.learning.methods.tukey import Tukey
from inspect_pipeline.learning.tasks import Tasks

CALIBRATION_OPTIONS: Mapping[str, Option] = {
    "neighbours": 2,
    "rank": 8,
    "base_types": 0,
    "spread": 0.1,
    "mean_share": 0.2,
    "weight": 0.5,
    "tukey": 0.6,
    "draws": 0,
    "seed": 0,
}
"""How much is borrowed, and from how many.

``neighbours`` nearest historical types, ``rank`` directions of each, ``base_types`` of history (known after training),
``spread`` (total variance) added to a covariance, ``mean_share`` of a mean that is the neighbours'. The Gaussian of a
type weighs as much as ``weight`` supports; with ``draws`` a type (0: the closed form), from ``seed``, as much as these.
``tukey`` is the power of descriptors.
"""

_START_TEMPERATURE, _START_PENALTY = 8.0, 0.5  # as ridge


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionCalibration:
    """Least squares on what a Gaussian borrowed from ``base`` would give; ``log_penalty``, ``log_temperature`` ()."""

    embedding: Embedding
    base: BaseTypes
    log_penalty: Tensor
    log_temperature: Tensor
    form: Mapping[str, Option] = field(repr=False)
    type_classifier: Literal["linear", "cosine"] = "cosine"
    name: str = "distribution_calibration"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = CALIBRATION_OPTIONS) -> Self:
        """Return the method without history. Raises BadDataError for an option that cannot be used."""
        counts = {name: whole(options, name, least=0) for name in ("neighbours", "rank", "base_types", "draws", "seed")}
        form: dict[str, Option] = {
            **counts,
            "mean_share": number(options, "mean_share", low=0.0, high=1.0),
            "weight": number(options, "weight", low=0.0, high=1e3),
            "spread": number(options, "spread", low=0.0, high=10.0),
            "tukey": number(options, "tukey", low=0.1, high=1.0),
        }
        return cls(
            embedding=embedding,
            base=BaseTypes.none(embedding.dims, types=counts["base_types"], rank=counts["rank"]),
            log_penalty=torch.tensor(math.log(_START_PENALTY)),
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            form=form,
        )

    def options(self) -> dict[str, Option]:
        """Return how much is borrowed, and from how many types."""
        return {**self.form, "base_types": len(self.base)}

    def _own(self) -> dict[str, Tensor]:
        return {
            "log_penalty": self.log_penalty,
            "log_temperature": self.log_temperature,
            "base_means": self.base.means,
            "base_factors": self.base.factors,
            "base_variances": self.base.variances,
        }

    def head(self) -> dict[str, Tensor]:
        """Return the tensors of the method, history's types among them."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        base = BaseTypes(means=own["base_means"], factors=own["base_factors"], variances=own["base_variances"])
        return replace(
            self,
            embedding=embedding,
            base=base,
            log_penalty=own["log_penalty"],
            log_temperature=own["log_temperature"],
        )

    def with_history(self, samples: Tensor, index: EpisodeIndex) -> Self:
        """Return the method that borrows from the types of these samples (n, *shape). Raises BadDataError for none."""
        rank = whole(self.form, "rank", least=0)
        return replace(self, base=base_types(self._seen(), samples, index, rank=rank))

    def _seen(self) -> Embedding:
        return Tukey(inner=self.embedding, power=float(self.form["tukey"]))

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> LinearClassifier:
        """Return the weights of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self._seen(), support, labels, way=way)
        targets = one_hot(checked_labels(labels, way), way).to(placed.dtype).expand(*placed.shape[:-1], way)
        borrowed = self._borrowed(prototypes(placed, labels, way=way))
        draws = whole(self.form, "draws", least=0)
        if draws:
            seed = whole(self.form, "seed", least=0)
            weights = drawn_weights(placed, labels, borrowed, draws=draws, seed=seed)
        else:
            penalty, weight = self.log_penalty.exp(), float(self.form["weight"])
            weights = expected_weights(placed, targets, borrowed, penalty=penalty, weight=weight)
        bias = torch.zeros_like(weights[..., :1, :])
        return LinearClassifier(space=space, weights=weights, bias=bias, scale=self.log_temperature.exp())

    def _borrowed(self, class_prototypes: Tensor) -> Borrowed:
        """Return the Gaussian of every class (..., way) after the historical types that are nearest to it."""
        spread = float(self.form["spread"]) / class_prototypes.shape[-1]
        count = min(whole(self.form, "neighbours", least=0), len(self.base))
        if not count:
            return Borrowed.alone(class_prototypes, variance=spread)
        nearest = torch.cdist(class_prototypes, self.base.means).topk(count, largest=False).indices
        share = float(self.form["mean_share"])
        factors = self.base.factors[nearest].flatten(-3, -2) / math.sqrt(count)
        return Borrowed(
            means=(1.0 - share) * class_prototypes + share * self.base.means[nearest].mean(dim=-2),
            factors=factors,
            variances=self.base.variances[nearest].mean(dim=-2) + spread,
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``; batches are what it is meant to learn from."""
        return query_objective(self, tasks, loss=loss)
