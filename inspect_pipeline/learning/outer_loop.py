"""Meta-training: a method's head is learned from episodes, and shipped only if it beats every frozen baseline.

The trunk is frozen and its descriptors are computed once, so a step costs milliseconds. Families (or types, or groups)
held out of training choose the step to keep and, on other episodes, decide between the trained head and the baselines.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, episode, plan_episodes
from inspect_pipeline.learning.evaluation import (
    Evaluation,
    Interval,
    Tasks,
    as_tensor,
    evaluate,
    paired_difference,
    stack,
)
from inspect_pipeline.learning.held_out import Division, divide
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods import frozen_baselines
from inspect_pipeline.learning.outer_loop_settings import OuterLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The mean loss since the last checkpoint and the accuracy on validation episodes, at a step."""

    step: int
    loss: float | None
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OuterLoopResult:
    """What came out: the head to ship and the proof.

    ``method`` is the trained one where ``chosen`` is its name, else the best frozen baseline (``chosen`` is "frozen").
    ``decision`` holds all of them on the same episodes; ``differences`` what the trained head gained over each
    baseline, paired.
    """

    method: Method
    trained: Method
    chosen: str
    best_baseline: str
    decision: Evaluation
    differences: Mapping[str, Interval]
    history: tuple[Checkpoint, ...]
    division: Division
    episodes: int

    def metrics(self) -> dict[str, float]:
        """Return the figures for a tracker: accuracies on held-out episodes and the paired gain over each baseline."""
        found = {"episodes": float(self.episodes), "kept_step": float(self.kept_step)}
        for name, score in self.decision.scores.items():
            found[f"{name}.accuracy"] = score.accuracy.mean
            found[f"{name}.accuracy_low"], found[f"{name}.accuracy_high"] = score.accuracy.low, score.accuracy.high
        for name, gain in self.differences.items():
            found[f"gain_over_{name}"] = gain.mean
            found[f"gain_over_{name}_low"], found[f"gain_over_{name}_high"] = gain.low, gain.high
        return found

    @property
    def kept_step(self) -> int:
        """The step whose head was kept: the earliest of the best on validation episodes."""
        return max(self.history, key=lambda point: (point.accuracy, -point.step)).step


def meta_train(
    method: Method,
    features: NDArray[np.float32],
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    options: OuterLoop,
    seed: int,
    progress: Progress | None = None,
) -> OuterLoopResult:
    """Return the method trained on episodes of ``index``, or the frozen baseline that it could not beat.

    ``features`` (n, d) float32 are descriptors of the frozen backbone. The same arguments give the same bits on the
    same machine and thread count. Raises BadDataError when the data cannot serve such episodes or training diverges.
    """
    training, selection, decision = (int(word) for word in np.random.SeedSequence(seed).generate_state(3))
    division = divide(index, spec, np.random.default_rng(seed))
    held_features, held_index = features[division.validation], index.subset(division.validation)
    validate = _Validation(features=held_features, index=held_index, spec=division.validation_spec, seed=selection)
    baselines = frozen_baselines(features.shape[1])
    best = max(baselines, key=lambda each: validate.accuracy(each, episodes=options.validation_episodes))
    trained, history = _learn(
        method,
        _TrainingTasks(features[division.train], index.subset(division.train), spec=division.train_spec, seed=training),
        validate,
        options=options,
        progress=progress,
    )
    proof = evaluate(
        held_features,
        held_index,
        division.validation_spec,
        episodes=options.decision_episodes,
        seed=decision,
        methods=(trained, *baselines),
    )
    gains = {each.name: paired_difference(proof.scores[trained.name], proof.scores[each.name]) for each in baselines}
    won = all(gain.low > 0.0 for gain in gains.values())
    return OuterLoopResult(
        method=trained if won else best,
        trained=trained,
        chosen=trained.name if won else "frozen",
        best_baseline=best.name,
        decision=proof,
        differences=gains,
        history=history,
        division=division,
        episodes=history[-1].step * options.tasks_per_step,
    )


class _TrainingTasks:
    """Episodes of the training side, as many a step as asked for, numbered through."""

    def __init__(self, features: NDArray[np.float32], index: EpisodeIndex, *, spec: EpisodeSpec, seed: int) -> None:
        self.features = as_tensor(features, index)
        self.plan = plan_episodes(index, spec)
        self.seed = seed

    def of_step(self, step: int, *, count: int) -> Tasks:
        numbers = range(step * count, (step + 1) * count)
        return stack(self.features, [episode(self.plan, seed=self.seed, number=number) for number in numbers])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Validation:
    features: NDArray[np.float32]
    index: EpisodeIndex
    spec: EpisodeSpec
    seed: int

    def accuracy(self, method: Method, *, episodes: int) -> float:
        found = evaluate(self.features, self.index, self.spec, episodes=episodes, seed=self.seed, methods=(method,))
        return found.scores[method.name].accuracy.mean


def _learn(
    method: Method,
    tasks: _TrainingTasks,
    validate: _Validation,
    *,
    options: OuterLoop,
    progress: Progress | None,
) -> tuple[Method, tuple[Checkpoint, ...]]:
    """Return the method at its best checkpoint, and all checkpoints; the untrained head is checkpoint 0."""
    start = method.head()
    head = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    optimizer = torch.optim.Adam(list(head.values()), lr=options.learning_rate)
    best = method
    history = [Checkpoint(step=0, loss=None, accuracy=validate.accuracy(method, episodes=options.validation_episodes))]
    losses: list[float] = []
    for step in range(options.steps):
        losses.append(
            _step(
                method.with_head(head),
                tasks.of_step(step, count=options.tasks_per_step),
                optimizer,
                anchor=start,
                decay=options.decay,
            )
        )
        if progress is not None:
            progress("meta-train", step + 1, options.steps)
        if (step + 1) % options.validate_every and step + 1 < options.steps:
            continue
        now = method.with_head({name: tensor.detach().clone() for name, tensor in head.items()})
        accuracy = validate.accuracy(now, episodes=options.validation_episodes)
        if accuracy > max(point.accuracy for point in history):
            best = now
        history.append(Checkpoint(step=step + 1, loss=float(np.mean(losses)), accuracy=accuracy))
        losses = []
        if _stale(history) >= options.patience:
            break
    return best, tuple(history)


def _step(
    method: Method, tasks: Tasks, optimizer: torch.optim.Optimizer, *, anchor: Mapping[str, Tensor], decay: float
) -> float:
    """Take one outer step and return its loss: cross-entropy of the queries and the pull towards the start."""
    way = int(tasks.support_labels.max()) + 1
    logits = method.adapt(tasks.support, tasks.support_labels, way=way).score(tasks.query)
    loss = cross_entropy(logits.flatten(0, 1), tasks.query_labels.repeat(len(logits)))
    pull = sum((tensor - anchor[name]).square().sum() for name, tensor in method.head().items() if tensor.ndim)
    optimizer.zero_grad()
    torch.autograd.backward(loss + decay * pull)
    optimizer.step()
    if not torch.isfinite(loss):
        raise BadDataError("the outer loop diverged: its loss is no number; give a lower learning rate")
    return float(loss.detach())


def _stale(history: list[Checkpoint]) -> int:
    """Return how many checkpoints ago the best one was."""
    accuracies = [point.accuracy for point in history]
    return len(accuracies) - 1 - accuracies.index(max(accuracies))
