"""The prior is shipped when it wins on families it was not fitted on, and only then."""

from collections.abc import Mapping

from inspect_pipeline.learning.dense_episodes import DenseHalf, dense_halves
from inspect_pipeline.learning.dense_prior import FROZEN, DensePrior, DensePriorSettings, fit_on_halves
from inspect_pipeline.learning.detector_settings import DetectorSettings

from .patch_material import material

SETTINGS = DensePriorSettings(
    shots=1,
    episodes=30,
    validation_episodes=40,
    steps=30,
    detector=DetectorSettings(support_patches_guessed=16, smoothing_patches=2),
)


def halves(axes: Mapping[str, int]) -> dict[str, list[DenseHalf]]:
    return {
        family: dense_halves(
            family,
            material(number, good=30, types={"defect": axis}, shots=12, shift=2.0),
            settings=SETTINGS.detector,
            seed=0,
        )
        for number, (family, axis) in enumerate(axes.items())
    }


def fitted(axes: Mapping[str, int]) -> DensePrior:
    return fit_on_halves(halves(axes), settings=SETTINGS, seed=0)


def test_families_that_share_a_direction_give_a_prior_that_wins_when_held_out() -> None:
    prior = fitted({"a": 0, "b": 0, "c": 0})
    assert prior.chosen != FROZEN
    assert prior.metrics["difference_low"] > 0.0
    assert int(prior.tensors["direction"].abs().argmax()) == 0


def test_families_that_share_nothing_leave_the_head_frozen_and_say_why() -> None:
    prior = fitted({"a": 0, "b": 4, "c": 8})
    assert prior.chosen == FROZEN
    assert prior.tensors == {}
    assert "held out" in prior.reason


def test_history_of_another_kind_does_little_harm() -> None:
    metrics = fitted({"a": 0, "b": 4, "c": 8}).metrics
    assert metrics["auroc_learned_1"] > metrics["auroc_frozen"] - 0.03


def test_one_family_cannot_hold_itself_out() -> None:
    prior = fitted({"a": 0})
    assert prior.chosen == FROZEN
    assert "1 families" in prior.reason


def test_the_same_seed_gives_the_same_prior() -> None:
    first, second = fitted({"a": 0, "b": 0}), fitted({"a": 0, "b": 0})
    assert first.metrics == second.metrics


def test_a_family_without_enough_good_regions_is_passed_over() -> None:
    assert dense_halves("few", material(0, good=5, types={"defect": 0}), settings=SETTINGS.detector, seed=0) == []
