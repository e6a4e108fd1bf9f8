"""For every rule on labels that never taught, one challenger bad only there, refused by that rule's name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.statistics import one_sided_upper, rate, samples_for_share, sign_test
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.domain.trial import GoodTried, RegionTried, Trial, TrialRules, trial_reasons, trial_to
from inspect_pipeline.errors import BadDataError

RULES = TrialRules()
STAGES = {"scratch": LifeCycle.APPROVED, "stain": LifeCycle.PROVISIONAL}


def region(label: str, kind: str = "scratch", *, severity: int | None = None, golden: bool = False) -> RegionTried:
    knows = kind != "dent"
    return RegionTried(
        label=label, defect_type=kind, severity=severity, golden=golden, knows=knows, found=True, named=knows
    )


def missing(each: RegionTried) -> RegionTried:
    return replace(each, found=False, named=False)


GOOD = Trial(
    regions=(
        *(region(f"scratch-{n:02}") for n in range(20)),
        *(region(f"severe-{n:02}", severity=4) for n in range(20)),
        *(region(f"stain-{n:02}", "stain") for n in range(12)),
        *(region(f"dent-{n:02}", "dent") for n in range(12)),
        region("golden-1", "stain", golden=True),
    ),
    goods=(*(GoodTried(label=f"good-{n:02}", golden=False, alarmed=False) for n in range(60)),),
    seconds_per_mpx=0.5,
    mib=12.0,
)


def without(prefix: str, count: int) -> Trial:
    """The good trial with that many regions of a prefix missed."""
    left = count
    regions = []
    for each in GOOD.regions:
        lose = each.label.startswith(prefix) and left > 0
        left -= lose
        regions.append(missing(each) if lose else each)
    return replace(GOOD, regions=tuple(regions))


def alarmed(count: int) -> Trial:
    return replace(GOOD, goods=tuple(replace(g, alarmed=n < count) for n, g in enumerate(GOOD.goods)))


def reasons(challenger: Trial, champion: Trial | None = GOOD, left_out: float = 0.0) -> list[str]:
    said = {"stain": rate(60, 60)} if left_out else {}
    return trial_reasons(challenger, champion, stages=STAGES, left_out=said, promised_overkill=0.05, rules=RULES)


def test_a_challenger_as_good_as_the_champion_passes_every_rule() -> None:
    assert reasons(GOOD) == []
    assert reasons(GOOD, None) == []


@pytest.mark.parametrize(
    ("challenger", "rule"),
    [
        (replace(GOOD, unjudged=("frame c/1 is unusable (dark)",)), "unjudged: frame c/1 is unusable"),
        (without("golden-1", 1), "golden set: label golden-1 is not found"),
        (replace(GOOD, goods=(*GOOD.goods, GoodTried(label="g", golden=True, alarmed=True))), "golden set: label g is"),
        (without("scratch", 12), "escape of approved type 'scratch': 12 of 40 held-out regions escape"),
        (without("severe", 4), "escape of approved type 'scratch' at severity 3 or more: 4 of 20"),
        (replace(GOOD, seconds_per_mpx=9.0), "speed: 9.00 s a megapixel"),
        (replace(GOOD, mib=500.0), "size: the bundle has 500 MiB"),
        (replace(GOOD, memory_mib=5000.0), "memory: judging a frame takes 5000 MiB, at most 4096 are allowed"),
        (alarmed(9), "held-out overkill: 9 of 60 known-good units alarm"),
    ],
)
def test_a_challenger_bad_at_one_rule_is_refused_by_that_rule_alone(challenger: Trial, rule: str) -> None:
    [reason] = reasons(challenger, None)
    assert reason.startswith(rule)


def test_frames_that_could_not_be_judged_are_all_counted_though_three_are_named() -> None:
    dark = replace(GOOD, unjudged=tuple(f"frame c/{number} is unusable (dark)" for number in range(5)))
    assert reasons(dark, None)[2:] == ["unjudged: frame c/2 is unusable (dark)", "unjudged: and 2 frames more"]


def test_overkill_counts_when_it_is_surely_above_the_promise() -> None:
    assert reasons(alarmed(3), None) == []
    [reason] = reasons(alarmed(9), None)
    assert reason.startswith("held-out overkill: 9 of 60 known-good units alarm")


@pytest.mark.parametrize(
    ("challenger", "champion", "rule"),
    [
        (without("stain", 5), GOOD, "forgetting: regions of known types"),
        (without("dent", 5), GOOD, "unknowns: regions of types that neither knows"),
        (alarmed(5), GOOD, "more overkill than the champion"),
    ],
)
def test_a_loss_on_the_same_regions_counts_beyond_chance(challenger: Trial, champion: Trial, rule: str) -> None:
    assert reasons(challenger, champion)[0].startswith(rule)
    assert reasons(champion, challenger) == []  # a gain is none


def test_a_name_that_is_lost_is_forgetting_though_the_region_is_found() -> None:
    renamed = [replace(r, named=False) if r.label < "severe-05" and r.label >= "severe" else r for r in GOOD.regions]
    [reason] = reasons(replace(GOOD, regions=tuple(renamed)))
    assert reason.startswith("forgetting: names of known types")


def test_four_losses_are_within_chance() -> None:
    assert reasons(without("stain", 4)) == []


def test_a_held_out_recall_surely_below_what_leave_one_out_said_is_named() -> None:
    [reason] = reasons(without("stain", 8), None, left_out=1.0)
    assert reason.startswith("calibration: leave-one-out says that at least 94% of 'stain' are found")


def test_too_few_regions_are_a_refusal_that_says_how_many_more_are_needed() -> None:
    few = replace(GOOD, regions=tuple(region(f"scratch-{n}") for n in range(4)))
    [reason] = reasons(few, None)
    assert reason.endswith("label 5 more that are found")
    none = replace(GOOD, regions=())
    assert reasons(none, None)[0].endswith("label 9 more that are found")


def test_a_provisional_type_only_warns_and_is_not_asked_for_evidence() -> None:
    said = {"scratch": LifeCycle.PROVISIONAL}
    empty = Trial(regions=(), goods=())
    assert trial_reasons(empty, None, stages=said, left_out={}, promised_overkill=0.05, rules=RULES) == []


@given(st.integers(0, 5), st.floats(0.05, 0.6))
def test_so_many_samples_are_enough_and_one_fewer_is_not(missed: int, at_most: float) -> None:
    enough = samples_for_share(missed, at_most)
    assert one_sided_upper(missed, enough) <= at_most
    assert enough == missed + 1 or one_sided_upper(missed, enough - 1) > at_most


def test_the_sign_test_is_the_binomial_tail() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(1 / 32)
    assert sign_test(4, 1) == pytest.approx(6 / 32)
    assert sign_test(0, 5) == 1.0


def test_the_figures_of_a_trial_have_their_intervals() -> None:
    document = trial_to(without("stain", 3))
    assert document is not None
    assert document["recall"]["stain"]["count"] == 10
    assert document["recall"]["stain"]["interval"] == [rate(10, 13).low, rate(10, 13).high]
    assert document["unknown_found"]["of"] == 12
    assert trial_to(None) is None


def test_escapes_are_told_by_severity_and_overkill_by_what_good_units_were_taken_for() -> None:
    goods = tuple(replace(g, alarmed=n < 3, taken_for=("stain",) * (n < 2)) for n, g in enumerate(GOOD.goods))
    document = trial_to(replace(without("severe", 4), goods=goods))
    assert document is not None
    assert document["recall_by_severity"] == {"scratch": {"4": document["recall_by_severity"]["scratch"]["4"]}}
    severe = document["recall_by_severity"]["scratch"]["4"]
    assert (severe["count"], severe["of"], severe["interval"]) == (16, 20, [rate(16, 20).low, rate(16, 20).high])
    assert {name: row["count"] for name, row in document["overkill_by_type"].items()} == {"stain": 2}


def test_rules_that_cannot_hold_are_refused() -> None:
    with pytest.raises(BadDataError, match="shares must lie between 0 and 1"):
        TrialRules(max_escape=1.0)
