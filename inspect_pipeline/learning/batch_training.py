"""Supervised training on history: one classifier over all types of all families moves a method's embedding.

For methods that learn from batches (``learned`` in the catalog). It has the surface of ``EpisodeTraining``, and a step
sees as many samples, so that the two can be compared and the outer loop can take either.
"""

from dataclasses import asdict
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episode_training import StepReport
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import Samples, as_cache
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.training.checkpoints import TrainingState, refuse_other, state_from_bytes
from inspect_pipeline.learning.training.optimizer import HeadOptimizer
from inspect_pipeline.learning.weight_files import checked_tensors

_COSINE_SCALE = 10.0


@runtime_checkable
class BatchMethod(Protocol):
    """What a method that learns from batches can do beside adapting."""

    @property
    def type_classifier(self) -> Literal["linear", "cosine"]:
        """The classifier over historical types that trains its embedding."""
        ...

    def with_history(self, samples: Tensor, index: EpisodeIndex) -> Method:
        """Return the method after it has looked once at all historical samples (n, *shape), its embedding trained."""
        ...


class BatchTraining:
    """A method on its way: its embedding and a classifier over types, and a pull towards the embedding's start.

    Step n draws its batch from the seed and n alone: types evenly, then a sample of each. Descriptors are minus the
    mean of their batch, L2-normed, as a task's are minus the mean of its supports. Several processes would each do the
    same steps: nothing is shared out.
    """

    def __init__(
        self,
        method: Method,
        features: Samples,
        index: EpisodeIndex,
        *,
        spec: EpisodeSpec,
        options: OuterLoop,
        seed: int,
    ) -> None:
        if not isinstance(method, BatchMethod):
            raise BadDataError(f"method {method.name} does not learn from batches; train it on episodes")
        self._samples, self._index = as_cache(features, index), index
        self._members = [samples for types in index.members().values() for samples in types.values()]
        if len(self._members) < 2:
            raise BadDataError(f"{len(self._members)} type to train a classifier on; give two or more")
        self._method, self._options, self._seed = method, options, seed
        self._kind = method.type_classifier
        self._batch = options.tasks_per_step * spec.way * (spec.shot + spec.query)
        device = self._samples.device
        self._start = {name: tensor.to(device) for name, tensor in method.embedding.tensors().items()}
        types = _classifier(len(self._members), method.embedding.dims, self._kind, seed)
        learned = {**self._start, **{name: tensor.to(device) for name, tensor in types.items()}}
        self._learned = {name: tensor.clone().requires_grad_() for name, tensor in learned.items()}
        self._optimizer = HeadOptimizer(
            self._learned, options.optimization, learning_rate=options.learning_rate, steps=options.steps
        )
        self._steps = 0
        self._report = StepReport(loss=float("nan"), accuracy=float("nan"))

    @classmethod
    def on(
        cls,
        samples: Indices,
        method: Method,
        features: Samples,
        index: EpisodeIndex,
        *,
        spec: EpisodeSpec,
        options: OuterLoop,
        seed: int,
    ) -> Self:
        """Return a training that sees only these samples."""
        seen = as_cache(features, index).subset(samples)
        return cls(method, seen, index.subset(samples), spec=spec, options=options, seed=seed)

    @property
    def report(self) -> StepReport:
        """What the last step gave; no numbers before the first."""
        return self._report

    @property
    def taken(self) -> int:
        """How many steps were taken, those before a checkpoint included."""
        return self._steps

    def step(self) -> float:
        """Take one step and return the mean loss of its batch. Raises BadDataError when the loss is no number."""
        samples, labels = self._drawn(self._steps)
        logits = self._logits(samples)
        loss = cross_entropy(logits, labels)
        if not torch.isfinite(loss):
            raise BadDataError("training on batches diverged: its loss is no number; give a lower learning rate")
        moved = [(self._learned[name] - start).square().sum() for name, start in self._start.items()]
        self._optimizer.clear()
        torch.autograd.backward(loss + self._options.decay * torch.stack(moved).sum() if moved else loss)
        self._optimizer.step(self._steps)
        self._steps += 1
        accuracy = (logits.detach().argmax(dim=-1) == labels).float().mean()
        self._report = StepReport(loss=float(loss.detach()), accuracy=float(accuracy))
        return self._report.loss

    def method(self) -> Method:
        """Return the method with a copy of its embedding as it is now, after a look at all samples."""
        embedding = {name: self._learned[name].detach().clone() for name in self._start}
        trained = self._method.with_head({**self._method.head(), **embedding})
        return trained.with_history(self._samples.take(np.arange(len(self._samples))), self._index)

    def state(self) -> TrainingState:
        """Return all that this training is now; ``to_bytes`` of it goes into a file."""
        return TrainingState(
            facts=self._facts(),
            step=self._steps,
            head={name: tensor.detach().clone() for name, tensor in self._learned.items()},
            start=self._start,
            optimizer=self._optimizer.state(),
            hardness=Hardness(),
        )

    def load_state(self, state: TrainingState) -> None:
        """Go on from a state of the same training. Raises BadDataError that names what differs."""
        refuse_other(state.facts, self._facts())
        for name, tensor in checked_tensors(state.head, self._learned, what="a training on batches").items():
            self._learned[name].data.copy_(tensor)
        self._optimizer.load_state(state.optimizer)
        self._steps = state.step

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        return self.state().to_bytes()

    def resume(self, data: bytes) -> None:
        """Go on from bytes of ``to_bytes``. Raises BadDataError for those of another training."""
        self.load_state(state_from_bytes(data))

    def _facts(self) -> dict[str, Any]:
        return {
            "method": self._method.name,
            "method options": dict(self._method.options()),
            "embedding": dict(self._method.embedding.form()),
            "batches": [self._batch, self._kind],
            "outer loop": asdict(self._options),
            "seed": self._seed,
            "data": [self._samples.digest(), len(self._members)],
        }

    def _drawn(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the samples (batch, *shape) of a step and the numbers of their types (batch,)."""
        generator = np.random.default_rng([self._seed, number])
        labels = generator.permutation(np.arange(self._batch) % len(self._members))
        rows = [self._members[kind][int(generator.integers(len(self._members[kind])))] for kind in labels.tolist()]
        return self._samples.take(np.array(rows)), torch.from_numpy(labels).to(self._samples.device)

    def _logits(self, samples: Tensor) -> Tensor:
        """Return the logits (batch, types) of the classifier over types."""
        found, _ = self._method.embedding.embed_support(samples, {name: self._learned[name] for name in self._start})
        placed = normalize(found - found.mean(dim=0, keepdim=True), dim=-1)
        weights = self._learned["types.weights"]
        if self._kind == "cosine":
            return self._learned["types.log_scale"].exp() * (placed @ normalize(weights, dim=0))
        return placed @ weights + self._learned["types.bias"]


def _classifier(types: int, dims: int, kind: Literal["linear", "cosine"], seed: int) -> dict[str, Tensor]:
    """Return the classifier over types as it starts: a cosine head from random directions, a linear one from zero."""
    if kind == "linear":
        return {"types.weights": torch.zeros(dims, types), "types.bias": torch.zeros(types)}
    weights = torch.randn(dims, types, generator=torch.Generator().manual_seed(seed))
    return {"types.weights": weights, "types.log_scale": torch.tensor(_COSINE_SCALE).log()}
