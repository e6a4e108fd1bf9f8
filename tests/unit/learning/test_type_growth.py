"""Types added to a classifier: what the known ones lose, what the new ones reach, and their harmonic mean."""

import numpy as np
import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import contest
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.evaluation import evaluate, with_permuted_types
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.type_growth import TypeGrowth, first_types, type_growth

from .episode_clouds import DIMS, clouds

SPEC = EpisodeSpec(way=5, shot=3, query=6)
EACH = {"a": 20, "b": 20, "c": 20, "d": 20, "e": 20}


def test_the_harmonic_mean_is_that_of_each_episode_and_zero_where_both_are() -> None:
    growth = TypeGrowth(
        known=2,
        families=("f", "f", "f"),
        on_known={"m": np.array([[1.0, 0.9, 0.5], [0.5, 1.0, 0.0]])},
        on_new={"m": np.array([[np.nan] * 3, [1.0, 0.0, 0.0]])},
    )
    assert growth.added == 1
    np.testing.assert_allclose(growth.harmonic("m"), [[2 / 3, 0.0, 0.0]])
    np.testing.assert_allclose(growth.lost("m"), [[0.5, -0.1, 0.5]])


def test_the_first_types_keep_their_own_supports_and_queries() -> None:
    labels, asked = torch.arange(3).repeat_interleave(2), torch.arange(3).repeat_interleave(4)
    tasks = Tasks(
        support=torch.arange(6.0).reshape(1, 6, 1),
        support_labels=labels,
        query=torch.arange(12.0).reshape(1, 12, 1),
        query_labels=asked,
        way=3,
    )
    two = first_types(tasks, 2)
    assert (two.way, two.support.flatten().tolist()) == (2, [0.0, 1.0, 2.0, 3.0])
    assert (two.query.flatten().tolist(), two.query_labels.tolist()) == (list(range(8)), [0] * 4 + [1] * 4)


def test_with_all_types_added_known_and_new_together_are_the_plain_accuracy_of_the_same_episodes() -> None:
    features, index = clouds(EACH, apart=1.5)
    methods = frozen_baselines(DIMS)
    found = type_growth(contest(features, index, methods), SPEC, episodes=40, seed=2)
    plain = evaluate(features, index, SPEC, episodes=40, seed=2, methods=methods)
    assert (found.known, found.added) == (2, 3)
    for name, score in plain.scores.items():
        together = (2 * found.on_known[name][3] + 3 * found.on_new[name][3]) / 5
        np.testing.assert_allclose(together, score.per_episode)


def test_known_types_lose_as_more_are_added_to_choose_from() -> None:
    features, index = clouds(EACH, apart=1.5)
    found = type_growth(contest(features, index, [untrained("ridge", DIMS)]), SPEC, episodes=100, seed=0)
    lost = found.lost("ridge").mean(axis=1)
    assert 0.0 < lost[0] < lost[1] < lost[2]


def test_permuted_types_leave_known_and_new_at_the_chance_of_the_types_to_choose_from() -> None:
    features, index = clouds(EACH)
    permuted = with_permuted_types(index, np.random.default_rng(0))
    found = type_growth(contest(features, permuted, frozen_baselines(DIMS)), SPEC, episodes=150, seed=0)
    for name in found.on_known:
        np.testing.assert_allclose(found.on_known[name].mean(axis=1), [1 / 2, 1 / 3, 1 / 4, 1 / 5], atol=0.05)
        np.testing.assert_allclose(found.on_new[name][1:].mean(axis=1), [1 / 3, 1 / 4, 1 / 5], atol=0.05)


def test_two_types_leave_none_to_be_added() -> None:
    features, index = clouds(EACH)
    with pytest.raises(BadDataError, match="adding a type needs 3 or more of a family, 2 are asked for"):
        type_growth(
            contest(features, index, [untrained("ridge", DIMS)]),
            EpisodeSpec(way=2, shot=1, query=1),
            episodes=1,
            seed=0,
        )
