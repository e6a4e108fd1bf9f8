"""One run of episodic training of a method's head on cached descriptors; a step costs milliseconds."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices, episode, plan_episodes
from inspect_pipeline.learning.evaluation import as_tensor
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.tasks import stack


class EpisodeTraining:
    """A method on its way: Adam on the head, the method's objective, and a pull towards the head at the start.

    Step n uses episodes n * tasks .. (n + 1) * tasks - 1 of the seed, so that a run is the same wherever it happens.
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
        self._features = as_tensor(features, index)
        self._plan = plan_episodes(index, spec)
        self._method, self._options, self._seed = method, options, seed
        self._start = method.head()
        self._head = {name: tensor.clone().requires_grad_() for name, tensor in self._start.items()}
        self._optimizer = torch.optim.Adam(list(self._head.values()), lr=options.learning_rate)
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
        """Take one step and return the mean loss of its queries. Raises BadDataError when the loss is no number."""
        count = self._options.tasks_per_step
        numbers = range(self._steps * count, (self._steps + 1) * count)
        tasks = stack(self._features, [episode(self._plan, seed=self._seed, number=number) for number in numbers])
        progress = min(self._steps / self._options.steps, 1.0)
        learner = self._method.with_head(self._head)
        loss = learner.objective(tasks, loss=mean_cross_entropy, progress=progress).loss.mean()
        if not torch.isfinite(loss):
            raise BadDataError("the outer loop diverged: its loss is no number; give a lower learning rate")
        pull = sum((tensor - self._start[name]).square().sum() for name, tensor in self._head.items() if tensor.ndim)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss + self._options.decay * pull)
        self._optimizer.step()
        self._steps += 1
        return float(loss.detach())

    def method(self) -> Method:
        """Return the method with a copy of its head as it is now."""
        return self._method.with_head({name: tensor.detach().clone() for name, tensor in self._head.items()})
