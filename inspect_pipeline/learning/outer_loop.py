"""Meta-training: a method's head is learned from episodes, and shipped only if it beats every frozen baseline.

The trunk is frozen and its descriptors are computed once. Families (or types, or groups) are held out in turn: together
they choose the number of steps and, on other episodes, decide between the trained head and the baselines. The head that
is shipped is then trained on everything for that number of steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.records import Progress
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec
from inspect_pipeline.learning.evaluation import (
    Evaluation,
    Interval,
    evaluate,
    gains_by_family,
    merged,
    paired_difference,
)
from inspect_pipeline.learning.held_out import Folds, fold_samples
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.outer_loop_settings import OuterLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The mean loss since the last checkpoint and the mean accuracy on held-out episodes of all folds, at a step."""

    step: int
    loss: float | None
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OuterLoopResult:
    """What came out: the head to ship and the proof.

    ``method`` is the trained one where ``chosen`` is its name, else the best frozen baseline (``chosen`` is "frozen").
    ``decision`` holds all of them on the same held-out episodes; ``differences`` what training gained over each
    baseline, paired, and ``family_gains`` the same over the best baseline, family by family.
    """

    method: Method
    trained: Method
    chosen: str
    best_baseline: str
    decision: Evaluation
    differences: Mapping[str, Interval]
    family_gains: Mapping[str, Interval]
    history: tuple[Checkpoint, ...]
    division: Folds
    episodes: int

    @property
    def kept_step(self) -> int:
        """The step whose head was kept: the earliest of the best on held-out episodes."""
        return _best(self.history).step

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judge:
    """The held-out side of every fold."""

    features: NDArray[np.float32]
    index: EpisodeIndex
    folds: Folds

    def score(self, methods: Sequence[Sequence[Method]], *, episodes: int, seed: int) -> Evaluation:
        """Return the evaluation of fold i's methods on what fold i held out, all folds as one; ``episodes`` in all."""
        share = episodes // len(methods)
        return merged(
            [
                evaluate(
                    self.features[samples],
                    self.index.subset(samples),
                    self.folds.spec,
                    episodes=share,
                    seed=seed + fold,
                    methods=methods[fold],
                )
                for fold, samples in enumerate(self.folds.held_out)
            ]
        )


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

    The trained head is chosen when its paired 95% interval lies above zero for every baseline, and no held-out family
    lost by it for certain. ``features`` (n, d) float32 are descriptors of the frozen backbone. The same arguments give
    the same bits on the same machine and thread count. Raises BadDataError when the data cannot serve such episodes or
    training diverges.
    """
    training, selection, decision = (int(word) for word in np.random.SeedSequence(seed).generate_state(3))
    folds = fold_samples(index, spec, np.random.default_rng(seed), most=options.folds)
    judge = _Judge(features=features, index=index, folds=folds)
    kept, history = _cross_train(method, judge, options=options, seeds=(training, selection), progress=progress)
    baselines = frozen_baselines(features.shape[1])
    chances = judge.score([baselines] * len(kept), episodes=options.validation_episodes, seed=selection)
    best = max(baselines, key=lambda each: chances.scores[each.name].accuracy.mean)
    proof = judge.score([(each, *baselines) for each in kept], episodes=options.decision_episodes, seed=decision)
    differences = {b.name: paired_difference(proof.scores[method.name], proof.scores[b.name]) for b in baselines}
    family_gains = gains_by_family(proof, method.name, best.name)
    won = all(gain.low > 0.0 for gain in differences.values()) and all(g.high >= 0.0 for g in family_gains.values())
    final = EpisodeTraining(method, features, index, spec=spec, options=options, seed=training)
    for _ in range(_best(history).step):
        final.step()
    return OuterLoopResult(
        method=final.method() if won else best,
        trained=final.method(),
        chosen=method.name if won else "frozen",
        best_baseline=best.name,
        decision=proof,
        differences=differences,
        family_gains=family_gains,
        history=history,
        division=folds,
        episodes=(history[-1].step * len(kept) + _best(history).step) * options.tasks_per_step,
    )


def _cross_train(
    method: Method, judge: _Judge, *, options: OuterLoop, seeds: tuple[int, int], progress: Progress | None
) -> tuple[list[Method], tuple[Checkpoint, ...]]:
    """Train all folds side by side; return each fold's method at the best common step, and all checkpoints."""
    folds = judge.folds
    runs = [
        EpisodeTraining.on(
            folds.training(fold, samples=len(judge.index)),
            method,
            judge.features,
            judge.index,
            spec=folds.spec,
            options=options,
            seed=seeds[0],
        )
        for fold in range(len(folds.held_out))
    ]
    kept = [run.method() for run in runs]
    history = [Checkpoint(step=0, loss=None, accuracy=_accuracy(judge, kept, options, seeds[1]))]
    losses: list[float] = []
    for step in range(1, options.steps + 1):
        losses += [run.step() for run in runs]
        if progress is not None:
            progress("meta-train", step, options.steps)
        if step % options.validate_every and step < options.steps:
            continue
        now = [run.method() for run in runs]
        accuracy = _accuracy(judge, now, options, seeds[1])
        if accuracy > _best(history).accuracy:
            kept = now
        history.append(Checkpoint(step=step, loss=float(np.mean(losses)), accuracy=accuracy))
        losses = []
        if len(history) - 1 - history.index(_best(history)) >= options.patience:
            break
    return kept, tuple(history)


def _accuracy(judge: _Judge, methods: Sequence[Method], options: OuterLoop, seed: int) -> float:
    found = judge.score([(each,) for each in methods], episodes=options.validation_episodes, seed=seed)
    return found.scores[methods[0].name].accuracy.mean


def _best(history: Sequence[Checkpoint]) -> Checkpoint:
    return max(history, key=lambda point: (point.accuracy, -point.step))
