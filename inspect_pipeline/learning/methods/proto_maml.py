"""Proto-MAML (Triantafillou et al. 2020): the head starts as the prototypes, and the outer gradient runs through it."""

from collections.abc import Mapping
from typing import Self

from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.inner_model import BIAS, WEIGHT, Fast, Model, TaskStack
from inspect_pipeline.learning.methods.gradient_method import LENGTH, GradientMethod, settings_for, start_length


class ProtoMAML(GradientMethod):
    """With no step it is a ProtoNet, whose distances are linear in the descriptor but for what all classes share."""

    __slots__ = ()

    @classmethod
    def untrained(cls, embedding: Embedding, options: Mapping[str, Option]) -> Self:
        """Return the method at the embedding's tensors. Raises BadDataError for an option of no use."""
        settings = settings_for(cls, options, embedding)
        own = {LENGTH: start_length(settings, embedding)}
        return cls(embedding=embedding, settings=settings, own=own, name="proto_maml")

    def start(self, model: Model, tasks: TaskStack) -> Fast:
        """Return the embedding's tensors, and the head 2 c, -|c|^2 of the prototypes c (t, way, d)."""
        tensors = model.embedding.tensors()
        unstepped = {name: tensor for name, tensor in tensors.items() if name not in model.fixed}
        rows, _ = model.support(unstepped, tasks.samples, tasks.weights, step=0)
        return {**self.stepped(model, tasks), **_prototype_head(rows, tasks)}


def _prototype_head(rows: Tensor, tasks: TaskStack) -> dict[str, Tensor]:
    shares = one_hot(tasks.labels, tasks.way).to(rows.dtype) * (tasks.way * tasks.weights.to(rows.dtype)).unsqueeze(-1)
    prototypes = shares.mT @ rows
    return {WEIGHT: 2.0 * prototypes, BIAS: -prototypes.square().sum(dim=-1)}
