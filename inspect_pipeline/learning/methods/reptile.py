"""Reptile (Nichol, Achiam, Schulman 2018): the start is drawn towards where the steps lead; no query is looked at."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Objective
from inspect_pipeline.learning.methods.gradient_method import LENGTH, GradientMethod, settings_for, start_length
from inspect_pipeline.learning.tasks import Tasks


class Reptile(GradientMethod):
    """The outer gradient is start minus stepped tensors; the head starts at nothing, and the length stays as it is."""

    __slots__ = ()
    settled: ClassVar[Mapping[str, Option]] = {"order": 1}

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option]) -> Self:
        """Return the method at the embedding's tensors. Raises BadDataError for an option of no use."""
        settings = settings_for(cls, options, embedding)
        if not settings.stepped.strip():
            raise BadDataError("reptile learns only what is stepped, and stepped is empty; name some tensors or '*'")
        return cls(
            embedding=embedding, settings=settings, own={LENGTH: start_length(settings, embedding)}, name="reptile"
        )

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        """Return half the squared distance of the start from the stepped tensors, which are constants.

        Its gradient is start minus stepped tensors. The logits of the queries are there to be looked at.
        """
        with torch.no_grad():
            training = replace(self, settings=replace(self.settings, steps_at_test=-1))
            classifier = training.adapt(tasks.support, tasks.support_labels, way=tasks.way)
            logits = classifier.score(tasks.query)
        start = self.embedding.tensors()
        halves: list[Tensor] = [
            0.5 * (start[name] - tensor).square().flatten(1).sum(dim=1)
            for name, tensor in classifier.fast.items()
            if name in start
        ]
        return Objective(loss=torch.stack(halves).sum(dim=0), logits=logits)
