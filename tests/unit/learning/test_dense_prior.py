"""The prior is shipped when it wins on families it was not fitted on, and only then."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch

from inspect_pipeline.learning.dense_episodes import DenseHalf, dense_halves, draw_episodes
from inspect_pipeline.learning.dense_prior import (
    FROZEN,
    Candidate,
    DensePrior,
    DensePriorSettings,
    difference_prior_of,
    family_moments,
    fit_on_halves,
)
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.difference_prior import difference_prior

from .patch_material import DIMS, material

SETTINGS = DensePriorSettings(
    shots=(1, 2),
    episodes=12,
    shares=(0.5, 0.9),
    strengths=(3.0, 10.0),
    detector=DetectorSettings(support_patches_guessed=16, smoothing_patches=2),
)


def halves_of(axes: Mapping[str, int]) -> dict[str, list[DenseHalf]]:
    return {
        family: dense_halves(
            family,
            material(number, good=30, types={"defect": axis}, shots=12, shift=1.5),
            settings=SETTINGS.detector,
            seed=0,
        )
        for number, (family, axis) in enumerate(axes.items())
    }


@cache
def fitted(*axes: int) -> DensePrior:
    return fit_on_halves(halves_of({f"family-{k}": axis for k, axis in enumerate(axes)}), settings=SETTINGS, seed=0)


def test_families_that_share_a_direction_give_a_prior_that_wins_when_held_out() -> None:
    prior = fitted(0, 0, 0, 0)
    assert prior.chosen != FROZEN
    assert prior.metrics["difference_low"] > 0.0
    assert prior.metrics["difference_1_low"] > 0.0
    loaded = difference_prior(prior.tensors)
    assert loaded is not None
    assert int(loaded.covariance.diagonal().argmax()) == 0


def test_families_that_share_nothing_leave_the_head_frozen_and_say_why() -> None:
    prior = fitted(0, 3, 6, 9)
    assert (prior.chosen, dict(prior.tensors)) == (FROZEN, {})
    assert "held-out families" in prior.reason


def test_a_family_takes_no_part_in_the_prior_that_judges_it() -> None:
    metrics = fitted(0, 3, 6, 9).metrics  # each family's own direction would win where the others' cannot
    assert metrics["auroc_prior"] <= metrics["auroc_frozen"]


def test_two_families_cannot_choose_and_hold_out() -> None:
    prior = fitted(0, 0)
    assert prior.chosen == FROZEN
    assert "2 families" in prior.reason
    assert "3 are needed" in prior.reason


def test_the_same_seed_gives_the_same_prior() -> None:
    axes = {"a": 0, "b": 0, "c": 0}
    first, second = (fit_on_halves(halves_of(axes), settings=SETTINGS, seed=0) for _ in range(2))
    assert first.metrics == second.metrics


def test_a_family_without_enough_good_regions_is_passed_over() -> None:
    assert dense_halves("few", material(0, good=5, types={"defect": 0}), settings=SETTINGS.detector, seed=0) == []


def test_what_history_does_not_fill_is_the_identity() -> None:
    moments = {"a": family_moments(halves_of({"a": 2})["a"])}
    prior = difference_prior_of(moments, Candidate(share=0.25, strength=1.0))
    assert float(torch.linalg.eigvalsh(prior.covariance)[0]) >= 0.75
    assert abs(float(prior.covariance.diagonal().mean()) - 1.0) < 1e-9
    assert prior.covariance.shape == (DIMS, DIMS)


def test_an_episode_judges_no_unit_that_taught_it_or_gave_the_metric() -> None:
    halves = halves_of({"a": 0})["a"]
    for episode in draw_episodes(halves, shots=(1, 3), each=10, settings=SETTINGS.detector, seed=1):
        assert not set(episode.taught) & set(episode.bad)
        assert len(episode.taught) == episode.shots
    assert len(halves[0].good) + len(halves[1].good) == 30


def test_with_permuted_labels_an_episode_falls_to_chance() -> None:
    halves = dense_halves(
        "chance", material(5, good=40, types={"defect": 0}, shots=30, shift=0.0), settings=SETTINGS.detector, seed=0
    )
    episodes = draw_episodes(halves, shots=(1, 3), each=20, settings=SETTINGS.detector, seed=0)
    assert abs(float(np.mean([episode.aurocs([None])[0] for episode in episodes])) - 0.5) < 0.06
