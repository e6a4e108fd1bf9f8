"""One run of episodic training of a method: tasks, objective, gradient, step; on cached descriptors a step is ms."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, Indices
from inspect_pipeline.learning.losses import build_loss, class_probabilities, sample_losses
from inspect_pipeline.learning.method import Method, Objective
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import Samples, as_cache
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.training.augmented_tasks import task_maker
from inspect_pipeline.learning.training.checkpoints import TrainingState, refuse_other, state_from_bytes
from inspect_pipeline.learning.training.objectives import ObjectiveOf
from inspect_pipeline.learning.training.optimizer import HeadOptimizer, Multiplier
from inspect_pipeline.learning.training.precision import finite
from inspect_pipeline.learning.training.processes import Processes

_DROPPED = 5  # the stream of what is dropped, beside those of augmented tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """Mean loss and mean accuracy of the queries of a step."""

    loss: float
    accuracy: float


class EpisodeTraining:
    """A method on its way: steps on its objective, and a pull towards the head at the start.

    Step n uses episodes n * tasks .. (n + 1) * tasks - 1 of the seed, so that a run is the same wherever it happens:
    in one process or shared by several, all tasks at once or some at a time, in one go or from a checkpoint. Only what
    an embedding drops (DropBlock) goes by the stack of tasks that are computed together. ``multiplier`` gives the rates
    of tensors by name (None: as the options say). The embedding's frozen numbers must lie where the samples are taken.
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
        processes: Processes | None = None,
        multiplier: Multiplier | None = None,
    ) -> None:
        self._samples = as_cache(features, index)
        self._sampler = episode_sampler(index, spec, options.sampling, seed=seed)
        self._maker = task_maker(self._samples, options.augmentation, seed=seed)
        self._options, self._seed = options, seed
        self._processes = processes or Processes()
        self._processes.share(range(options.tasks_per_step))
        self._start = {name: tensor.to(self._samples.device) for name, tensor in method.head().items()}
        self._method = method.with_head(self._start)
        self._objective = ObjectiveOf(self._method, build_loss(options.loss), options.precision, options.compiler)
        self._head = {name: tensor.clone().requires_grad_() for name, tensor in self._start.items()}
        self._optimizer = HeadOptimizer(
            self._head,
            options.optimization,
            learning_rate=options.learning_rate,
            steps=options.steps,
            multiplier=multiplier,
        )
        self._hardness, self._steps = Hardness(), 0
        self._report = StepReport(loss=float("nan"), accuracy=float("nan"))
        self._digest = ""

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
        processes: Processes | None = None,
    ) -> Self:
        """Return a training that sees only these samples."""
        return cls(
            method,
            as_cache(features, index).subset(samples),
            index.subset(samples),
            spec=spec,
            options=options,
            seed=seed,
            processes=processes,
        )

    @property
    def report(self) -> StepReport:
        """What the last step gave; no numbers before the first."""
        return self._report

    @property
    def taken(self) -> int:
        """How many steps were taken, those before a checkpoint included."""
        return self._steps

    def step(self) -> float:
        """Take one step and return the mean loss of its queries. Raises BadDataError when the loss is no number."""
        count = self._options.tasks_per_step
        every = range(self._steps * count, (self._steps + 1) * count)
        numbers = self._processes.share(every)
        episodes = self._sampler.step(self._steps, numbers=numbers, hardness=self._hardness)
        self._optimizer.clear()
        at_once = self._options.tasks_at_once or count
        rows = torch.cat(
            [
                self._backward(episodes[first : first + at_once], numbers[first : first + at_once], pulled=first == 0)
                for first in range(0, len(numbers), at_once)
            ]
        )
        self._processes.add_gradients(self._optimizer.moved)
        rows = self._processes.gathered(rows)
        loss = float(rows[:, 0].contiguous().mean())  # summed in one order, however the rows came about
        if not (torch.isfinite(rows).all() and finite(list(self._optimizer.moved.values()))):
            raise BadDataError("the outer loop diverged: its loss is no number; give a lower learning rate")
        if self._options.sampling.policy == "hard":
            self._remember(every, rows[:, 2:])
        self._optimizer.step(self._steps)
        self._steps += 1
        self._report = StepReport(loss=loss, accuracy=float(rows[:, 1].mean()))
        return loss

    def method(self) -> Method:
        """Return the method with a copy of its head as it is now."""
        return self._method.with_head({name: tensor.detach().clone() for name, tensor in self._head.items()})

    def state(self) -> TrainingState:
        """Return all that this training is now; ``to_bytes`` of it goes into a file."""
        return TrainingState(
            facts=self._facts(),
            step=self._steps,
            head={name: tensor.detach().clone() for name, tensor in self._head.items()},
            start=self._start,
            optimizer=self._optimizer.state(),
            hardness=self._hardness,
        )

    def load_state(self, state: TrainingState) -> None:
        """Go on from a state of the same training. Raises BadDataError that names what differs."""
        refuse_other(state.facts, self._facts())
        for name, tensor in self._method.with_head(state.head).head().items():
            self._head[name].data.copy_(tensor)
        for name, tensor in self._method.with_head(state.start).head().items():
            self._start[name] = tensor.to(self._samples.device)
        self._optimizer.load_state(state.optimizer)
        self._hardness, self._steps = state.hardness, state.step

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        return self.state().to_bytes()

    def resume(self, data: bytes) -> None:
        """Go on from bytes of ``to_bytes``. Raises BadDataError for those of another training."""
        self.load_state(state_from_bytes(data))

    def _backward(self, episodes: Sequence[Episode], numbers: Sequence[int], *, pulled: bool) -> Tensor:
        """Add the gradients of these tasks; return what ``_rows`` says of each."""
        tasks = self._maker.tasks(episodes, numbers)
        progress = min(self._steps / self._options.steps, 1.0)
        found = self._objective(self._head, tasks, progress=progress, seed=_seed_of(self._seed, numbers[0]))
        loss = found.loss.sum() / self._options.tasks_per_step
        if pulled and self._processes.rank == 0:
            pull = sum((now - self._start[name]).square().sum() for name, now in self._head.items() if now.ndim)
            loss = loss + self._options.decay * pull
        torch.autograd.backward(loss)
        return _rows(found, tasks, by_class=self._options.sampling.policy == "hard")

    def _remember(self, numbers: Sequence[int], class_losses: Tensor) -> None:
        """Bring the running losses up to date, in every process alike."""
        episodes = self._sampler.step(self._steps, numbers=numbers, hardness=self._hardness)
        rows = class_losses.double().cpu().numpy()
        self._hardness = self._hardness.after(episodes, rows, memory=self._options.sampling.hard_memory)

    def _facts(self) -> dict[str, Any]:
        if not self._digest:
            index = self._sampler.index
            told = repr((index.families, index.types, index.groups.tolist(), self._samples.digest()))
            self._digest = hashlib.sha256(told.encode()).hexdigest()
        return {
            "method": self._method.name,
            "method options": dict(self._method.options()),
            "embedding": dict(self._method.embedding.form()),
            "episodes": asdict(self._sampler.spec),
            "outer loop": asdict(replace(self._options, tasks_at_once=0)),
            "seed": self._seed,
            "data": self._digest,
        }


def _seed_of(seed: int, number: int) -> int:
    """Return the seed of what is dropped in the stack of tasks that begins with that episode."""
    word = np.random.SeedSequence(seed, spawn_key=(_DROPPED, number)).generate_state(1, np.uint64)[0]
    return int(word) % 2**63


def _rows(found: Objective, tasks: Tasks, *, by_class: bool) -> Tensor:
    """Return loss and accuracy (t, 2) without gradient, ``by_class`` the mean cross-entropy of each class beside them.

    A mixed query counts for the class that it holds most of.
    """
    logits, labels = found.logits.detach().float(), tasks.query_labels
    mostly = labels.argmax(dim=-1) if labels.is_floating_point() else labels
    accuracy = (logits.argmax(dim=-1) == mostly).float().mean(dim=-1)
    rows = torch.stack([found.loss.detach().float(), accuracy], dim=-1)
    if not by_class:
        return rows
    of_class = class_probabilities(mostly, logits)
    losses = sample_losses(logits, class_probabilities(labels, logits))[..., None] * of_class
    return torch.cat([rows, losses.sum(dim=-2) / of_class.sum(dim=-2).clamp(min=1.0)], dim=-1)
