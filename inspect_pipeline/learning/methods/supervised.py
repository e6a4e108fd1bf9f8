"""Supervised training: one classifier over all historical types, then the nearest prototype in the learned space.

What most users would do with history first (the "classifier-baseline" of Chen, Liu, Xu, Darrell, Wang 2021,
Meta-baseline). The classifier over types is trained by ``batch_training.py`` and thrown away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.episodes import EpisodeIndex
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective, query_objective
from inspect_pipeline.learning.methods.option_values import chosen
from inspect_pipeline.learning.methods.protonet import ProtoNet, PrototypeClassifier
from inspect_pipeline.learning.tasks import Tasks

SUPERVISED_OPTIONS: Mapping[str, Option] = {"type_classifier": "cosine"}
"""The classifier over all types that trains the embedding: "linear" or "cosine"."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Supervised:
    """The nearest prototype in an embedding that batches of all types have trained."""

    nearest: ProtoNet
    type_classifier: Literal["linear", "cosine"]
    name: str = "supervised"

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option] = SUPERVISED_OPTIONS) -> Self:
        """Return the method as it starts. Raises BadDataError for an option that cannot be used."""
        kind = chosen(options, "type_classifier", ("linear", "cosine"))
        nearest = ProtoNet.untrained(embedding, name="supervised")
        return cls(nearest=nearest, type_classifier="linear" if kind == "linear" else "cosine")

    @property
    def embedding(self) -> Embedding:
        """The map that is trained."""
        return self.nearest.embedding

    def options(self) -> dict[str, Option]:
        """Return the classifier over types."""
        return {"type_classifier": self.type_classifier}

    def head(self) -> dict[str, Tensor]:
        """Return the tensors of the embedding and the temperature."""
        return self.nearest.head()

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        """Return the same method with other tensors. Raises WeightsError."""
        return replace(self, nearest=self.nearest.with_head(head))

    def with_history(self, samples: Tensor, index: EpisodeIndex) -> Self:
        """Return the same method: of history it keeps the embedding only."""
        return self

    def adapt(
        self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None
    ) -> PrototypeClassifier:
        """Return the prototypes of a task or a stack of tasks. Raises BadDataError for labels with a gap."""
        return self.nearest.adapt(support, labels, way=way)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return the loss of the queries, the same at any ``progress``; batches are what it is meant to learn from."""
        return query_objective(self, tasks, loss=loss)
