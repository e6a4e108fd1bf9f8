"""A ridge classifier in closed form on frozen descriptors (R2-D2: Bertinetto, Henriques, Torr, Vedaldi 2019).

Untrained it is the strongest of the frozen baselines; its metric, penalty and temperature can be learned from episodes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.heads import centred, ridge_weights, task_mean
from inspect_pipeline.learning.weight_files import checked_tensors

_START_TEMPERATURE = 8.0  # scores of one-hot targets lie between 0 and 1
_START_PENALTY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RidgeClassifier:
    """Linear weights of a task in the scaled, centred, normed space."""

    log_scales: Tensor
    log_temperature: Tensor
    mean: Tensor
    weights: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return the linear scores times the temperature, (..., q, way)."""
        return self.log_temperature.exp() * (centred(query * self.log_scales.exp(), self.mean) @ self.weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ridge:
    """Least squares under a learned metric: ``log_scales`` (d,), ``log_penalty`` (), ``log_temperature`` ()."""

    log_scales: Tensor
    log_penalty: Tensor
    log_temperature: Tensor
    name: str = "r2d2"

    @classmethod
    def untrained(cls, dims: int, *, name: str = "r2d2") -> Self:
        """Return the method with the identity as metric and a penalty of 0.5."""
        return cls(
            log_scales=torch.zeros(dims),
            log_penalty=torch.tensor(math.log(_START_PENALTY)),
            log_temperature=torch.tensor(math.log(_START_TEMPERATURE)),
            name=name,
        )

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {
            "log_scales": self.log_scales,
            "log_penalty": self.log_penalty,
            "log_temperature": self.log_temperature,
        }

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        return replace(
            self,
            log_scales=given["log_scales"],
            log_penalty=given["log_penalty"],
            log_temperature=given["log_temperature"],
        )

    def adapt(self, support: Tensor, labels: Tensor, *, way: int) -> RidgeClassifier:
        """Return the weights of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        scaled = support * self.log_scales.exp()
        mean = task_mean(scaled, labels, way=way)
        return RidgeClassifier(
            log_scales=self.log_scales,
            log_temperature=self.log_temperature,
            mean=mean,
            weights=ridge_weights(centred(scaled, mean), labels, way=way, penalty=self.log_penalty.exp()),
        )
