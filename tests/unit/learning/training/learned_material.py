"""Material on which a metric can be learned in a few steps, and a run on it."""

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.training.processes import Processes

SPEC = EpisodeSpec(way=3, shot=2, query=4)
QUICK = OuterLoop(steps=10, tasks_per_step=8, learning_rate=0.05)


def material(*, families: int = 3, types: int = 4, seed: int = 0) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Types differ in 6 channels, in 10 others samples differ by noise that says nothing; types are unequally hard."""
    generator = np.random.default_rng(seed)
    rows, names = [], []
    for family in range(families):
        for kind in range(types):
            told = generator.normal(size=6) + (0.3 + 0.3 * kind) * generator.normal(size=(12, 6))
            rows.append(np.concatenate([told, 0.7 * generator.normal(size=(12, 10))], axis=1))
            names += [(f"f{family}", f"t{kind}")] * 12
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return np.concatenate(rows).astype(np.float32), index


def training(
    options: OuterLoop = QUICK, *, method: str = "protonet", seed: int = 3, processes: Processes | None = None
) -> EpisodeTraining:
    """A training of that method, before its first step."""
    features, index = material()
    return EpisodeTraining(
        untrained(method, features.shape[1]),
        features,
        index,
        spec=SPEC,
        options=options,
        seed=seed,
        processes=processes,
    )
