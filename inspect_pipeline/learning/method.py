"""What a few-shot method is: one ``adapt``, used by the outer loop, by evaluation and at the site alike."""

from collections.abc import Mapping
from typing import Protocol, Self

from torch import Tensor


class Classifier(Protocol):
    """What a method made of a support set."""

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, way) of query descriptors (..., q, d); the greatest is the type."""
        ...


class Method(Protocol):
    """A few-shot method with its head; immutable."""

    @property
    def name(self) -> str:
        """The name that configurations and bundles use."""
        ...

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns, by name."""
        ...

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError for missing, unexpected or misshapen ones."""
        ...

    def adapt(self, support: Tensor, labels: Tensor, *, way: int) -> Classifier:
        """Return the classifier of a task, or of a stack of tasks.

        ``support`` (..., n, d) float32 descriptors, ``labels`` (n,) or (..., n) in 0..way-1; shots may differ between
        classes. Raises BadDataError for labels that are not every one of 0..way-1.
        """
        ...
