"""MAML of low-rank adapters (LoRA: Hu et al. 2021, as the inner loop of Finn, Abbeel, Levine 2017).

A trunk keeps its tensors, in the inner loop and in the outer one. Small adapters beside them are stepped on the
supports, and where they start is learned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adapter_embedding import ADAPTER, AdapterEmbedding, start_adapters
from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.methods.gradient_method import LENGTH, GradientMethod, settings_for, start_length


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdapterMAML(GradientMethod):
    """Steps the adapters and the head. ``rank`` is theirs; ``seed`` decides how they start, and nothing later."""

    settled: ClassVar[Mapping[str, Option]] = {"stepped": f"{ADAPTER}*"}

    rank: int
    seed: int

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option]) -> Self:
        """Return the method with adapters that change nothing yet. Raises BadDataError for an option of no use."""
        rank, seed = _whole(options, "rank"), _whole(options, "seed")
        adapters = start_adapters(embedding, rank=rank, generator=torch.Generator().manual_seed(seed))
        settings = settings_for(cls, options, AdapterEmbedding(base=embedding, adapters=adapters))
        return cls(
            embedding=embedding,
            settings=settings,
            own={LENGTH: start_length(settings, embedding), **adapters},
            name="adapter_maml",
            rank=rank,
            seed=seed,
        )

    def options(self) -> dict[str, Option]:
        """Return the settings of the inner loop, the rank and the seed."""
        return {**GradientMethod.options(self), "rank": self.rank, "seed": self.seed}

    def stepped_embedding(self) -> AdapterEmbedding:
        """Return the embedding with the adapters beside its tensors, which are constants of the outer loop."""
        tensors: dict[str, Tensor] = {name: tensor.detach() for name, tensor in self.embedding.tensors().items()}
        adapters = {name: tensor for name, tensor in self.own.items() if name != LENGTH}
        return AdapterEmbedding(base=self.embedding.with_tensors(tensors), adapters=adapters)


def _whole(options: Mapping[str, Option], name: str) -> int:
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadDataError(f"{name} = {value!r} cannot be used; give a whole number of 0 or more")
    return value
