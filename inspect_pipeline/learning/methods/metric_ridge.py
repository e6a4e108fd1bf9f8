"""Ridge and shrinkage discriminant in closed form, in a metric that history gives, with constants by number of samples.

After R2-D2 (Bertinetto, Henriques, Torr, Vedaldi 2019), whitening by what history says is no difference of types
(within-class covariance normalisation: Hatch, Kajarekar, Stolcke 2006) and discriminants that shrink the scatter of
the supports themselves (Friedman 1989). ``metric_ridge_fit`` chooses the metric on materials that did not give it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option, State
from inspect_pipeline.learning.heads import centred, checked_labels, prototypes, ridge_weights, task_mean
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.weight_files import checked_tensors

_LEARNED = ("blend", "log_within", "log_penalty", "log_temperature")
_TYPICAL_SHOT = 3.0  # the constants are affine in log(shot / 3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AffineClassifier:
    """Weights (..., d, way) and offsets (..., 1, way) of a task in the centred, normed space."""

    embedding: Embedding
    state: State
    metric: Tensor | None
    mean: Tensor
    weights: Tensor
    offsets: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the affine scores, (..., q, way)."""
        features = self.embedding.embed(query, self.embedding.tensors(), self.state)
        return centred(_placed(features, self.metric), self.mean) @ self.weights + self.offsets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricRidge:
    """``metric`` (d, d) is a statistic of history, never stepped (None: the identity); the rest is learned.

    ``blend`` (2,), ``log_within`` (2,), ``log_penalty`` (2,) and ``log_temperature`` (2,) are each a value at 3
    supports a type and its slope in log(shot / 3): the share of the discriminant (a logit), the weight of supports' own
    scatter in it, the penalty of the ridge, the scale of the logits.
    """

    embedding: Embedding
    metric: Tensor | None
    blend: Tensor
    log_within: Tensor
    log_penalty: Tensor
    log_temperature: Tensor
    name: str = "metric_ridge"

    @classmethod
    def untrained(cls, embedding: Embedding, *, has_metric: bool = False, name: str = "metric_ridge") -> Self:
        """Return the method before history is seen; with ``has_metric`` the identity holds the place of the metric."""
        return cls(
            embedding=embedding,
            metric=torch.eye(embedding.dims) if has_metric else None,
            blend=torch.tensor([0.5, 0.0]),
            log_within=torch.tensor([math.log(5.0), 0.5]),
            log_penalty=torch.tensor([math.log(0.1), 0.0]),
            log_temperature=torch.tensor([math.log(8.0), 0.2]),
            name=name,
        )

    def options(self) -> dict[str, Option]:
        """Return whether there is a metric."""
        return {"has_metric": self.metric is not None}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns and, where there is one, the metric, which has no gradient."""
        found = {**self.embedding.tensors(), **{name: getattr(self, name) for name in _LEARNED}}
        return found if self.metric is None else {**found, "metric": self.metric}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        return replace(
            self,
            embedding=self.embedding.with_tensors({name: given[name] for name in self.embedding.tensors()}),
            metric=given.get("metric"),
            blend=given["blend"],
            log_within=given["log_within"],
            log_penalty=given["log_penalty"],
            log_temperature=given["log_temperature"],
        )

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> AffineClassifier:
        """Return the classifier of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        features, state = self.embedding.embed_support(support, self.embedding.tensors())
        placed = _placed(features, self.metric)
        mean = task_mean(placed, labels, way=way)
        rows = centred(placed, mean)
        shot = math.log(rows.shape[-2] / way / _TYPICAL_SHOT)
        share = torch.sigmoid(_at(self.blend, shot))
        scale = _at(self.log_temperature, shot).exp()
        ridge = ridge_weights(rows, labels, way=way, penalty=_at(self.log_penalty, shot).exp())
        weights, offsets = discriminant(rows, labels, way=way, within=_at(self.log_within, shot).exp())
        return AffineClassifier(
            embedding=self.embedding,
            state=state,
            metric=self.metric,
            mean=mean,
            weights=scale * (share * weights + (1.0 - share) * ridge),
            offsets=scale * share * offsets,
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)


def discriminant(features: Tensor, labels: Tensor, *, way: int, within: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return weights (..., d, way) and offsets (..., 1, way) of a linear discriminant of features (..., n, d).

    The covariance is the identity plus the scatter of the supports about their types' means, scaled to the trace
    ``within`` for each degree of freedom. With one support a type it is the nearest prototype.
    """
    middles = prototypes(features, labels, way=way)
    grand = middles.mean(dim=-2, keepdim=True)
    centre = middles - grand
    count = features.shape[-2]
    weights = centre
    if count > way:
        own = one_hot(checked_labels(labels, way), way).to(features.dtype) @ middles
        rows = features - own
        total = rows.square().sum(dim=(-2, -1), keepdim=True).clamp(min=1e-12)
        rows = rows * (within * (count - way) / total).sqrt()
        gram = torch.eye(count, dtype=rows.dtype, device=rows.device) + rows @ rows.mT
        weights = centre - (rows.mT @ torch.linalg.solve(gram, rows @ centre.mT)).mT
    offsets = -0.5 * (weights * (middles + grand)).sum(dim=-1).unsqueeze(-2)
    return weights.mT, offsets


def _placed(features: Tensor, metric: Tensor | None) -> Tensor:
    return features if metric is None else features @ metric.detach()


def _at(constant: Tensor, shot: float) -> Tensor:
    return constant[0] + constant[1] * shot
