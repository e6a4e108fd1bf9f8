"""Evaluation counts what it says, on the same episodes for all, and finds nothing where labels mean nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import (
    data_fingerprint,
    evaluate,
    paired_difference,
    sample_hash,
    with_permuted_types,
)
from inspect_pipeline.learning.methods.catalog import frozen_baselines, method_names, untrained

SPEC = EpisodeSpec(way=3, shot=2, query=4)


def clusters(noise: float, *, families: int = 2, types: int = 4) -> tuple[NDArray[np.float32], EpisodeIndex]:
    generator = np.random.default_rng(0)
    names = [(f"f{f}", f"t{t}") for f in range(families) for t in range(types) for _ in range(30)]
    centres = {name: generator.normal(size=16) for name in dict.fromkeys(names)}
    rows = np.stack([centres[name] + noise * generator.normal(size=16) for name in names])
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return rows.astype(np.float32), index


def all_methods() -> tuple[str, ...]:
    return (*method_names(), *(method.name for method in frozen_baselines(16)))


def test_types_that_lie_far_apart_are_all_recognised() -> None:
    features, index = clusters(noise=0.01)
    found = evaluate(features, index, SPEC, episodes=40, seed=0, methods=frozen_baselines(16))
    assert set(found.scores) == {"nearest_prototype", "ridge", "shrinkage_lda"}
    for score in found.scores.values():
        assert (score.accuracy.mean, score.accuracy.low, score.accuracy.high) == (1.0, 1.0, 1.0)
        assert set(score.per_family) == {"f0", "f1"}
        assert len(score.per_type) == 8
        assert sum(interval.episodes for interval in score.per_family.values()) == 40
        assert sum(interval.episodes for interval in score.per_type.values()) == 3 * 40


@pytest.mark.parametrize("name", all_methods())
def test_with_permuted_labels_every_accuracy_falls_to_chance(name: str) -> None:
    features, index = clusters(noise=0.3)
    control = with_permuted_types(index, np.random.default_rng(0))
    plain, permuted = (
        evaluate(features, each, SPEC, episodes=400, seed=0, methods=[untrained(name, 16)]).scores[name]
        for each in (index, control)
    )
    assert plain.accuracy.low > 0.9
    assert permuted.accuracy.low <= 1 / 3 <= permuted.accuracy.high
    assert permuted.accuracy.high < 0.37


def test_one_type_that_looks_like_another_is_seen_in_its_recall() -> None:
    features, index = clusters(noise=0.05, families=1, types=3)
    kinds = np.array(index.types)
    features[kinds == "t1"] = features[kinds == "t0"]
    recalls = evaluate(features, index, SPEC, episodes=60, seed=0, methods=[untrained("protonet", 16)])
    per_type = recalls.scores["protonet"].per_type
    assert per_type["f0/t2"].mean == 1.0
    assert per_type["f0/t0"].high < 0.9
    assert per_type["f0/t1"].high < 0.9


def test_the_same_seed_gives_the_same_episodes_and_a_method_gains_nothing_over_itself() -> None:
    features, index = clusters(noise=1.0)
    first, second, third = (
        evaluate(features, index, SPEC, episodes=50, seed=seed, methods=frozen_baselines(16)) for seed in (0, 0, 1)
    )
    scores = [each.scores["ridge"] for each in (first, second, third)]
    assert scores[0].per_episode.tolist() == scores[1].per_episode.tolist() != scores[2].per_episode.tolist()
    nothing = paired_difference(scores[0], scores[1])
    assert (nothing.mean, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_the_paired_interval_is_of_the_differences() -> None:
    features, index = clusters(noise=1.0)
    found = evaluate(features, index, SPEC, episodes=50, seed=0, methods=frozen_baselines(16)).scores
    gain = paired_difference(found["ridge"], found["nearest_prototype"])
    difference = found["ridge"].per_episode - found["nearest_prototype"].per_episode
    half = 1.959963984540054 * difference.std(ddof=1) / np.sqrt(50)
    np.testing.assert_allclose([gain.mean, gain.high - gain.mean], [difference.mean(), half])


def test_a_type_too_small_for_the_episodes_is_named_in_the_result() -> None:
    features, index = clusters(noise=0.1, families=1)
    small = index.subset([i for i in range(len(index)) if i % 30 == 0 or index.types[i] != "t3"])
    rows = features[[i for i in range(len(index)) if i % 30 == 0 or index.types[i] != "t3"]]
    found = evaluate(rows, small, SPEC, episodes=5, seed=0, methods=[untrained("protonet", 16)])
    assert found.refused == ("type 't3' of family 'f0' has 1 samples, 6 are needed",)


def test_the_fingerprint_follows_the_data_and_not_its_order() -> None:
    _, index = clusters(noise=0.1)
    hashes = [f"{i:04d}" for i in range(len(index))]
    order = np.random.default_rng(0).permutation(len(index))
    plain = data_fingerprint(hashes, index)
    assert data_fingerprint([hashes[i] for i in order], index.subset(order)) == plain
    assert data_fingerprint(["other", *hashes[1:]], index) != plain
    assert data_fingerprint(hashes, with_permuted_types(index, np.random.default_rng(0))) != plain


def test_a_samples_hash_follows_its_pixels_shape_and_type() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert sample_hash(image) == sample_hash(np.asfortranarray(image))
    others = (image.T, image.reshape(4, 3), image.astype(np.uint16), image + np.uint8(1))
    assert len({sample_hash(image), *(sample_hash(other) for other in others)}) == 5


def test_descriptors_that_do_not_fit_the_samples_are_refused() -> None:
    features, index = clusters(noise=0.1)
    with pytest.raises(BadDataError, match="for 240 samples"):
        evaluate(features[1:], index, SPEC, episodes=5, seed=0, methods=frozen_baselines(16))
    with pytest.raises(BadDataError, match="at least one"):
        evaluate(features, index, SPEC, episodes=0, seed=0, methods=frozen_baselines(16))
