"""Thresholds keep the promise on good units that were never seen, whatever the number of channels."""

import numpy as np
import pytest
from scipy.stats import t as student

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.calibration import calibrate, expected_overkill, least_handicap, student_quantile


def alarms(seed: int, *, units: int, channels: int, overkill: float) -> float:
    generator = np.random.default_rng(seed)
    heavy = generator.standard_t(4, size=(units + 2000, channels))
    calibration = calibrate(heavy[:units], [0.0] * channels, handicaps=[0.0] * channels, overkill=overkill)
    limits = np.array([channel.limit for channel in calibration.channels])
    return float((heavy[units:] > limits).any(axis=1).mean())


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_realised_overkill_is_within_the_promise_in_the_mean_however_many_channels(channels: int) -> None:
    realised = [alarms(seed, units=60, channels=channels, overkill=0.05) for seed in range(300)]
    assert np.mean(realised) < 0.053
    assert np.mean(realised) > 0.02


def test_the_limit_is_a_good_units_own_score_by_the_finite_sample_rule() -> None:
    scores = np.arange(1.0, 40.0)[:, None]
    calibration = calibrate(scores, [0.0], handicaps=[0.0], overkill=0.05)
    assert calibration.distribution_free
    assert calibration.channels[0].limit == pytest.approx(38.0)


def test_too_few_units_for_the_promise_fall_back_and_say_so() -> None:
    scores = np.random.default_rng(0).normal(size=(10, 2))
    calibration = calibrate(scores, [-5.0, -5.0], handicaps=[0.0, 0.0], overkill=0.05)
    assert not calibration.distribution_free
    assert calibration.channels[0].limit > scores[:, 0].max() - 0.5


def test_one_odd_unit_among_few_does_not_set_the_limit_alone() -> None:
    scores = np.concatenate([np.random.default_rng(0).normal(size=19), [9.0]])[:, None]
    calibration = calibrate(scores, [0.0], handicaps=[0.0], overkill=0.05)
    assert not calibration.distribution_free
    assert calibration.channels[0].limit < 6.0


def test_few_units_never_need_more_than_the_conformal_promise_asks() -> None:
    scores = np.array([0.0] * 10 + [1.0] * 10)[:, None]
    calibration = calibrate(scores, [0.0], handicaps=[0.0], overkill=0.05)
    assert calibration.channels[0].limit == 1.0
    assert calibration.distribution_free


def test_few_units_with_heavy_tails_keep_the_promise_within_two_points() -> None:
    realised = [alarms(seed, units=20, channels=2, overkill=0.05) for seed in range(300)]
    assert np.mean(realised) < 0.07


def test_a_handicapped_channel_needs_more_to_alarm() -> None:
    scores = np.random.default_rng(0).normal(size=(60, 2))
    plain = calibrate(scores, [0.0, 0.0], handicaps=[0.0, 0.0], overkill=0.05)
    handicapped = calibrate(scores, [0.0, 0.0], handicaps=[1.0, 0.0], overkill=0.05)
    assert handicapped.channels[0].limit > plain.channels[0].limit
    assert handicapped.channels[1].limit <= plain.channels[1].limit


def test_the_channels_rank_units_below_the_threshold_as_the_joint_score_does() -> None:
    generator = np.random.default_rng(3)
    scores = np.stack([20.0 + 2.0 * generator.normal(size=60), 0.5 * generator.normal(size=60)], axis=1)
    channels = calibrate(scores, [15.0, -2.0], handicaps=[1.0, 0.0], overkill=0.05).channels
    # One more standard deviation of good units moves either map by the same.
    assert channels[0].gain * scores[:, 0].std() == pytest.approx(channels[1].gain * scores[:, 1].std())
    assert channels[1].floor == -2.0
    assert calibrate(scores[:, :1], [15.0], handicaps=[1.0], overkill=0.05).channels[0].floor == 15.0


def test_the_expected_overkill_judges_each_unit_by_a_calibration_without_it() -> None:
    scores = np.random.default_rng(1).normal(size=(60, 1))
    found = expected_overkill(scores, handicaps=[0.0], overkill=0.05)
    assert found.trials == 60
    assert 1 <= found.count <= 4


def test_three_units_are_too_few_for_any_threshold() -> None:
    with pytest.raises(BadDataError, match="too few"):
        calibrate(np.zeros((2, 1)), [0.0], handicaps=[0.0], overkill=0.05)


@pytest.mark.parametrize("freedom", [4, 9, 30])
def test_the_student_quantile_is_that_of_the_tables(freedom: int) -> None:
    assert student_quantile(0.95, freedom) == pytest.approx(float(student.ppf(0.95, freedom)), rel=5e-3)


def test_a_first_channel_that_costs_the_others_nothing_needs_no_handicap() -> None:
    types = np.random.default_rng(0).normal(size=(60, 2))
    follows = np.column_stack([types.max(axis=1) / 2, types])
    assert least_handicap(follows, most=1.5, overkill=0.05) == 0.0


def test_a_first_channel_of_odd_good_units_of_its_own_keeps_its_handicap() -> None:
    generator = np.random.default_rng(1)
    odd = np.where(np.arange(60) % 12 == 0, 9.0, 0.0) + generator.normal(size=60)  # more of them than promised alarms
    alone = np.column_stack([odd, generator.uniform(size=60)])
    assert least_handicap(alone, most=1.5, overkill=0.05) == 1.5


def test_few_good_units_or_no_type_leave_the_handicap_as_it_is() -> None:
    types = np.random.default_rng(0).normal(size=(60, 1))
    follows = np.column_stack([types, types])
    assert least_handicap(follows[:38], most=1.5, overkill=0.05) == 1.5
    assert least_handicap(follows[:39], most=1.5, overkill=0.05) == 0.0
    assert least_handicap(types, most=1.5, overkill=0.05) == 1.5


def test_the_promise_is_kept_in_the_mean_with_the_handicap_that_the_same_units_chose() -> None:
    found = []
    for seed in range(200):
        shared = np.random.default_rng(seed).standard_t(4, size=(1060, 3))
        scores = shared + shared[:, :1]  # channels that rise together, as those of one image do
        handicap = least_handicap(scores[:60], most=1.5, overkill=0.05)
        calibration = calibrate(scores[:60], [0.0] * 3, handicaps=[handicap, 0.0, 0.0], overkill=0.05)
        limits = np.array([channel.limit for channel in calibration.channels])
        found.append(float((scores[60:] > limits).any(axis=1).mean()))
    assert float(np.mean(found)) <= 0.055
