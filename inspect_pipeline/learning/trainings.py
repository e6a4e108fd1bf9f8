"""What trains a method, by what it learns from."""

from typing import Protocol

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.batch_training import BatchTraining
from inspect_pipeline.learning.episode_training import EpisodeTraining, StepReport
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import CATALOG
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import SampleCache, as_cache
from inspect_pipeline.learning.training.processes import Processes


class Training(Protocol):
    """A method on its way, step by step."""

    @property
    def report(self) -> StepReport:
        """What the last step gave."""
        ...

    @property
    def taken(self) -> int:
        """How many steps were taken."""
        ...

    def step(self) -> float:
        """Take one step and return its mean loss. Raises BadDataError when that is no number."""
        ...

    def method(self) -> Method:
        """Return the method as it is now; steps to come do not change it."""
        ...

    def to_bytes(self) -> bytes:
        """Return all that the training is now."""
        ...

    def resume(self, data: bytes) -> None:
        """Go on from there. Raises BadDataError for bytes of another training."""
        ...


def training_on(
    samples: Indices,
    method: Method,
    features: SampleCache,
    index: EpisodeIndex,
    *,
    spec: EpisodeSpec,
    options: OuterLoop,
    seed: int,
    processes: Processes,
) -> Training:
    """Return a training of the method that sees only these samples.

    A method that the catalog does not know learns from episodes. Raises BadDataError for one that learns from nothing,
    or that cannot be trained here.
    """
    learned = CATALOG[method.name].learned if method.name in CATALOG else "episodes"
    if learned == "nothing":
        raise BadDataError(f"{method.name} is a frozen baseline and learns nothing; choose a method to be trained")
    if learned == "batches":
        return BatchTraining.on(samples, method, features, index, spec=spec, options=options, seed=seed)
    return EpisodeTraining(
        method,
        as_cache(features, index).subset(samples),
        index.subset(samples),
        spec=spec,
        options=options,
        seed=seed,
        processes=processes,
    )
