"""Clusters as types: they follow the samples, keep leakage groups whole, and any method trains on them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.cactus import ClusterSettings, cluster_tasks, k_means
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.held_out import fold_samples
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.outer_loop_settings import OuterLoop

SETTINGS = ClusterSettings(partitions=2, clusters=6, spread=0.3)


def material(*, apart: float = 3.0, seed: int = 0, noise: float = 0.3) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Two families of six types of 15; three samples a group; types differ in 6 of 10 channels."""
    generator = np.random.default_rng(seed)
    rows, families, types, groups = [], [], [], []
    for family in range(2):
        for kind in range(6):
            told = apart * generator.normal(size=6) + 0.3 * generator.normal(size=(15, 6))
            rows.append(np.concatenate([told, noise * generator.normal(size=(15, 4))], axis=1))
            families += [f"f{family}"] * 15
            types += [f"t{kind}"] * 15
            groups += [f"g{kind}.{place // 3}" for place in range(15)]
    return np.concatenate(rows).astype(np.float32), index_samples(families=families, types=types, groups=groups)


def purity(index: EpisodeIndex, found: EpisodeIndex, samples: NDArray[np.intp]) -> float:
    by_cluster: dict[tuple[str, str], list[str]] = {}
    for row, sample in enumerate(samples):
        by_cluster.setdefault((found.families[row], found.types[row]), []).append(index.types[sample])
    return sum(max(map(names.count, names)) for names in by_cluster.values()) / len(samples)


def test_clusters_follow_the_types_though_these_are_not_looked_at() -> None:
    features, index = material()
    tasks = cluster_tasks(features, index, settings=SETTINGS, seed=0)
    assert purity(index, tasks.index, tasks.samples) > 0.8
    blind = EpisodeIndex(families=index.families, types=("?",) * len(index), groups=index.groups)
    again = cluster_tasks(features, blind, settings=SETTINGS, seed=0)
    assert again.index.types == tasks.index.types
    assert np.array_equal(again.samples, tasks.samples)


def test_partitions_differ_by_their_scaling_and_another_seed_gives_others() -> None:
    features, index = material(apart=0.3)
    tasks = cluster_tasks(features, index, settings=ClusterSettings(partitions=2, clusters=6), seed=0)
    names = {
        p: [t for f, t in zip(tasks.index.families, tasks.index.types, strict=True) if f == f"f0/p{p}"] for p in (0, 1)
    }
    assert names[0] != names[1]
    other = cluster_tasks(features, index, settings=ClusterSettings(partitions=2, clusters=6), seed=1)
    assert other.index.types != tasks.index.types


def test_families_are_clustered_apart_and_no_leakage_group_is_torn() -> None:
    features, index = material(apart=0.2)  # types overlap, so clusters would tear many groups
    tasks = cluster_tasks(features, index, settings=SETTINGS, seed=0)
    cluster_of: dict[tuple[str, int], str] = {}
    for row, sample in enumerate(tasks.samples):
        assert tasks.index.families[row].split("/")[0] == index.families[sample]
        assert tasks.index.groups[row] == index.groups[sample]
        key = tasks.index.families[row], int(tasks.index.groups[row])
        assert cluster_of.setdefault(key, tasks.index.types[row]) == tasks.index.types[row]
    assert len(tasks.samples) < 2 * len(index)
    assert len({key for key in cluster_of if key[0] == "f0/p0"}) == 30


@pytest.mark.parametrize("name", ["protonet", "siamese", "vae_hallucination"])
def test_any_method_trains_on_clusters_and_new_types_are_told_no_worse(name: str) -> None:
    features, index = material(apart=1.0, noise=1.0)
    tasks = cluster_tasks(features, index, settings=ClusterSettings(partitions=3, clusters=6, spread=0.2), seed=0)
    spec = EpisodeSpec(way=3, shot=1, query=4)
    run = EpisodeTraining(
        untrained(name, 10), features[tasks.samples], tasks.index, spec=spec, options=OuterLoop(steps=15), seed=0
    )
    for _ in range(15):
        run.step()
    unseen = material(apart=1.0, noise=1.0, seed=5)
    before, after = (
        evaluate(*unseen, spec, episodes=150, seed=0, methods=[each]).scores[name].accuracy.mean
        for each in (untrained(name, 10), run.method())
    )
    assert after > before - 0.01


def test_partitions_of_a_family_are_held_out_together() -> None:
    rows = [material(seed=seed) for seed in (0, 1)]
    features = np.concatenate([part[0] for part in rows])
    index = index_samples(
        families=[f"{name}.{half}" for half, part in enumerate(rows) for name in part[1].families],
        types=[name for part in rows for name in part[1].types],
        groups=[""] * len(features),
    )
    tasks = cluster_tasks(features, index, settings=ClusterSettings(partitions=3, clusters=4), seed=0)
    folds = fold_samples(tasks.index, EpisodeSpec(way=3, shot=1, query=3), np.random.default_rng(0), most=4)
    assert (folds.by, len(folds.held_out)) == ("family", 4)
    for held in folds.held_out:
        assert len({tasks.index.families[row] for row in held}) == 3
        rest = np.setdiff1d(np.arange(len(tasks.samples)), held)
        assert not set(tasks.samples[held].tolist()) & set(tasks.samples[rest].tolist())


def test_k_means_finds_separate_clouds_and_no_more_clusters_than_distinct_rows() -> None:
    generator = np.random.default_rng(0)
    centres = 20.0 * np.eye(4)
    rows = np.concatenate([centre + generator.normal(size=(10, 4)) for centre in centres]).astype(np.float32)
    found = k_means(rows, clusters=4, generator=generator)
    assert [len(set(found[10 * k : 10 * k + 10].tolist())) for k in range(4)] == [1, 1, 1, 1]
    assert len(set(found.tolist())) == 4
    twice = np.array([[1.0, 2.0]] * 5 + [[4.0, 0.0]] * 5, dtype=np.float32)
    assert len(set(k_means(twice, clusters=4, generator=generator).tolist())) == 2


def test_settings_and_descriptors_that_cannot_serve_are_refused() -> None:
    features, index = material()
    with pytest.raises(BadDataError, match="2 or more clusters"):
        ClusterSettings(clusters=1)
    with pytest.raises(BadDataError, match="finite row"):
        cluster_tasks(features[:-1], index, settings=SETTINGS, seed=0)
