"""Doubts about samples as plain records, and the coin that two names for one type are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.checks import Check, CheckKind, Severity, checks_from, checks_to, rarely_fewer
from inspect_pipeline.errors import BadDataError

CHECK = Check(kind=CheckKind.BLURRED, severity=Severity.NOTE, labels=("a", "b"), message="sample a is blurred")


def test_checks_come_back_from_their_json_as_they_were() -> None:
    assert checks_to([CHECK]) == [
        {"kind": "blurred", "severity": "note", "labels": ["a", "b"], "message": "sample a is blurred"}
    ]
    assert checks_from(checks_to([CHECK])) == (CHECK,)


@pytest.mark.parametrize("stored", [[{}], [{**checks_to([CHECK])[0], "kind": "odd"}], [{"kind": "blurred"}]])
def test_records_that_are_no_checks_are_refused(stored: list[dict[str, str]]) -> None:
    with pytest.raises(BadDataError, match="teach the detector again"):
        checks_from(stored)


def test_a_coin_shows_two_heads_in_ten_throws_often_enough_and_one_head_does_not() -> None:
    assert math.isclose((1 + 10 + 45) / 1024, 0.0547, abs_tol=1e-4)
    assert rarely_fewer(2, 10)
    assert not rarely_fewer(1, 10)
    assert rarely_fewer(0, 4)
    assert not rarely_fewer(0, 5)


@given(st.integers(1, 300), st.data())
def test_more_heads_are_never_rarer(trials: int, data: st.DataObject) -> None:
    heads = data.draw(st.integers(0, trials - 1))
    assert rarely_fewer(heads + 1, trials) >= rarely_fewer(heads, trials)
    assert rarely_fewer(trials, trials)
