"""Meta-training: a method's head is learned from episodes, and shipped only if it beats every frozen baseline.

On descriptors of a frozen trunk these are computed once; an embedding of images is learned as well. Families (or
types, or groups) are held out in turn: together they choose the number of steps and, on other episodes, decide between
the trained head and the baselines. The head that is shipped is then trained on everything for that number of steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.cross_training import (
    Checkpoint,
    CrossTraining,
    Judge,
    Keep,
    Pace,
    as_bytes,
    as_tensor,
    best,
)
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec
from inspect_pipeline.learning.evaluation import Evaluation, Interval, gains_by_family, paired_difference
from inspect_pipeline.learning.held_out import Folds, fold_samples
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import Samples, as_cache
from inspect_pipeline.learning.training.checkpoints import read_with_facts, with_facts
from inspect_pipeline.learning.training.processes import Processes
from inspect_pipeline.learning.trainings import Training


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
        return best(self.history).step

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


def meta_train(
    method: Method,
    features: Samples,
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    options: OuterLoop,
    seed: int,
    progress: Progress | None = None,
    baseline_features: Samples | None = None,
    processes: Processes | None = None,
    clock: Clock | None = None,
    keep: Keep | None = None,
    resume: bytes | None = None,
) -> OuterLoopResult:
    """Return the method trained on episodes of ``index``, or the frozen baseline that it could not beat.

    The trained head is chosen when its paired 95% interval lies above zero for every baseline, and no held-out family
    lost by it for certain. ``features`` are the samples that the method takes; where these are no descriptors,
    ``baseline_features`` (n, d) are those of the frozen backbone for the baselines, on the same episodes. ``keep``
    takes a checkpoint after each validation, from which ``resume`` goes on to the same result; ``clock`` lets progress
    tell episodes a second. With several ``processes`` each calls this with the same arguments. The same arguments give
    the same bits on the same machine and thread count. Raises BadDataError when the data cannot serve such episodes or
    training diverges.
    """
    training, selection, decision = (int(word) for word in np.random.SeedSequence(seed).generate_state(3))
    judge = _judge(features, baseline_features, index, spec, options=options, seed=seed)
    together = processes or Processes()
    cross = CrossTraining(method, judge, options=options, seeds=(training, selection), processes=together, clock=clock)
    begun = {} if resume is None else _unpacked(resume)
    cross.run(
        start=begun.get("cross"),
        progress=progress,
        keep=None if keep is None else lambda data: keep(_packed({"cross": data})),
    )
    verdict = _verdict(cross, judge, options=options, selection=selection, decision=decision)
    final = judge.training(None, method, spec=spec, options=options, seed=training, processes=together)
    _finish(final, cross, start=begun.get("final"), progress=progress, keep=keep, clock=clock, options=options)
    return OuterLoopResult(
        method=final.method() if verdict.won else verdict.top,
        trained=final.method(),
        chosen=method.name if verdict.won else "frozen",
        best_baseline=verdict.top.name,
        decision=verdict.proof,
        differences=verdict.differences,
        family_gains=verdict.family_gains,
        history=cross.history,
        division=judge.folds,
        episodes=(cross.history[-1].step * len(cross.kept) + final.taken) * options.tasks_per_step,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Verdict:
    """The kept heads beside the baselines on episodes of their own; ``top`` is the best baseline by validation."""

    proof: Evaluation
    top: Method
    differences: Mapping[str, Interval]
    family_gains: Mapping[str, Interval]

    @property
    def won(self) -> bool:
        """Whether training gained over every baseline for certain, and lost in no family for certain."""
        gained = all(gain.low > 0.0 for gain in self.differences.values())
        return gained and all(gain.high >= 0.0 for gain in self.family_gains.values())


def _verdict(cross: CrossTraining, judge: Judge, *, options: OuterLoop, selection: int, decision: int) -> _Verdict:
    name = cross.kept[0].name
    baselines = frozen_baselines(judge.described.sample_shape[0])
    chances = judge.score(
        [baselines] * len(cross.kept), trained=(), episodes=options.validation_episodes, seed=selection
    )
    top = max(baselines, key=lambda each: chances.scores[each.name].accuracy.mean)
    entered = [(each, *baselines) for each in cross.kept]
    proof = judge.score(entered, trained=(name,), episodes=options.decision_episodes, seed=decision)
    return _Verdict(
        proof=proof,
        top=top,
        differences={b.name: paired_difference(proof.scores[name], proof.scores[b.name]) for b in baselines},
        family_gains=gains_by_family(proof, name, top.name),
    )


def _judge(
    features: Samples,
    baseline_features: Samples | None,
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    options: OuterLoop,
    seed: int,
) -> Judge:
    samples = as_cache(features, index)
    described = samples if baseline_features is None else as_cache(baseline_features, index)
    if len(described.sample_shape) != 1:
        raise BadDataError(
            f"frozen baselines need descriptors beside samples of shape {samples.sample_shape}; "
            "give baseline_features (n, d)"
        )
    folds = fold_samples(index, spec, np.random.default_rng(seed), most=options.folds)
    return Judge(samples=samples, described=described, index=index, folds=folds, sampling=options.sampling.judged)


def _finish(
    final: Training,
    cross: CrossTraining,
    *,
    start: bytes | None,
    progress: Progress | None,
    keep: Keep | None,
    clock: Clock | None,
    options: OuterLoop,
) -> None:
    """Train on everything for the steps that the folds chose."""
    if start is not None:
        final.resume(start)
    begun, steps = final.taken, best(cross.history).step
    pace = Pace(clock, options.tasks_per_step)
    for step in range(begun + 1, steps + 1):
        loss = final.step()
        if progress is not None:
            note = pace.note([loss], final.report.accuracy, steps=step - begun)
            progress("train on everything", step, steps, note)
        if keep is not None and step % options.validate_every == 0:
            keep(_packed({"cross": cross.to_bytes(), "final": final.to_bytes()}))


def _packed(parts: Mapping[str, bytes]) -> bytes:
    return with_facts({name: as_tensor(data) for name, data in parts.items()}, {"parts": sorted(parts)})


def _unpacked(data: bytes) -> dict[str, bytes]:
    tensors, facts = read_with_facts(data)
    if "cross" not in facts.get("parts", ()):
        raise BadDataError("the checkpoint is of a part of a meta-training; start anew, or give the whole")
    return {name: as_bytes(tensor) for name, tensor in tensors.items()}
