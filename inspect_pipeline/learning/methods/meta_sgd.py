"""Meta-SGD (Li, Zhou, Chen, Li 2017): MAML with a learned rate for every element of what is stepped."""

from collections.abc import Mapping
from typing import Self

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.inner_model import usable
from inspect_pipeline.learning.methods.gradient_method import (
    LENGTH,
    RATE,
    GradientMethod,
    equal_rates,
    settings_for,
    start_length,
    stepped_shapes,
)


class MetaSGD(GradientMethod):
    """Rates ``rate.<name>`` of the shape of each tensor; all classes share those of the head. Any sign."""

    __slots__ = ()

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option]) -> Self:
        """Return the method with all rates at ``rate``. Raises BadDataError for an option of no use."""
        settings = settings_for(cls, options, embedding)
        rates = equal_rates(stepped_shapes(settings, embedding), settings, embedding)
        own = {LENGTH: start_length(settings, embedding), **rates}
        return cls(embedding=embedding, settings=settings, own=own, name="meta_sgd")

    def rate(self, name: str, step: int) -> Tensor:
        """Return the rates of a tensor's elements, the same at every step."""
        return usable(self.own[f"{RATE}{name}"])
