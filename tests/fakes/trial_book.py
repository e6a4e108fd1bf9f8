"""Trials in memory, drawn at random; a trial is pruned where its first report is below the best of before."""

from collections.abc import Sequence

import numpy as np

from inspect_pipeline.domain.search import Axis, Option, Sampler, SearchLog, Tried
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.method_search import Objective


class _Pruned(Exception):  # noqa: N818 - a signal, no error
    pass


class InMemoryTrialBook:
    """Studies by name."""

    def __init__(self, *, prune_below: float = 0.0) -> None:
        self.studies: dict[str, list[Tried]] = {}
        self.about: dict[str, str] = {}
        self.prune_below = prune_below

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
        if self.about.setdefault(study, about) != about:
            raise BadDataError(f"study {study!r} is a search of other data, settings or space")
        tried = self.studies.setdefault(study, [])
        generator = np.random.default_rng(seed + len(tried))

        def report(_step: int, accuracy: float) -> None:
            if accuracy < self.prune_below:
                raise _Pruned

        for _ in range(trials):
            values: dict[str, Option] = {}
            for axis in axes:
                points = axis.points()
                values[axis.name] = points[int(generator.integers(len(points)))]
            try:
                accuracy, state = objective(values, report), "complete"
            except _Pruned:
                accuracy, state = None, "pruned"
            except BadDataError:
                accuracy, state = None, "failed"
            tried.append(Tried(number=len(tried), values=values, accuracy=accuracy, state=state))
        return SearchLog(tried=tuple(tried), importance={})
