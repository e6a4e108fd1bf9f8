"""Gaussian types in families, as descriptors with their index: what episodes are drawn from in the tests."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.learning.episodes import EpisodeIndex, index_samples

DIMS = 8


def clouds(
    each: Mapping[str, int], *, families: int = 1, apart: float = 6.0, seed: int = 0
) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Return samples of each type of every family around centres that lie ``apart`` from the origin."""
    generator = np.random.default_rng(seed)
    rows: list[NDArray[np.float32]] = []
    names: list[str] = []
    owners: list[str] = []
    for family in range(families):
        centres = np.linalg.qr(generator.normal(size=(DIMS, DIMS)))[0] * apart
        for place, (name, count) in enumerate(each.items()):
            rows.append((centres[place] + generator.normal(size=(count, DIMS))).astype(np.float32))
            names += [name] * count
            owners += [f"family-{family}"] * count
    index = index_samples(families=owners, types=names, groups=[""] * len(names))
    return np.concatenate(rows), index
