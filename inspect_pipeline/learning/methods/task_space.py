"""The space in which a task is judged: descriptors minus what the types of the task share, L2-normed.

Beside it, how a method keeps its own tensors next to those of its embedding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from inspect_pipeline.learning.embedding import Embedding, State
from inspect_pipeline.learning.heads import centred, task_mean
from inspect_pipeline.learning.weight_files import checked_tensors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskSpace:
    """Where the samples of a task are placed; ``mean`` (..., 1, d) of its supports."""

    embedding: Embedding
    state: State
    mean: Tensor

    def place(self, samples: Tensor) -> Tensor:
        """Return samples (..., q, *shape) in the space, (..., q, d)."""
        return centred(self.embedding.embed(samples, self.embedding.tensors(), self.state), self.mean)


def placed_support(embedding: Embedding, support: Tensor, labels: Tensor, *, way: int) -> tuple[Tensor, TaskSpace]:
    """Return the supports (..., n, d) in the space of their task, and it. Raises BadDataError for labels with a gap."""
    features, state = embedding.embed_support(support, embedding.tensors())
    mean = task_mean(features, labels, way=way)
    return centred(features, mean), TaskSpace(embedding=embedding, state=state, mean=mean)


def parted_head(
    head: Mapping[str, Tensor], embedding: Embedding, own: Mapping[str, Tensor], *, name: str
) -> tuple[Embedding, dict[str, Tensor]]:
    """Return the embedding with its tensors of ``head``, and the rest, which must fit ``own``. Raises WeightsError."""
    given = checked_tensors(head, {**embedding.tensors(), **own}, what=f"the head of {name}")
    return embedding.with_tensors({key: given[key] for key in embedding.tensors()}), {key: given[key] for key in own}
