"""Methods side by side: each once, each on the samples in its own form, all of one index."""

import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import contest
from inspect_pipeline.learning.episodes import EpisodeSpec, episode, plan_episodes
from inspect_pipeline.learning.evaluation import evaluate, over_families
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained

from .episode_clouds import DIMS, clouds

SPEC = EpisodeSpec(way=2, shot=1, query=2)
EACH = {"a": 40, "b": 40}


def test_a_method_given_twice_or_no_method_is_no_comparison() -> None:
    features, index = clouds(EACH)
    for methods in ((), (untrained("ridge", DIMS), untrained("ridge", DIMS))):
        with pytest.raises(BadDataError, match="give each one once"):
            contest(features, index, methods)


def test_samples_that_do_not_fit_the_index_are_refused() -> None:
    features, index = clouds(EACH)
    for wrong in (features[1:], features[:, :, None], np.where(features > 1, np.nan, features)):
        with pytest.raises(BadDataError, match="for 80 samples cannot be used; give one finite row a sample"):
            contest(wrong, index, frozen_baselines(DIMS))


def test_a_method_with_samples_of_its_own_sees_those_and_the_others_do_not() -> None:
    features, index = clouds(EACH)
    methods = [untrained("protonet", DIMS), untrained("nearest_prototype", DIMS)]
    noise = {"protonet": np.random.default_rng(0).normal(size=features.shape).astype(np.float32)}
    scores = evaluate(features, index, SPEC, episodes=100, seed=0, methods=methods, others=noise).scores
    assert scores["nearest_prototype"].accuracy.mean > 0.95
    assert abs(scores["protonet"].accuracy.mean - 0.5) < 0.1


def test_episodes_come_in_parts_and_are_those_of_their_numbers() -> None:
    features, index = clouds(EACH)
    plan = plan_episodes(index, SPEC)
    entered = contest(features, index, frozen_baselines(DIMS))
    parts = list(entered.drawn(plan, episodes=70, seed=4))
    assert [len(part) for part in parts] == [32, 32, 6]
    np.testing.assert_array_equal(parts[2][1].support, episode(plan, seed=4, number=65).support)
    with pytest.raises(BadDataError, match="0 episodes measure nothing"):
        list(entered.drawn(plan, episodes=0, seed=4))


def test_an_interval_over_families_is_students_and_needs_three_of_them() -> None:
    assert over_families([0.1, 0.2]) is None
    found = over_families([0.1, 0.2, 0.3])
    assert found is not None
    # t(0.975, 2) = 4.302653, the standard deviation is 0.1: half the width is 4.302653 * 0.1 / sqrt(3).
    assert (found.mean, found.low, found.episodes) == (pytest.approx(0.2), pytest.approx(0.2 - 0.2484138), 3)
