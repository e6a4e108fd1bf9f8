"""Prototypical networks (Snell, Swersky, Zemel 2017) on frozen descriptors.

The trunk stays as it was pretrained. What is learned from episodes is the metric: a scale for every channel of the
descriptor, and the temperature. With all log-scales 0 this is the frozen nearest prototype.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.learning.heads import centred, prototype_logits, prototypes, task_mean
from inspect_pipeline.learning.weight_files import checked_tensors

_START_TEMPERATURE = 10.0  # distances of unit vectors are 0 to 4; softer starts learn slowly


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrototypeClassifier:
    """Prototypes of a task in the scaled, centred, normed space."""

    log_scales: Tensor
    log_temperature: Tensor
    mean: Tensor
    class_prototypes: Tensor

    def score(self, query: Tensor) -> Tensor:
        """Return minus the squared distances to the prototypes times the temperature, (..., q, way)."""
        placed = centred(query * self.log_scales.exp(), self.mean)
        return prototype_logits(placed, self.class_prototypes, scale=self.log_temperature.exp())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProtoNet:
    """Nearest prototype under a learned metric: ``log_scales`` (d,), ``log_temperature`` ()."""

    log_scales: Tensor
    log_temperature: Tensor
    name: str = "protonet"

    @classmethod
    def untrained(cls, dims: int, *, name: str = "protonet") -> Self:
        """Return the method with the identity as metric."""
        temperature = torch.tensor(math.log(_START_TEMPERATURE))
        return cls(log_scales=torch.zeros(dims), log_temperature=temperature, name=name)

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns."""
        return {"log_scales": self.log_scales, "log_temperature": self.log_temperature}

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        given = checked_tensors(head, self.head(), what=f"the head of {self.name}")
        return replace(self, log_scales=given["log_scales"], log_temperature=given["log_temperature"])

    def adapt(self, support: Tensor, labels: Tensor, *, way: int) -> PrototypeClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        scaled = support * self.log_scales.exp()
        mean = task_mean(scaled, labels, way=way)
        return PrototypeClassifier(
            log_scales=self.log_scales,
            log_temperature=self.log_temperature,
            mean=mean,
            class_prototypes=prototypes(centred(scaled, mean), labels, way=way),
        )
