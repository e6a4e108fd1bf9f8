"""Effectiveness, misses and false alarms: the AIAG's worked example, its limits, and what is not measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.agreement import IntervalBy, Kappa
from inspect_pipeline.domain.effectiveness import (
    NO_BAD_ITEM,
    NO_GOOD_ITEM,
    NO_REFERENCE,
    Grade,
    KappaGrade,
    clustered_rate,
    effectiveness,
    kappa_grade,
    worst,
)
from inspect_pipeline.domain.figures import NotMeasured, ShownRate
from inspect_pipeline.domain.statistics import binomial_interval

BAD, GOOD = 16, 34
REFERENCE = {number: number < BAD for number in range(BAD + GOOD)}


def _decisions(*, missed: dict[int, int], alarms: dict[int, int]) -> dict[int, list[bool]]:
    """Three decisions on each of 50 parts, 16 of them bad, with so many of an item's decisions wrong."""
    wrong = missed | alarms
    return {item: [bad ^ (trial < wrong.get(item, 0)) for trial in range(3)] for item, bad in REFERENCE.items()}


def test_the_first_appraiser_of_the_aiags_example_has_its_figures() -> None:
    """MSA 4th edition, chapter III C: 42 of 50 parts matched, 3 of 48 missed, 5 of 102 false alarms."""
    found = effectiveness(_decisions(missed={0: 1, 1: 1, 2: 1}, alarms={16: 1, 17: 1, 18: 1, 19: 1, 20: 1}), REFERENCE)
    rates = [found.effective, found.missed, found.false_alarms]
    assert all(isinstance(rate, ShownRate) for rate in rates)
    assert [(rate.count, rate.total) for rate in rates if isinstance(rate, ShownRate)] == [(42, 50), (3, 48), (5, 102)]
    assert (found.effective_grade, found.missed_grade) == (Grade.MARGINAL, Grade.UNACCEPTABLE)
    assert (found.false_alarms_grade, found.grade) == (Grade.ACCEPTABLE, Grade.UNACCEPTABLE)
    assert not found.certain
    assert "AIAG" in found.source


def test_an_appraiser_who_is_always_right_is_acceptable_but_not_for_certain() -> None:
    found = effectiveness(_decisions(missed={}, alarms={}), REFERENCE)
    assert (found.grade, found.certain) == (Grade.ACCEPTABLE, False)
    assert isinstance(found.missed, ShownRate)
    assert found.missed.high == pytest.approx(binomial_interval(0, BAD)[1])


def test_one_who_calls_everything_bad_is_certainly_unacceptable_by_false_alarms() -> None:
    found = effectiveness({item: [True] * 3 for item in REFERENCE}, REFERENCE)
    assert (found.false_alarms_grade, found.missed_grade, found.grade) == (
        Grade.UNACCEPTABLE,
        Grade.ACCEPTABLE,
        Grade.UNACCEPTABLE,
    )


@pytest.mark.parametrize(
    ("reference", "missed", "false_alarms"),
    [
        ({}, NO_REFERENCE, NO_REFERENCE),
        ({0: False, 1: False}, NO_BAD_ITEM, None),
        ({0: True, 1: True}, None, NO_GOOD_ITEM),
    ],
)
def test_what_no_item_can_show_is_not_measured_and_passes_nothing(reference, missed, false_alarms) -> None:
    found = effectiveness({0: [True, True], 1: [True, False]}, reference)
    for rate, reason in ((found.missed, missed), (found.false_alarms, false_alarms)):
        assert isinstance(rate, ShownRate) if reason is None else rate == NotMeasured(reason=reason)
    assert found.grade in {Grade.NOT_MEASURED, Grade.UNACCEPTABLE}
    assert not found.certain


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=40))
def test_repeated_decisions_give_an_interval_between_those_of_items_and_of_decisions(items: list[list[bool]]) -> None:
    found = clustered_rate(items, "none")
    assert isinstance(found, ShownRate)
    naive = binomial_interval(found.count, found.total)
    assert found.low <= naive[0] + 1e-12
    assert found.high >= naive[1] - 1e-12


def test_decisions_that_only_repeat_themselves_are_worth_one_an_item() -> None:
    once = clustered_rate([[n < 5] for n in range(20)], "none")
    again = clustered_rate([[n < 5] * 3 for n in range(20)], "none")
    assert isinstance(once, ShownRate)
    assert isinstance(again, ShownRate)
    assert (once.low, once.high) == (again.low, again.high)
    assert (again.count, again.total) == (15, 60)


@pytest.mark.parametrize(
    ("value", "grade"),
    [(0.76, KappaGrade.GOOD), (0.75, KappaGrade.FAIR), (0.4, KappaGrade.FAIR), (0.39, KappaGrade.POOR)],
)
def test_a_kappa_is_graded_by_the_limits_of_the_aiag(value: float, grade: KappaGrade) -> None:
    kappa = Kappa(value=value, low=0.0, high=1.0, items=50, interval_by=IntervalBy.EXACT, observed=0.9, by_chance=0.5)
    assert kappa_grade(kappa) is grade
    assert kappa_grade(NotMeasured(reason="none")) is KappaGrade.NOT_MEASURED


def test_what_was_not_measured_is_never_better_than_marginal() -> None:
    assert worst([Grade.ACCEPTABLE, Grade.NOT_MEASURED]) is Grade.NOT_MEASURED
    assert worst([Grade.MARGINAL, Grade.UNACCEPTABLE, Grade.NOT_MEASURED]) is Grade.UNACCEPTABLE
    assert worst([]) is Grade.NOT_MEASURED
