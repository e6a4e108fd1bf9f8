"""For every rule of the gate one challenger that is bad only there, and is refused for that alone."""

import json
from dataclasses import replace
from typing import Any

import pytest

from inspect_pipeline.domain.beside_normality import BesideNormality
from inspect_pipeline.domain.gate import (
    Evidence,
    GateRules,
    TypeEvidence,
    evidence_from,
    evidence_to,
    judge_detector,
    judge_initialization,
)
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.errors import BadDataError

RULES = GateRules(min_samples=3, min_leave_one_out=0.4, max_forgetting=0.05, min_episodes=100)
NAN = float("nan")
SCRATCH = TypeEvidence(defect_type="scratch", found=rate(4, 5), forgetting=0.05)
GOOD = Evidence(
    promised_overkill=0.05,
    overkill=rate(2, 60),
    types=(SCRATCH, TypeEvidence(defect_type="stain", found=rate(2, 5))),
)
TRAINED = Evidence(episodes=100, accuracy=0.97, baseline_accuracy=0.95, difference_low=0.01, chosen="protonet")


FIRST = replace(GOOD, beside_normality=BesideNormality(trials=10, found=8, alone=7, lost=1))


def with_type(**changes: Any) -> Evidence:
    return replace(GOOD, types=(replace(SCRATCH, **changes), *GOOD.types[1:]))


def test_a_detector_good_at_every_rule_passes_with_and_without_a_champion() -> None:
    assert judge_detector(GOOD, None, rules=RULES).passed
    assert judge_detector(GOOD, GOOD, rules=RULES).passed


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        (replace(GOOD, overkill=None), "overkill was not measured"),
        (replace(GOOD, overkill=rate(0, 0)), "overkill was not measured"),
        (replace(GOOD, promised_overkill=None), "overkill was not measured"),
        (replace(GOOD, overkill=rate(9, 60)), "overkill: 9 of 60 known-good units alarm"),
        (replace(GOOD, promised_overkill=NAN), "overkill: a promise of nan is no share"),
        (
            replace(GOOD, overkill=rate(0, 18)),
            "overkill: 18 known-good units cannot bear out a promise of 5.0%; 1 more",
        ),
        (with_type(found=rate(2, 2)), "type 'scratch' has 2 samples; 1 more are needed"),
        (with_type(found=rate(1, 5)), "type 'scratch': only 1 of 5 samples are found when left out, 40% are needed"),
        (with_type(forgetting=0.06), "type 'scratch' would be forgotten: 6.0% fewer found than before"),
        (with_type(forgetting=NAN), "type 'scratch' would be forgotten"),
    ],
)
def test_a_detector_bad_at_one_rule_is_refused_for_that_alone(challenger: Evidence, reason: str) -> None:
    report = judge_detector(challenger, GOOD, rules=RULES)
    assert not report.passed
    assert len(report.reasons) == 1
    assert report.reasons[0].startswith(reason)


def test_a_detector_that_lost_a_type_of_the_champion_is_refused_by_its_name() -> None:
    report = judge_detector(replace(GOOD, types=GOOD.types[1:]), GOOD, rules=RULES)
    assert report.reasons == ("type 'scratch' is known to the champion but not to the challenger",)


def test_every_broken_rule_gives_its_own_reason() -> None:
    bad = replace(with_type(found=rate(1, 5), forgetting=0.5), overkill=rate(30, 60))
    assert len(judge_detector(bad, None, rules=RULES).reasons) == 3


def test_overkill_is_refused_only_where_the_promise_is_broken_beyond_chance() -> None:
    # The lower 95% bound of 7 of 60 is 4.8%, that of 8 of 60 is 5.9%.
    assert judge_detector(replace(GOOD, overkill=rate(7, 60)), None, rules=RULES).passed
    assert not judge_detector(replace(GOOD, overkill=rate(8, 60)), None, rules=RULES).passed


def test_a_share_that_lies_on_its_limit_passes() -> None:
    rules = replace(RULES, min_leave_one_out=0.07)
    assert judge_detector(with_type(found=rate(7, 100)), None, rules=rules).passed


def test_an_initialization_good_at_every_rule_passes() -> None:
    assert judge_initialization(TRAINED, None, rules=RULES).passed
    assert judge_initialization(TRAINED, TRAINED, rules=RULES).passed


def test_the_frozen_baseline_itself_needs_to_beat_nothing() -> None:
    frozen = replace(TRAINED, chosen="frozen", difference_low=None)
    assert judge_initialization(frozen, None, rules=RULES).passed


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        (replace(TRAINED, episodes=None), "measured on 0 episodes; 100 more are needed"),
        (replace(TRAINED, episodes=99), "measured on 99 episodes; 1 more are needed"),
        (replace(TRAINED, difference_low=None), "the meta-trained head does not beat the frozen baseline"),
        (replace(TRAINED, difference_low=0.0), "the meta-trained head does not beat the frozen baseline"),
        (replace(TRAINED, difference_low=NAN), "the meta-trained head does not beat the frozen baseline"),
        (replace(TRAINED, chosen=None, difference_low=None), "the meta-trained head does not beat"),
    ],
)
def test_an_initialization_bad_at_one_rule_is_refused_for_that_alone(challenger: Evidence, reason: str) -> None:
    report = judge_initialization(challenger, TRAINED, rules=RULES)
    assert len(report.reasons) == 1
    assert report.reasons[0].startswith(reason)


def test_no_evidence_passes_no_gate() -> None:
    nothing = evidence_from({})
    assert nothing == Evidence()
    assert not judge_detector(nothing, None, rules=RULES).passed
    assert not judge_initialization(nothing, None, rules=RULES).passed


@pytest.mark.parametrize("evidence", [GOOD, TRAINED, Evidence(), with_type(forgetting=None), FIRST])
def test_evidence_comes_back_from_a_manifest_as_it_was(evidence: Evidence) -> None:
    manifest = json.loads(json.dumps({"evidence": evidence_to(evidence)}, allow_nan=False))
    assert evidence_from(manifest) == evidence


@pytest.mark.parametrize(
    "changes",
    [
        {"min_samples": 0},
        {"min_episodes": 0},
        {"min_leave_one_out": 1.5},
        {"max_forgetting": -0.1},
        {"max_forgetting": NAN},
    ],
)
def test_rules_that_no_evidence_could_break_or_keep_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadDataError, match="gate rules"):
        replace(RULES, **changes)
