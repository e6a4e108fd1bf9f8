"""Model-agnostic meta-learning (MAML: Finn, Abbeel, Levine 2017), true second order.

Embedding and linear head are stepped on the supports; the outer gradient runs through the steps.
"""

from collections.abc import Mapping
from typing import Self

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.methods.gradient_method import LENGTH, GradientMethod, settings_for, start_length


class MAML(GradientMethod):
    """Steps everything that ``stepped`` names; what is learned is where the steps start."""

    __slots__ = ()

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option], *, name: str = "maml") -> Self:
        """Return the method at the embedding's tensors. Raises BadDataError for an option of no use."""
        settings = settings_for(cls, options, embedding)
        return cls(embedding=embedding, settings=settings, own={LENGTH: start_length(settings, embedding)}, name=name)
