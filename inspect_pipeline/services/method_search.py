"""Search of rates, steps and options of a method; what is sought is accuracy on held-out validation episodes only.

Neither the episodes that decide between the trained head and the baselines nor any test is looked at: ``train`` with
the settings that were found draws those anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.search import Axis, Option, Sampler, SearchLog, Tried
from inspect_pipeline.learning.cross_training import CrossTraining, Judge, best
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.held_out import fold_samples
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import as_cache
from inspect_pipeline.learning.training.processes import Processes
from inspect_pipeline.services.evaluation import Described
from inspect_pipeline.services.search_space import OUTER

Values = Mapping[str, Option]
Report = Callable[[int, float], None]
"""Takes an accuracy at a step of a trial; ends the trial, by an exception of its own, where others were better."""
Objective = Callable[[Values, Report], float]


class TrialBook(Protocol):
    """Keeps trials and proposes the next."""

    def search(
        self,
        study: str,
        axes: Sequence[Axis],
        objective: Objective,
        *,
        trials: int,
        sampler: Sampler,
        seed: int,
        about: str,
    ) -> SearchLog:
        """Try so many more and return all there is; ``about`` says of what, and a study is of one thing only.

        A trial whose objective raises BadDataError (it diverged) failed. Raises BadDataError for another search.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSummary:
    """The best trial by validation, all trials, and the frozen baselines on the same validation episodes.

    ``accuracy`` is the best of many on the same episodes and so too high: it ranks settings, it proves nothing.
    """

    task: str
    study: str
    method: str
    accuracy: float
    values: Values
    trials: tuple[Tried, ...]
    new: int
    importance: Mapping[str, float]
    baselines: Mapping[str, float]
    validation_episodes: int
    held_out_by: str
    seed: int
    seeds: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSearch:
    """How trials are made and judged: ``build`` gives the method with options; every trial trains ``seeds`` times."""

    build: Callable[[Values], Method]
    described: Described
    spec: EpisodeSpec
    outer_loop: OuterLoop
    seed: int
    seeds: int
    progress: Progress
    clock: Clock | None = None

    def run(self, book: TrialBook, study: str, axes: Sequence[Axis], *, trials: int, sampler: Sampler) -> SearchSummary:
        """Try so many more settings and return the study. Raises BadDataError when the data cannot serve episodes."""
        judge, method = self._judge(), self.build({})
        seen: list[float] = []

        def objective(values: Values, report: Report) -> float:
            seen.append(self._accuracy(judge, values, report))
            self.progress("search", len(seen), trials, f"best {max(seen):.4f}")
            return seen[-1]

        about = f"{method.name} on {self.described.fingerprint} by {self.spec} and {self.outer_loop} seed {self.seed}"
        log = book.search(study, axes, objective, trials=trials, sampler=sampler, seed=self.seed, about=about)
        complete = [each for each in log.tried if each.state == "complete" and each.accuracy is not None]
        top = max(complete, key=lambda each: (each.accuracy or 0.0, -each.number), default=None)
        return SearchSummary(
            task="search",
            study=study,
            method=method.name,
            accuracy=float("nan") if top is None or top.accuracy is None else top.accuracy,
            values={} if top is None else top.values,
            trials=log.tried,
            new=len(seen),
            importance=log.importance,
            baselines=self._baselines(judge),
            validation_episodes=self.outer_loop.validation_episodes,
            held_out_by=judge.folds.by,
            seed=self.seed,
            seeds=self.seeds,
            fingerprint=self.described.fingerprint,
        )

    def _judge(self) -> Judge:
        index = self.described.index
        samples = as_cache(self.described.features, index)
        generator = np.random.default_rng(self.seed)
        folds = fold_samples(index, self.spec, generator, most=self.outer_loop.folds)
        judged = self.outer_loop.sampling.judged
        return Judge(samples=samples, described=samples, index=index, folds=folds, sampling=judged)

    def _accuracy(self, judge: Judge, values: Values, report: Report) -> float:
        """Return the best validation accuracy of a training with these values, averaged over the seeds."""
        options, loop = split_values(values, self.outer_loop)
        method = self.build(options)
        found: list[float] = []
        for seed in range(self.seed, self.seed + self.seeds):
            training, selection = self._seeds(seed)
            cross = CrossTraining(
                method, judge, options=loop, seeds=(training, selection), processes=Processes(), clock=self.clock
            )
            first = not found  # later seeds of a trial are not pruned: their steps would be counted twice

            def validated(_state: bytes, cross: CrossTraining = cross, first: bool = first) -> None:
                if first:
                    report(cross.history[-1].step, best(cross.history).accuracy)

            cross.run(progress=self.progress, keep=validated)
            found.append(best(cross.history).accuracy)
        return float(np.mean(found))

    def _baselines(self, judge: Judge) -> dict[str, float]:
        methods = frozen_baselines(self.described.features.shape[1])
        _, selection = self._seeds(self.seed)
        scores = judge.score(
            [methods] * len(judge.folds.held_out),
            trained=(),
            episodes=self.outer_loop.validation_episodes,
            seed=selection,
        ).scores
        return {name: score.accuracy.mean for name, score in scores.items()}

    def _seeds(self, seed: int) -> tuple[int, int]:
        """Return the seeds of the training and of the validation episodes; the latter are those of the first seed."""
        training = int(np.random.SeedSequence(seed).generate_state(1)[0])
        return training, int(np.random.SeedSequence(self.seed).generate_state(2)[1])


def split_values(values: Values, loop: OuterLoop) -> tuple[dict[str, Option], OuterLoop]:
    """Return the options of the method, and the outer loop with the values that are its own. Raises BadDataError."""
    options = {name: value for name, value in values.items() if name not in OUTER}
    return options, replace(
        loop,
        learning_rate=float(values.get("learning_rate", loop.learning_rate)),
        decay=float(values.get("decay", loop.decay)),
        tasks_per_step=int(values.get("tasks_per_step", loop.tasks_per_step)),
        steps=int(values.get("steps", loop.steps)),
    )
