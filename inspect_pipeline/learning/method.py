"""What a few-shot method is: one ``adapt``, used by the outer loop, by evaluation and at the site alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.tasks import Tasks


class Classifier(Protocol):
    """What a method made of a support set."""

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, way) of query samples (..., q, *shape); the greatest is the type."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """What the outer loop minimises: ``loss`` (t,) of each task, and the logits (t, q, way) of its queries."""

    loss: Tensor
    logits: Tensor


class Method(Protocol):
    """A few-shot method with its head; immutable."""

    @property
    def name(self) -> str:
        """The name that configurations and bundles use."""
        ...

    @property
    def embedding(self) -> Embedding:
        """The map from samples to descriptors; its tensors are part of the head."""
        ...

    def options(self) -> Mapping[str, Option]:
        """Return what the method was built with beside its embedding (steps, order, rank): plain JSON."""
        ...

    def head(self) -> dict[str, Tensor]:
        """Return the tensors that the outer loop learns, by name."""
        ...

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError for missing, unexpected or misshapen ones."""
        ...

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> Classifier:
        """Return the classifier of a task, or of a stack of tasks.

        ``support`` (..., n, *shape) float32 samples, ``labels`` (n,) or (..., n) in 0..way-1; shots may differ between
        classes. A semi-supervised method looks at ``unlabelled`` (..., u, *shape) as well, the others leave it alone.
        Raises BadDataError for labels that are not every one of 0..way-1.
        """
        ...

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return what a step of the outer loop minimises; ``progress`` runs from 0 to 1 over the training.

        For most methods this is ``query_objective``; others say here what they minimise instead.
        """
        ...


def query_objective(method: Method, tasks: Tasks, *, loss: Loss) -> Objective:
    """Return the loss of the queries under the classifier that ``adapt`` makes of the supports."""
    classifier = method.adapt(tasks.support, tasks.support_labels, way=tasks.way, unlabelled=tasks.unlabelled)
    logits = classifier.score(tasks.query)
    return Objective(loss=loss(logits, tasks.query_labels), logits=logits)
