"""A method trained once a fold, side by side, validated together on what each fold holds out; resumable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec
from inspect_pipeline.learning.evaluation import Evaluation, evaluate, merged
from inspect_pipeline.learning.held_out import Folds
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import SampleCache
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.training.checkpoints import read_with_facts, with_facts
from inspect_pipeline.learning.training.processes import Processes
from inspect_pipeline.learning.trainings import Training, training_on

Keep = Callable[[bytes], None]
"""Takes a checkpoint; the last one is what a training goes on from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The mean loss since the last checkpoint and the mean accuracy on held-out episodes of all folds, at a step."""

    step: int
    loss: float | None
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """The held-out side of every fold: ``samples`` for the methods, ``described`` (descriptors) for the baselines.

    ``sampling`` says what the episodes that judge hold beside supports and queries."""

    samples: SampleCache
    described: SampleCache
    index: EpisodeIndex
    folds: Folds
    sampling: Sampling

    def score(
        self, methods: Sequence[Sequence[Method]], *, trained: Sequence[str], episodes: int, seed: int
    ) -> Evaluation:
        """Return the evaluation of fold i's methods on what fold i held out, all folds as one; ``episodes`` in all.

        ``trained`` are the names of those that take the samples as they are.
        """
        share = episodes // len(methods)
        return merged(
            [
                evaluate(
                    self.described.subset(held_out),
                    self.index.subset(held_out),
                    self.folds.spec,
                    episodes=share,
                    seed=seed + fold,
                    methods=methods[fold],
                    others={name: self.samples.subset(held_out) for name in trained},
                    sampling=self.sampling,
                )
                for fold, held_out in enumerate(self.folds.held_out)
            ]
        )

    def training(
        self,
        fold: int | None,
        method: Method,
        *,
        spec: EpisodeSpec,
        options: OuterLoop,
        seed: int,
        processes: Processes,
    ) -> Training:
        """Return a training on what the fold does not hold out, or on everything."""
        count = len(self.index)
        chosen = np.arange(count) if fold is None else self.folds.training(fold, samples=count)
        return training_on(
            chosen, method, self.samples, self.index, spec=spec, options=options, seed=seed, processes=processes
        )


class CrossTraining:
    """The trainings of all folds, what validation said so far, and the heads at its best step."""

    def __init__(
        self,
        method: Method,
        judge: Judge,
        *,
        options: OuterLoop,
        seeds: tuple[int, int],
        processes: Processes,
        clock: Clock | None = None,
    ) -> None:
        """``seeds`` are those of the training and of the validation episodes."""
        folds = judge.folds
        self._judge, self._options, self._seeds, self._clock = judge, options, seeds, clock
        self._processes = processes
        self._runs: list[Training] = [
            judge.training(fold, method, spec=folds.spec, options=options, seed=seeds[0], processes=processes)
            for fold in range(len(folds.held_out))
        ]
        self._kept = [run.method() for run in self._runs]
        self._history: list[Checkpoint] = []

    @property
    def kept(self) -> Sequence[Method]:
        """Each fold's method at the best common step."""
        return self._kept

    @property
    def history(self) -> tuple[Checkpoint, ...]:
        """What validation said, from step 0 on."""
        return tuple(self._history)

    @property
    def finished(self) -> bool:
        """Whether all steps are taken, or validation has not gained for as long as patience lasts."""
        if not self._history:
            return False
        waited = len(self._history) - 1 - self._history.index(best(self._history))
        return self._history[-1].step >= self._options.steps or waited >= self._options.patience

    def run(self, *, start: bytes | None = None, progress: Progress | None = None, keep: Keep | None = None) -> None:
        """Train to the end, from ``start`` on; ``keep`` takes a checkpoint after each validation."""
        if start is not None:
            self.resume(start)
        if not self._history:
            self._history.append(Checkpoint(step=0, loss=None, accuracy=self._accuracy(self._kept)))
        while not self.finished:
            first = self._history[-1].step
            last = min(first + self._options.validate_every, self._options.steps)
            losses = self._steps(first, last, progress)
            now = [run.method() for run in self._runs]
            accuracy = self._accuracy(now)
            if accuracy > best(self._history).accuracy:
                self._kept = now
            self._history.append(Checkpoint(step=last, loss=float(np.mean(losses)), accuracy=accuracy))
            if keep is not None:
                keep(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return all that the cross-training is now, after a validation."""
        tensors: dict[str, Tensor] = {f"run.{fold}": as_tensor(run.to_bytes()) for fold, run in enumerate(self._runs)}
        for fold, method in enumerate(self._kept):
            tensors |= {f"kept.{fold}.{n}": t.detach().cpu().contiguous().clone() for n, t in method.head().items()}
        return with_facts(tensors, {"history": [[each.step, each.loss, each.accuracy] for each in self._history]})

    def resume(self, data: bytes) -> None:
        """Go on from ``to_bytes``. Raises BadDataError for the bytes of another training."""
        tensors, facts = read_with_facts(data)
        try:
            history = [Checkpoint(step=s, loss=loss, accuracy=a) for s, loss, a in facts["history"]]
            for fold, run in enumerate(self._runs):
                run.resume(as_bytes(tensors[f"run.{fold}"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataError(f"the checkpoint holds no cross-training ({error!r}); start anew") from error
        self._kept = [self._head(method, tensors, f"kept.{fold}.") for fold, method in enumerate(self._kept)]
        self._history = history

    def _head(self, method: Method, tensors: Mapping[str, Tensor], prefix: str) -> Method:
        device = self._judge.samples.device
        found = {n.removeprefix(prefix): t.to(device) for n, t in tensors.items() if n.startswith(prefix)}
        return method.with_head(found)

    def _steps(self, first: int, last: int, progress: Progress | None) -> list[float]:
        losses: list[float] = []
        pace = Pace(self._clock, self._options.tasks_per_step * len(self._runs))
        for step in range(first + 1, last + 1):
            losses += [run.step() for run in self._runs]
            if progress is not None:
                accuracy = float(np.mean([run.report.accuracy for run in self._runs]))
                note = pace.note(losses[-len(self._runs) :], accuracy, steps=step - first)
                progress("meta-train", step, self._options.steps, note)
        return losses

    def _accuracy(self, methods: Sequence[Method]) -> float:
        name = methods[0].name
        found = self._judge.score(
            [(each,) for each in methods],
            trained=(name,),
            episodes=self._options.validation_episodes,
            seed=self._seeds[1],
        )
        return self._processes.agreed(found.scores[name].accuracy.mean, device=self._judge.samples.device)


class Pace:
    """Words on a training: its loss, its accuracy on training episodes, and episodes a second since it was made."""

    def __init__(self, clock: Clock | None, episodes_per_step: int) -> None:
        self._clock, self._episodes = clock, episodes_per_step
        self._started = None if clock is None else clock()

    def note(self, losses: Sequence[float], accuracy: float, *, steps: int) -> str:
        """Return the words after so many steps."""
        words = [f"loss {float(np.mean(losses)):.3f}", f"accuracy {100.0 * accuracy:.1f}%"]
        if self._clock is not None and self._started is not None:
            passed_s = (self._clock() - self._started).total_seconds()
            if passed_s > 0.0:
                words.append(f"{steps * self._episodes / passed_s:.0f} episodes/s")
        return ", ".join(words)


def best(history: Sequence[Checkpoint]) -> Checkpoint:
    """Return the earliest of the best checkpoints."""
    return max(history, key=lambda point: (point.accuracy, -point.step))


def as_tensor(data: bytes) -> Tensor:
    """Return bytes as uint8, to lie in a safetensors file among others."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def as_bytes(tensor: Tensor) -> bytes:
    """Return what ``as_tensor`` was given."""
    return tensor.cpu().numpy().tobytes()
