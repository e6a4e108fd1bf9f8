"""The map from samples to descriptors that a method learns; its tensors are arguments, so that they can be stepped."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

from inspect_pipeline.learning.weight_files import checked_tensors

State = Mapping[str, Tensor]
"""What an embedding keeps of a task's supports for its queries (statistics of normalisation); mostly empty."""
Option = int | float | str | bool
"""A plain JSON value of the form of an embedding or a method."""


class Embedding(Protocol):
    """A pure map; immutable. Samples are (..., n, *shape) with ``sample_ndim`` trailing dimensions."""

    @property
    def dims(self) -> int:
        """The length of a descriptor."""
        ...

    @property
    def sample_ndim(self) -> int:
        """The dimensions of one sample: 1 for descriptors, 3 for images and activations."""
        ...

    def form(self) -> Mapping[str, Option]:
        """Return what ``build_embedding`` needs to make it again, without the tensors: plain JSON with a ``kind``."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return what can be learned, by name."""
        ...

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the same map with other tensors. Raises WeightsError for missing, unexpected or misshapen ones."""
        ...

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        """Return the descriptors (..., n, dims) of the supports and what their queries need of them.

        ``step`` is that of the inner loop, for statistics that differ from step to step.
        """
        ...

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        """Return the descriptors (..., n, dims) of queries, each independent of the others beside it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelScales:
    """Descriptors of a frozen trunk, every channel times a learned scale: ``log_scales`` (d,), 0 is the identity."""

    log_scales: Tensor

    @classmethod
    def identity(cls, dims: int) -> Self:
        """Return the map that changes nothing."""
        return cls(log_scales=torch.zeros(dims))

    @property
    def dims(self) -> int:
        """The length of a descriptor."""
        return len(self.log_scales)

    @property
    def sample_ndim(self) -> int:
        """A descriptor has one dimension."""
        return 1

    def form(self) -> dict[str, Option]:
        """Return the kind and the length."""
        return {"kind": "channel_scales", "dims": self.dims}

    def tensors(self) -> dict[str, Tensor]:
        """Return the scales."""
        return {"log_scales": self.log_scales}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the same map with other scales. Raises WeightsError."""
        return replace(self, log_scales=checked_tensors(tensors, self.tensors(), what="the scales")["log_scales"])

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        """Return the scaled descriptors; their queries need nothing of them, at any ``step``."""
        return self.embed(support, tensors, {}), {}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        """Return the scaled descriptors; ``state`` is empty."""
        return samples * tensors["log_scales"].exp()
