"""Tasks without labels (CACTUs: Hsu, Levine, Finn 2019, Unsupervised learning via meta-learning): clusters are types.

Samples of a family are clustered several times, each time with their channels scaled at random, so that a partition
sees other likenesses than the next. Any method trains on the result through the same outer loop; whether it helps must
be measured on labelled types, for clusters are no ground truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, Indices

Rows = NDArray[np.float32]
_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """``partitions`` of every family into ``clusters``; a channel's scale is exp(``spread`` times a normal number)."""

    partitions: int = 4
    clusters: int = 12
    spread: float = 1.0

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.clusters < 2 or not 0.0 <= self.spread <= 5.0:
            raise BadDataError(
                f"{self} cannot be used; give 1 or more partitions, 2 or more clusters, a spread of 0 to 5"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterTasks:
    """``samples`` (m,), each at most once a partition, and the ``index`` of these m rows.

    Train on ``features[samples]`` with ``index``. A partition of a family is a family of its own, "steel/p0", since a
    sample has another type in each; they share leakage groups, so ``held_out`` never deals them to different folds.
    """

    samples: Indices
    index: EpisodeIndex


def cluster_tasks(features: Rows, index: EpisodeIndex, *, settings: ClusterSettings, seed: int) -> ClusterTasks:
    """Return types found by clustering the descriptors (n, d) of each family; the types of ``index`` are not looked at.

    Leakage groups are kept, so that near-duplicates, which cluster together, still never lie on both sides of an
    episode: a group belongs to the cluster that holds most of it, and its other samples are left out of the partition.
    A family is cut into fewer clusters where it has fewer samples. Raises BadDataError for descriptors that do not fit
    the index or are not finite.
    """
    if features.ndim != 2 or len(features) != len(index) or not np.isfinite(features).all():
        raise BadDataError(f"descriptors of shape {features.shape} for {len(index)} samples: give one finite row each")
    families = np.array(index.families, dtype=object)
    samples: list[Indices] = []
    names: list[tuple[str, str]] = []
    for place, family in enumerate(sorted(set(index.families))):
        members = np.flatnonzero(families == family)
        for partition in range(settings.partitions):
            generator = np.random.default_rng([seed, place, partition])
            scales = np.exp(settings.spread * generator.standard_normal(features.shape[1])).astype(np.float32)
            found = k_means(features[members] * scales, clusters=settings.clusters, generator=generator)
            kept = _untorn(found, index.groups[members])
            samples.append(members[kept])
            names += [(f"{family}/p{partition}", f"c{cluster:03d}") for cluster in found[kept].tolist()]
    rows = np.concatenate(samples)
    return ClusterTasks(
        samples=rows,
        index=EpisodeIndex(
            families=tuple(name for name, _ in names),
            types=tuple(name for _, name in names),
            groups=index.groups[rows],
        ),
    )


def _untorn(found: Indices, groups: Indices) -> NDArray[np.bool_]:
    """Return which samples (n,) lie in the cluster that holds most of their group; the first of equals."""
    names, numbers = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(found.max()) + 1), dtype=np.intp)
    np.add.at(counts, (numbers, found), 1)
    kept: NDArray[np.bool_] = counts.argmax(axis=1)[numbers] == found
    return kept


def k_means(rows: Rows, *, clusters: int, generator: np.random.Generator) -> Indices:
    """Return the cluster (n,) of every row (n, d) by Lloyd's algorithm from k-means++ starts.

    There are at most as many clusters as distinct rows. A cluster that loses its last row keeps its centre.
    """
    centres = _spread_centres(rows, clusters, generator)
    nearest: Indices = _squares(rows, centres).argmin(axis=1)
    for _ in range(_ROUNDS):
        members = np.eye(len(centres), dtype=rows.dtype)[nearest]
        counts = members.sum(axis=0)[:, None]
        centres = np.where(counts > 0, members.T @ rows / np.maximum(counts, 1), centres)
        before, nearest = nearest, _squares(rows, centres).argmin(axis=1)
        if np.array_equal(before, nearest):
            break
    return nearest


def _spread_centres(rows: Rows, clusters: int, generator: np.random.Generator) -> Rows:
    """Return starts far from each other: each drawn with chances that grow with the squared distance to the others."""
    chosen = [int(generator.integers(len(rows)))]
    apart = _squares(rows, rows[chosen])[:, 0]
    while len(chosen) < clusters and apart.max() > 0.0:
        chosen.append(int(generator.choice(len(rows), p=apart / apart.sum())))
        apart = np.minimum(apart, _squares(rows, rows[chosen[-1:]])[:, 0])
    return rows[chosen]


def _squares(rows: Rows, centres: Rows) -> NDArray[np.float64]:
    """Return the squared distances (n, k), never below 0; exactly 0 for a row that is a centre."""
    squares = (rows**2).sum(axis=1)[:, None] - 2.0 * rows @ centres.T + (centres**2).sum(axis=1)
    same = squares <= 1e-6 * (rows**2).sum(axis=1)[:, None]
    return np.where(same, 0.0, squares).astype(np.float64)
