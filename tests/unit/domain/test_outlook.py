"""The honest interval, and how many samples more would bear out a recall of 95%."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.outlook import outlook
from inspect_pipeline.domain.statistics import binomial_interval
from inspect_pipeline.errors import BadDataError

COUNTS = st.integers(0, 80).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


def lower_bound(found: int, trials: int) -> float:
    """The exact one-sided lower bound of a recall at 95% confidence."""
    return binomial_interval(found, trials, 0.90)[0]


def test_five_of_five_says_what_the_issue_says() -> None:
    assert outlook(5, 5).sentence == (
        "seen 5 of 5; 95% interval 48-100%; 14 more: 95% on average; 54 more: recall >= 95% at 95% confidence"
    )


def test_without_a_sample_nothing_is_known_and_everything_is_needed() -> None:
    nothing = outlook(0, 0)
    assert (nothing.seen.low, nothing.seen.high) == (0.0, 1.0)
    assert (nothing.more_on_average, nothing.more_for_confidence) == (19, 59)


def test_what_is_borne_out_already_asks_for_no_more() -> None:
    assert (outlook(59, 59).more_on_average, outlook(59, 59).more_for_confidence) == (0, 0)


def test_more_found_than_tried_is_refused() -> None:
    with pytest.raises(BadDataError):
        outlook(6, 5)


@settings(max_examples=30, deadline=None)
@given(COUNTS)
def test_the_number_for_an_average_is_the_least_that_does(counts: tuple[int, int]) -> None:
    found, trials = counts
    more = outlook(found, trials).more_on_average
    assert 100 * (found + more) >= 95 * (trials + more + 1)
    assert more == 0 or 100 * (found + more - 1) < 95 * (trials + more)


@settings(max_examples=30, deadline=None)
@given(COUNTS)
def test_the_number_for_confidence_is_the_least_that_does(counts: tuple[int, int]) -> None:
    found, trials = counts
    more = outlook(found, trials).more_for_confidence
    assert lower_bound(found + more, trials + more) >= 0.95 - 1e-9
    assert more == 0 or lower_bound(found + more - 1, trials + more - 1) < 0.95


@settings(max_examples=30, deadline=None)
@given(COUNTS)
def test_confidence_never_asks_for_less_than_an_average_and_a_miss_never_helps(counts: tuple[int, int]) -> None:
    found, trials = counts
    now = outlook(found, trials)
    assert now.more_for_confidence >= now.more_on_average
    missed_one = outlook(found, trials + 1)
    assert missed_one.more_on_average >= now.more_on_average
    assert missed_one.more_for_confidence >= now.more_for_confidence
