"""Which adaptation is taken: only one that loses no sample, surely raises the margins, and keeps the promise."""

import numpy as np
import pytest

from inspect_pipeline.learning.adaptation import AdaptationOutcome, LeftOutScores, judged

GOOD = np.linspace(0.0, 0.9, 20)
SAMPLES = np.array([0.8, 1.2, 1.5, 2.0, 1.1])


def outcome(samples: np.ndarray, good: np.ndarray = GOOD) -> AdaptationOutcome:
    before, after = LeftOutScores(samples=SAMPLES, good=GOOD), LeftOutScores(samples=samples, good=good)
    return judged("lora", before, after, overkill=0.05, folds=3)


def test_margins_that_surely_rise_are_taken_with_their_numbers() -> None:
    found = outcome(SAMPLES + np.array([0.5, 0.6, 0.4, 0.5, 0.5]))
    assert found.accepted
    assert found.margin == pytest.approx(0.5 / 0.9)  # 0.9 is the limit that the left-out good units set
    assert found.margin_low is not None and found.margin_low > 0.4
    assert (found.found_closed_form, found.found) != (None, None)
    assert found.found is not None and (found.found.count, found.found.trials) == (5, 5)
    assert found.stretch == 1.0


def test_a_lower_threshold_is_no_gain() -> None:
    found = outcome(SAMPLES * 1.5, GOOD * 1.5)  # every score against a threshold two thirds as high
    assert not found.accepted
    assert found.stretch == pytest.approx(1.35)
    assert "margins of left-out samples" in found.reason


def test_a_gain_that_chance_may_have_made_is_not_taken() -> None:
    found = outcome(SAMPLES + np.array([2.0, 0.0, 0.0, 0.0, 0.0]))
    assert not found.accepted
    assert found.margin is not None and found.margin > 0.0


def test_a_sample_that_is_lost_is_not_outweighed_by_margins() -> None:
    found = outcome(np.array([0.9, 0.95, 9.0, 9.5, 8.0]))
    assert not found.accepted
    assert "3 of 5 left-out samples are found, 4 by the closed form" in found.reason


def test_without_evidence_nothing_is_taken() -> None:
    assert not outcome(SAMPLES + 1.0, GOOD[:4]).accepted
    empty = LeftOutScores(samples=np.zeros(0), good=GOOD)
    assert not judged("lora", empty, empty, overkill=0.05, folds=2).accepted


def test_one_sample_alone_tells_nothing_of_the_spread_and_is_not_enough() -> None:
    before, after = (LeftOutScores(samples=np.array([value]), good=GOOD) for value in (1.0, 3.0))
    found = judged("lora", before, after, overkill=0.05, folds=2)
    assert not found.accepted
    assert found.margin_low is None


def test_good_units_whose_scores_move_by_chance_lift_all_margins_evenly_and_are_seldom_a_gain() -> None:
    generator = np.random.default_rng(0)
    taken = [outcome(SAMPLES, GOOD + generator.normal(scale=0.1, size=20)).accepted for _ in range(100)]
    assert sum(taken) <= 8  # 2.5 are expected; without the chance in the good units it is near half of them


def test_where_no_sample_is_found_nothing_is_taken() -> None:
    before, after = (LeftOutScores(samples=SAMPLES * factor, good=GOOD) for factor in (0.01, 0.3))
    found = judged("lora", before, after, overkill=0.05, folds=3)
    assert "no left-out sample is found" in found.reason
