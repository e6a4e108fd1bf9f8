"""What rests on a frame keeps its images; the rest goes by class and age."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.retention import (
    PRUNED_CLASSES,
    FrameUse,
    ImageClass,
    RetentionRules,
    class_of,
    is_old,
    too_many_to_sweep,
)
from inspect_pipeline.errors import ConfigError

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
VERDICTS = st.lists(st.sampled_from(Verdict), max_size=4)


def test_by_default_nothing_goes() -> None:
    assert [RetentionRules().cut_off(kind, now=NOON) for kind in ImageClass] == [None] * 6
    assert not RetentionRules().sweep


def test_each_class_has_its_own_days() -> None:
    rules = RetentionRules(
        passed_days=30.0, unusable_days=7.0, unjudged_days=90.0, heatmap_days=0.5, thumbnail_days=365.0
    )
    cut_offs = {kind: rules.cut_off(kind, now=NOON) for kind in ImageClass}
    days = {
        ImageClass.PASSED: 30.0,
        ImageClass.UNUSABLE: 7.0,
        ImageClass.UNJUDGED: 90.0,
        ImageClass.HEATMAP: 0.5,
        ImageClass.THUMBNAIL: 365.0,
    }
    assert cut_offs == {**{kind: NOON - timedelta(days=each) for kind, each in days.items()}, ImageClass.FOUND: None}
    assert set(PRUNED_CLASSES) == set(days)


@pytest.mark.parametrize(
    "rules",
    [
        {"passed_days": 0.0},
        {"heatmap_days": -1.0},
        {"unjudged_days": float("nan")},
        {"unusable_days": float("inf")},
        {"grace_days": 0.5},
        {"most_swept_share": 1.5},
        {"most_swept_share": float("nan")},
    ],
)
def test_days_and_shares_that_cannot_be_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(rules))):
        RetentionRules(**rules)  # type: ignore[arg-type]


def test_the_grace_period_is_told_in_seconds() -> None:
    assert RetentionRules(grace_days=2.0).grace_s == 172800.0


@given(usable=st.booleans(), findings=st.integers(0, 3), labelled=st.booleans(), verdicts=VERDICTS)
def test_what_anything_rests_on_is_found_and_nothing_else_is(
    usable: bool, findings: int, labelled: bool, verdicts: list[Verdict]
) -> None:
    use = FrameUse(usable=usable, labelled=labelled, findings=findings, verdicts=verdicts)
    rests = labelled or findings > 0 or bool({Verdict.DEFECT, Verdict.UNKNOWN} & set(verdicts))
    assert (class_of(use) is ImageClass.FOUND) == rests


@pytest.mark.parametrize(
    ("usable", "verdicts", "expected"),
    [
        (True, [Verdict.PASS], ImageClass.PASSED),
        (True, [Verdict.UNUSABLE, Verdict.PASS], ImageClass.PASSED),
        (True, [], ImageClass.UNJUDGED),
        (True, [Verdict.UNUSABLE], ImageClass.UNJUDGED),
        (False, [], ImageClass.UNUSABLE),
        (False, [Verdict.UNUSABLE], ImageClass.UNUSABLE),
    ],
)
def test_a_frame_that_nothing_rests_on_is_classed_by_who_judged_it(
    usable: bool, verdicts: list[Verdict], expected: ImageClass
) -> None:
    assert class_of(FrameUse(usable=usable, verdicts=verdicts)) is expected


@pytest.mark.parametrize(("captured", "entered"), list(product([-1, 0, 1], repeat=2)))
def test_a_frame_is_as_old_as_the_later_of_its_capture_and_its_entry(captured: int, entered: int) -> None:
    old = is_old(NOON + timedelta(hours=captured), NOON + timedelta(hours=entered), before=NOON)
    assert old == (captured < 0 and entered < 0)


def test_more_files_without_a_row_than_the_share_are_too_many() -> None:
    assert not too_many_to_sweep(5, 100, most_share=0.05)
    assert too_many_to_sweep(6, 100, most_share=0.05)
    assert not too_many_to_sweep(0, 0, most_share=0.0)
    assert not too_many_to_sweep(7, 7, most_share=1.0)
