"""A type left out of an episode is told from the taught ones, and only as well as the data allow."""

import numpy as np
import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import contest
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.evaluation import with_permuted_types
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained
from inspect_pipeline.learning.open_set import LOGIT, PROBABILITY, aurocs, known_scores, open_set, without_last_type
from inspect_pipeline.learning.tasks import Tasks

from .episode_clouds import DIMS, clouds

SPEC = EpisodeSpec(way=4, shot=3, query=6)
EACH = {"a": 20, "b": 20, "c": 20, "d": 20}


def tasks() -> Tasks:
    generator = torch.Generator().manual_seed(1)
    return Tasks(
        support=torch.randn(2, 12, DIMS, generator=generator),
        support_labels=torch.arange(4).repeat_interleave(3),
        query=torch.randn(2, 8, DIMS, generator=generator),
        query_labels=torch.arange(4).repeat_interleave(2),
        way=4,
    )


def test_auroc_is_the_share_of_pairs_in_which_the_known_query_scores_above_the_stranger() -> None:
    # known 3, 1; strangers 2, 1 at the end: 3 beats both, 1 loses one and ties one: (1 + 1 + 0 + 0.5) / 4.
    assert aurocs(np.array([[3.0, 1.0, 2.0, 1.0], [5.0, 5.0, 1.0, 1.0]]), strangers=2) == [0.625, 1.0]


def test_the_supports_of_the_stranger_are_shown_to_nobody() -> None:
    given = tasks()
    other = Tasks(
        support=torch.cat([given.support[:, :9], torch.full((2, 3, DIMS), 99.0)], dim=1),
        support_labels=given.support_labels,
        query=given.query,
        query_labels=given.query_labels,
        way=4,
    )
    assert without_last_type(given).support.shape == (2, 9, DIMS)
    for method in frozen_baselines(DIMS):
        for score in (PROBABILITY, LOGIT):
            np.testing.assert_array_equal(known_scores(method, given)[score], known_scores(method, other)[score])


def test_types_that_lie_apart_are_told_apart_and_the_same_seed_gives_the_same_figures() -> None:
    features, index = clouds(EACH, families=2)
    entered = contest(features, index, frozen_baselines(DIMS))
    found = open_set(entered, SPEC, episodes=40, seed=3)
    assert found.known == 3
    assert set(found.strangers) == {f"family-{family}/{name}" for family in (0, 1) for name in EACH}
    assert found.aurocs["nearest_prototype"][LOGIT].mean() > 0.95
    again = open_set(entered, SPEC, episodes=40, seed=3)
    np.testing.assert_array_equal(again.aurocs["ridge"][PROBABILITY], found.aurocs["ridge"][PROBABILITY])


def test_permuted_types_leave_every_auroc_at_chance() -> None:
    features, index = clouds(EACH)
    permuted = with_permuted_types(index, np.random.default_rng(0))
    found = open_set(contest(features, permuted, frozen_baselines(DIMS)), SPEC, episodes=150, seed=0)
    for of in found.aurocs.values():
        for values in of.values():
            assert abs(values.mean() - 0.5) < 0.05


def test_two_types_leave_none_to_be_a_stranger() -> None:
    features, index = clouds(EACH)
    with pytest.raises(BadDataError, match="open set needs 3 or more types of a family, 2 are asked for"):
        open_set(
            contest(features, index, [untrained("ridge", DIMS)]),
            EpisodeSpec(way=2, shot=1, query=1),
            episodes=1,
            seed=0,
        )
