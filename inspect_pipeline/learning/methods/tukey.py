"""Tukey's ladder of powers on descriptors (Yang, Liu, Xu 2021): long tails are drawn in before means are taken."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option, State


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tukey:
    """``inner``, its descriptors (cut at 0 from below) to a ``power`` above 0; 1 leaves them as they are."""

    inner: Embedding
    power: float

    @property
    def dims(self) -> int:
        """The length of a descriptor."""
        return self.inner.dims

    @property
    def sample_ndim(self) -> int:
        """The dimensions of one sample."""
        return self.inner.sample_ndim

    def form(self) -> Mapping[str, Option]:
        """Return the form of the inner map; the power is an option of the method."""
        return self.inner.form()

    def tensors(self) -> dict[str, Tensor]:
        """Return what the inner map learns."""
        return self.inner.tensors()

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the same map with other tensors inside. Raises WeightsError."""
        return replace(self, inner=self.inner.with_tensors(tensors))

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        """Return the descriptors of the supports, to the power, and what their queries need."""
        found, state = self.inner.embed_support(support, tensors, step=step)
        return self._powered(found), state

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        """Return the descriptors of queries, to the power."""
        return self._powered(self.inner.embed(samples, tensors, state))

    def _powered(self, found: Tensor) -> Tensor:
        # A root is infinitely steep at 0, and a learned embedding has its gradient through it.
        return found if self.power == 1.0 else found.clamp(min=1e-6).pow(self.power)
