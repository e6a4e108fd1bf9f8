"""A linear head on frozen features, fine-tuned by gradient descent; with a cosine head it is Baseline++.

Linear: the "Baseline" of Chen, Liu, Kira, Wang, Huang 2019 (A closer look at few-shot classification), full batch, from
zero. Cosine: their Baseline++; its weights start at the class means (Qi, Brown, Lowe 2018) where the paper's are
random, so that the answer needs no seed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.episodes import EpisodeIndex
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.linear_fits import cosine_duals, gradient_duals
from inspect_pipeline.learning.methods.logistic_regression import LinearClassifier
from inspect_pipeline.learning.methods.option_values import number, whole
from inspect_pipeline.learning.methods.task_space import parted_head, placed_support
from inspect_pipeline.learning.tasks import Tasks

LINEAR_HEAD_OPTIONS: Mapping[str, Option] = {"steps": 100, "rate": 1.0, "decay": 0.001}
"""Gradient steps, their rate (stable up to 4 for descriptors of length 1), and weight decay."""
COSINE_HEAD_OPTIONS: Mapping[str, Option] = {"steps": 100, "rate": 0.1}
"""Gradient steps and their rate."""

_COSINE_SCALE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineTunedHead:
    """A head trained on the supports by gradient steps; ``log_temperature`` () scales its logits."""

    embedding: Embedding
    log_temperature: Tensor
    steps: int
    rate: float
    decay: float
    type_classifier: Literal["linear", "cosine"]
    name: str = "fine_tuned_head"

    @classmethod
    def linear(cls, embedding: Embedding, options: Mapping[str, Option] = LINEAR_HEAD_OPTIONS) -> Self:
        """Return the linear head. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(0.0),
            steps=whole(options, "steps", least=1),
            rate=number(options, "rate", low=1e-6, high=4.0),
            decay=number(options, "decay", low=0.0, high=0.2),
            type_classifier="linear",
        )

    @classmethod
    def cosine(cls, embedding: Embedding, options: Mapping[str, Option] = COSINE_HEAD_OPTIONS) -> Self:
        """Return Baseline++ with cosines times 10. Raises BadDataError for an option that cannot be used."""
        return cls(
            embedding=embedding,
            log_temperature=torch.tensor(math.log(_COSINE_SCALE)),
            steps=whole(options, "steps", least=0),
            rate=number(options, "rate", low=1e-6, high=4.0),
            decay=0.0,
            type_classifier="cosine",
            name="baseline_plus_plus",
        )

    def options(self) -> dict[str, Option]:
        """Return the steps, their rate and, for the linear head, the decay."""
        form: dict[str, Option] = {"steps": self.steps, "rate": self.rate}
        return {**form, "decay": self.decay} if self.type_classifier == "linear" else form

    def _own(self) -> dict[str, Tensor]:
        return {"log_temperature": self.log_temperature}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors of the baseline and its embedding."""
        return {**self.embedding.tensors(), **self._own()}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        embedding, own = parted_head(head, self.embedding, self._own(), name=self.name)
        return replace(self, embedding=embedding, log_temperature=own["log_temperature"])

    def with_history(self, samples: Tensor, index: EpisodeIndex) -> Self:
        """Return the same method: of history it keeps the embedding only."""
        return self

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> LinearClassifier:
        """Return the trained head of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        placed, space = placed_support(self.embedding, support, labels, way=way)
        scale = self.log_temperature.exp()
        if self.type_classifier == "cosine":
            duals = cosine_duals(placed, labels, way=way, steps=self.steps, rate=self.rate, scale=scale)
            weights = normalize(placed.mT @ duals, dim=-2)
            bias = torch.zeros_like(weights[..., :1, :])
        else:
            duals, bias = gradient_duals(placed, labels, way=way, steps=self.steps, rate=self.rate, decay=self.decay)
            weights = placed.mT @ duals
        return LinearClassifier(space=space, weights=weights, bias=bias, scale=scale)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``."""
        return query_objective(self, tasks, loss=loss)
