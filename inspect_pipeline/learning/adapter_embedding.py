"""An embedding with low-rank changes of its tensors beside them (LoRA: Hu et al. 2021; Rebuffi, Bilen, Vedaldi 2017).

A matrix (o, i) or a kernel (o, i, h, w) has W + up @ down, of a rank. An embedding of vectors alone, such as scales of
channels, has an offset for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Self

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding, Option, State
from inspect_pipeline.learning.weight_files import checked_tensors

ADAPTER = "adapter."
_DOWN, _UP, _OFFSET = ".down", ".up", ".offset"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdapterEmbedding:
    """``base`` with its tensors changed by ``adapters``, whose names start with ``adapter.`` and the tensor's own."""

    base: Embedding
    adapters: Mapping[str, Tensor]

    @property
    def dims(self) -> int:
        """The length of a descriptor."""
        return self.base.dims

    @property
    def sample_ndim(self) -> int:
        """The dimensions of one sample."""
        return self.base.sample_ndim

    def form(self) -> Mapping[str, Option]:
        """Return the form of the base: the adapters are the method's."""
        return self.base.form()

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the base and the adapters."""
        return {**self.base.tensors(), **self.adapters}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the same map with other tensors. Raises WeightsError."""
        given = checked_tensors(tensors, self.tensors(), what="the adapted embedding")
        return replace(
            self,
            base=self.base.with_tensors({name: given[name] for name in self.base.tensors()}),
            adapters={name: given[name] for name in self.adapters},
        )

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        """Return the descriptors of the supports and what their queries need, by the changed tensors."""
        return self.base.embed_support(support, self._changed(tensors), step=step)

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        """Return the descriptors of queries by the changed tensors."""
        return self.base.embed(samples, self._changed(tensors), state)

    def _changed(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: _with_change(tensors, name) for name in self.base.tensors()}


def start_adapters(embedding: Embedding, *, rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return adapters that change nothing yet: ``down`` by chance, ``up`` and offsets 0.

    Raises BadDataError for a rank below 1 or an embedding without tensors.
    """
    tensors = embedding.tensors()
    if rank < 1 or not tensors:
        raise BadDataError(
            f"adapters of rank {rank} on {len(tensors)} tensors change nothing; give a rank of 1 or more"
        )
    matrices = {name: tensor for name, tensor in tensors.items() if tensor.ndim in {2, 4}}
    if not matrices:
        return {f"{ADAPTER}{name}{_OFFSET}": torch.zeros_like(tensor) for name, tensor in tensors.items()}
    found = {}
    for name, tensor in matrices.items():
        inside = prod(tensor.shape[1:])
        down = torch.randn(rank, inside, generator=generator) / inside**0.5
        found[f"{ADAPTER}{name}{_DOWN}"] = down.to(tensor)
        found[f"{ADAPTER}{name}{_UP}"] = tensor.new_zeros(len(tensor), rank)
    return found


def _with_change(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    tensor, key = tensors[name], f"{ADAPTER}{name}"
    if f"{key}{_OFFSET}" in tensors:
        return tensor + tensors[f"{key}{_OFFSET}"]
    if f"{key}{_UP}" in tensors:
        return tensor + (tensors[f"{key}{_UP}"] @ tensors[f"{key}{_DOWN}"]).reshape(tensor.shape)
    return tensor
