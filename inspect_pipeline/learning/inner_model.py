"""What an inner loop steps: an embedding and a linear head as functions of tensors, of one task or many."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import one_hot

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding
from inspect_pipeline.learning.heads import centred, checked_labels

Fast = Mapping[str, Tensor]
"""The stepped tensors of t tasks, each (t, *shape), by name; the head's are ``WEIGHT`` and ``BIAS``."""
WEIGHT, BIAS = "linear_head.weight", "linear_head.bias"  # (t, way, d) and (t, way)
_MEAN = "supports.mean"


def usable(tensor: Tensor) -> Tensor:
    """Return the tensor, or a copy of one that was made under ``inference_mode``, which autograd cannot keep."""
    return tensor.clone() if tensor.is_inference() else tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskStack:
    """The supports (t, n, *shape) of t tasks, their labels (t, n), and ``weights`` (t, n) that sum to 1 in each task.

    Every class weighs the same, however many supports it has. ``lead`` is the shape that t stands for.
    """

    samples: Tensor
    labels: Tensor
    weights: Tensor
    way: int
    lead: tuple[int, ...]

    @classmethod
    def of(cls, support: Tensor, labels: Tensor, *, way: int, sample_ndim: int) -> Self:
        """Return the stack of supports (..., n, *shape). Raises BadDataError for labels with a gap."""
        lead = tuple(support.shape[: support.ndim - 1 - sample_ndim])
        samples = usable(support.reshape(-1, *support.shape[len(lead) :]))
        every = usable(checked_labels(labels, way).expand(*lead, -1).reshape(len(samples), -1))
        members = one_hot(every, way).to(torch.promote_types(samples.dtype, torch.float32))
        weights = (members / members.sum(dim=-2, keepdim=True)).sum(dim=-1) / way
        return cls(samples=samples, labels=every, weights=weights, way=way, lead=lead)

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, rows: slice) -> Self:
        """Return some of the tasks."""
        return replace(self, samples=self.samples[rows], labels=self.labels[rows], weights=self.weights[rows])

    def tensors(self) -> dict[str, Tensor]:
        """Return what the tasks consist of, by name."""
        return {"samples": self.samples, "labels": self.labels, "weights": self.weights}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """An embedding, its tensors of ``fixed`` as they are and the others stepped, and a linear head on its descriptors.

    The head sees them minus the mean of the supports and L2-normed where ``centres``, else as they are, and times
    exp(``log_length``). ``at_once`` tasks are run together, 0 for what pays.
    """

    embedding: Embedding
    fixed: Mapping[str, Tensor]
    log_length: Tensor
    centres: bool
    at_once: int

    @property
    def head_only(self) -> bool:
        """Whether no tensor of the embedding is stepped, so that its descriptors stay as they are."""
        return self.fixed.keys() == self.embedding.tensors().keys()

    def detached(self) -> Self:
        """Return the model as a constant of the outer loop."""
        fixed = {name: tensor.detach() for name, tensor in self.fixed.items()}
        return replace(self, fixed=fixed, log_length=self.log_length.detach())

    def support(self, fast: Fast, samples: Tensor, weights: Tensor, *, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the head sees of the supports, (..., n, d), and what their queries need of them."""
        rows, state = self.embedding.embed_support(samples, self._tensors(fast), step=step)
        found = {**state, _MEAN: weights.to(rows.dtype).unsqueeze(-2) @ rows} if self.centres else dict(state)
        return self._seen(rows, found), found

    def query(self, fast: Fast, anchor: Fast, samples: Tensor) -> Tensor:
        """Return the logits (..., q, way) of queries; ``anchor`` is what ``support`` gave for them."""
        state = {name: tensor for name, tensor in anchor.items() if name != _MEAN}
        rows = self.embedding.embed(samples, self._tensors(fast), state)
        return linear(fast, self._seen(rows, anchor))

    def alone(self, fast: Fast, tasks: TaskStack) -> bool:
        """Return whether queries need nothing of the supports; one support is embedded to see that."""
        with torch.no_grad():
            return not self.support(taken(fast, 0), tasks.samples[0, :1], tasks.weights[0, :1], step=0)[1]

    def slices(self, samples: Tensor) -> Iterator[slice]:
        """Return which of the tasks of ``samples`` to run together: vmap does not pay for convolutions on a CPU."""
        count = len(samples)
        plain = samples.device.type == "cpu" and self.embedding.sample_ndim > 1
        size = count if self.head_only else self.at_once or (1 if plain else count)
        return (slice(first, first + size) for first in range(0, count, size))

    def _tensors(self, fast: Fast) -> dict[str, Tensor]:
        return {**self.fixed, **{name: tensor for name, tensor in fast.items() if name not in {WEIGHT, BIAS}}}

    def _seen(self, rows: Tensor, anchor: Fast) -> Tensor:
        return self.log_length.exp() * (centred(rows, anchor[_MEAN]) if self.centres else rows)


def linear(fast: Fast, rows: Tensor) -> Tensor:
    """Return the logits (..., n, way) of the linear head for what it sees, (..., n, d)."""
    return rows @ fast[WEIGHT].mT + fast[BIAS].unsqueeze(-2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearClassifier:
    """The stepped tensors of t tasks, and ``anchor``: what their queries need of the supports."""

    model: Model
    fast: Fast
    anchor: Fast
    lead: tuple[int, ...]

    def score(self, query: Tensor) -> Tensor:
        """Return the logits (..., q, way) of queries (..., q, *shape). Raises BadDataError for other tasks."""
        shape = tuple(query.shape[: query.ndim - self.model.embedding.sample_ndim])
        if self.lead and shape[:-1] != self.lead:
            raise BadDataError(f"queries of tasks {shape[:-1]} do not fit a classifier of tasks {self.lead}")
        samples = query.reshape(len(self.fast[WEIGHT]), -1, *query.shape[len(shape) :])
        parts = [
            self._logits(taken(self.fast, rows), taken(self.anchor, rows), samples[rows])
            for rows in self.model.slices(samples)
        ]
        return torch.cat(parts).reshape(*shape, -1)

    def _logits(self, fast: Fast, anchor: Fast, samples: Tensor) -> Tensor:
        if self.model.head_only:
            return self.model.query(fast, anchor, samples)

        def of_task(fast: Fast, anchor: Fast, given: Fast) -> dict[str, Tensor]:
            return {"logits": self.model.query(fast, anchor, given["samples"])}

        return each_task(of_task, fast, anchor, {"samples": samples})["logits"]


def each_task(function: Callable[..., dict[str, Tensor]], *stacked: Fast) -> dict[str, Tensor]:
    """Return what ``function`` gives for the tensors of every task, stacked: by vmap, or plainly for one task alone."""
    if all(len(tensor) == 1 for tensors in stacked for tensor in tensors.values()):
        alone = function(*(taken(tensors, 0) for tensors in stacked))
        return {name: tensor.unsqueeze(0) for name, tensor in alone.items()}
    found: dict[str, Tensor] = vmap(function, randomness="different")(*stacked)
    return found


def taken(tensors: Mapping[str, Tensor], rows: slice | int) -> dict[str, Tensor]:
    """Return some of the tasks, or one, of stacked tensors."""
    return {name: tensor[rows] for name, tensor in tensors.items()}
