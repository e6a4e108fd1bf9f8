"""Methods on the same episodes, each seeing the samples in its own form: descriptors, activations or images."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodePlan, EpisodeSpec, episode
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.sample_cache import SampleCache, Samples, as_cache
from inspect_pipeline.learning.tasks import Tasks, stack

_TASKS_AT_ONCE = 32  # 32 tasks of 5 ways and 20 samples are 11 MB of descriptors
_BYTES_AT_ONCE = 2**27  # of images fewer tasks fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """Methods by name with the samples that each of them looks at; all are of one index."""

    index: EpisodeIndex
    methods: Mapping[str, Method]
    samples: Mapping[str, SampleCache]

    def tasks(self, name: str, episodes: Sequence[Episode]) -> Tasks:
        """Return the episodes as a stack of tasks in the form that a method takes."""
        return stack(self.samples[name], episodes)

    def parts(self, spec: EpisodeSpec, *, episodes: int) -> Iterator[range]:
        """Yield the numbers 0..episodes-1, as many at a time as memory is for. Raises BadDataError for none.

        How many at a time changes nothing of an episode.
        """
        if episodes < 1:
            raise BadDataError(f"{episodes} episodes measure nothing; give at least one")
        at_once = min(_at_once(samples, spec) for samples in self.samples.values())
        for first in range(0, episodes, at_once):
            yield range(first, min(first + at_once, episodes))

    def drawn(self, plan: EpisodePlan, *, episodes: int, seed: int) -> Iterator[list[Episode]]:
        """Yield episodes 0..episodes-1 of ``seed``, a part at a time. Raises BadDataError for none."""
        for numbers in self.parts(plan.spec, episodes=episodes):
            yield [episode(plan, seed=seed, number=number) for number in numbers]


def contest(
    features: Samples,
    index: EpisodeIndex,
    methods: Sequence[Method],
    *,
    others: Mapping[str, Samples] | None = None,
) -> Contest:
    """Return the contest of the methods on ``features``, mostly descriptors (n, d) float32.

    ``others`` are the same samples in the form (images) that single methods take, by name. Raises BadDataError without
    a method, for two of one name, or for samples that do not fit the index.
    """
    names = [method.name for method in methods]
    if not names or len(set(names)) < len(names):
        raise BadDataError(f"methods {', '.join(names) or 'none'} cannot be compared; give each one once")
    stored = as_cache(features, index)
    own = {name: as_cache(samples, index) for name, samples in (others or {}).items()}
    return Contest(
        index=index,
        methods=dict(zip(names, methods, strict=True)),
        samples={name: own.get(name, stored) for name in names},
    )


def _at_once(samples: SampleCache, spec: EpisodeSpec) -> int:
    size = 4 * math.prod(samples.sample_shape) * spec.way * (spec.shot + spec.query)
    return max(1, min(_TASKS_AT_ONCE, _BYTES_AT_ONCE // size))
