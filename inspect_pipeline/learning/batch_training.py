"""Supervised training on history: one classifier over all types of all families moves a method's embedding.

For methods that learn from batches (``learned`` in the catalog). It has the surface of ``EpisodeTraining``, and a step
sees as many samples, so that the two can be compared and the outer loop can take either.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices
from inspect_pipeline.learning.evaluation import as_tensor
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.weight_files import checked_tensors

_COSINE_SCALE = 10.0
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


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
    """A method on its way: Adam on its embedding and a classifier over types, and a pull towards the embedding's start.

    Step n draws its batch from the seed and n alone: types evenly, then a sample of each. Descriptors are minus the
    mean of their batch, L2-normed, as a task's are minus the mean of its supports.
    """

    def __init__(
        self,
        method: Method,
        features: NDArray[np.float32],
        index: EpisodeIndex,
        *,
        spec: EpisodeSpec,
        options: OuterLoop,
        seed: int,
    ) -> None:
        if not isinstance(method, BatchMethod):
            raise BadDataError(f"method {method.name} does not learn from batches; train it on episodes")
        self._features, self._index = as_tensor(features, index), index
        self._members = [samples for types in index.members().values() for samples in types.values()]
        if len(self._members) < 2:
            raise BadDataError(f"{len(self._members)} type to train a classifier on; give two or more")
        self._method, self._options, self._seed = method, options, seed
        self._kind = method.type_classifier
        self._batch = options.tasks_per_step * spec.way * (spec.shot + spec.query)
        self._start = method.embedding.tensors()
        learned = {**self._start, **_classifier(len(self._members), method.embedding.dims, self._kind, seed)}
        self._learned = {name: tensor.clone().requires_grad_() for name, tensor in learned.items()}
        self._optimizer = torch.optim.Adam(list(self._learned.values()), lr=options.learning_rate)
        self._steps = 0

    @classmethod
    def on(
        cls,
        samples: Indices,
        method: Method,
        features: NDArray[np.float32],
        index: EpisodeIndex,
        *,
        spec: EpisodeSpec,
        options: OuterLoop,
        seed: int,
    ) -> Self:
        """Return a training that sees only these samples."""
        return cls(method, features[samples], index.subset(samples), spec=spec, options=options, seed=seed)

    def step(self) -> float:
        """Take one step and return the mean loss of its batch. Raises BadDataError when the loss is no number."""
        samples, labels = self._drawn(self._steps)
        loss = cross_entropy(self._logits(samples), labels)
        if not torch.isfinite(loss):
            raise BadDataError("training on batches diverged: its loss is no number; give a lower learning rate")
        moved = [(self._learned[name] - start).square().sum() for name, start in self._start.items()]
        self._optimizer.zero_grad()
        torch.autograd.backward(loss + self._options.decay * torch.stack(moved).sum() if moved else loss)
        self._optimizer.step()
        self._steps += 1
        return float(loss.detach())

    def method(self) -> Method:
        """Return the method with a copy of its embedding as it is now, after a look at all samples."""
        embedding = {name: self._learned[name].detach().clone() for name in self._start}
        trained = self._method.with_head({**self._method.head(), **embedding})
        return trained.with_history(self._features, self._index) if isinstance(trained, BatchMethod) else trained

    def state(self) -> dict[str, Tensor]:
        """Return all that a training needs to go on elsewhere, as copies: tensors, Adam's moments, the step."""
        moments = self._optimizer.state_dict()["state"]
        found = {f"learned.{name}": tensor.detach().clone() for name, tensor in self._learned.items()}
        for number, name in enumerate(self._learned if moments else ()):
            found |= {f"adam.{moment}.{name}": moments[number][moment].detach().clone() for moment in _MOMENTS}
        return {**found, "steps": torch.tensor(self._steps)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from ``state``; the next steps are those of the training that gave it. Raises WeightsError."""
        begun = "steps" in state and int(state["steps"]) > 0
        wanted = {f"learned.{name}": tensor for name, tensor in self._learned.items()} | {"steps": torch.tensor(0)}
        for name, tensor in self._learned.items() if begun else ():
            likes = {"exp_avg": tensor, "exp_avg_sq": tensor, "step": torch.tensor(0.0)}
            wanted |= {f"adam.{moment}.{name}": likes[moment] for moment in _MOMENTS}
        given = checked_tensors(state, wanted, what="the state of a training on batches")
        kept = self._optimizer.state_dict()
        kept["state"] = {
            number: {moment: given[f"adam.{moment}.{name}"].clone() for moment in _MOMENTS}
            for number, name in enumerate(self._learned if begun else ())
        }
        self._optimizer.load_state_dict(kept)
        with torch.no_grad():
            for name, tensor in self._learned.items():
                tensor.copy_(given[f"learned.{name}"])
        self._steps = int(given["steps"])

    def _drawn(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the samples (batch, *shape) of a step and the numbers of their types (batch,)."""
        generator = np.random.default_rng([self._seed, number])
        labels = generator.permutation(np.arange(self._batch) % len(self._members))
        rows = [self._members[kind][int(generator.integers(len(self._members[kind])))] for kind in labels.tolist()]
        device = self._features.device
        return self._features[torch.tensor(rows, device=device)], torch.from_numpy(labels).to(device)

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
