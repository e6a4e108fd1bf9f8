"""Logistic regression on frozen descriptors: the classifier that a user would fine-tune first; a baseline only."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from inspect_pipeline.learning.heads import centred, checked_labels, task_mean

_PENALTY = 0.01  # of the squared weights, beside a mean cross-entropy in which every class weighs the same
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticClassifier:
    """Weights (d, way) in the centred, normed space of a task."""

    mean: Tensor
    weights: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (q, way) of query descriptors (q, d)."""
        return centred(query, self.mean) @ self.weights


def fit_logistic(support: Tensor, labels: Tensor, *, way: int) -> LogisticClassifier:
    """Return the regularised multinomial regression of one task: ``support`` (n, d), ``labels`` (n,) in 0..way-1.

    The problem is convex and solved by L-BFGS from zero, so the same input gives the same weights. Raises
    BadDataError for labels with a gap.
    """
    labels = checked_labels(labels, way)
    mean = task_mean(support, labels, way=way)
    rows = centred(support, mean)
    balance = 1.0 / torch.bincount(labels, minlength=way).to(rows.dtype)
    weights = torch.zeros(rows.shape[-1], way, dtype=rows.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=_MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = cross_entropy(rows @ weights, labels, weight=balance) + _PENALTY * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    return LogisticClassifier(mean=mean, weights=weights.detach())
