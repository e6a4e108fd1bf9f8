"""A first detector beside the normality of its good material: the same defects, the same promise, exact counts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.beside_normality import BesideNormality, beside_normality_reasons, paired
from inspect_pipeline.domain.gate import Evidence, GateRules, TypeEvidence, first_detector_reasons
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.trial import GoodTried, RegionTried, Trial
from inspect_pipeline.errors import BadDataError

RULES = GateRules()
TYPES = (TypeEvidence(defect_type="scratch", found=rate(5, 5)),)


def reasons(defects: BesideNormality | None, goods: list[tuple[bool, bool]] | None = None) -> list[str]:
    return beside_normality_reasons(defects, goods=goods or [], least=3, max_loss=0.05, max_chance=0.05)


def test_a_detector_that_finds_as_many_defects_passes_though_they_are_others() -> None:
    assert reasons(BesideNormality(trials=6, found=4, alone=4, lost=2)) == []
    assert reasons(BesideNormality(trials=6, found=6, alone=0, lost=0)) == []


def test_one_that_finds_fewer_is_told_how_many_more_samples_would_do() -> None:
    [reason] = reasons(BesideNormality(trials=7, found=5, alone=6, lost=2))
    assert reason.startswith("normality alone: 5 of 7 left-out samples and labels for the gate are found")
    assert "(2 lost, 1 gained, chance 50.0%)" in reason
    # With one loss net, 93 defects bound it by 5% with 95% confidence.
    assert reason.endswith("label 1 more that only its types find, or 86 more of which none is lost")


def test_a_loss_that_is_surely_small_is_borne() -> None:
    assert reasons(BesideNormality(trials=93, found=91, alone=92, lost=1)) == []
    assert len(reasons(BesideNormality(trials=92, found=90, alone=91, lost=1))) == 1


def test_good_units_that_alarm_by_the_types_alone_count_beyond_chance() -> None:
    fine = BesideNormality(trials=5, found=5, alone=5, lost=0)
    assert reasons(fine, [(True, False)] * 4 + [(False, False)] * 20) == []
    [reason] = reasons(fine, [(True, False)] * 5 + [(False, False)] * 20)
    assert reason.startswith("normality alone: 5 good units alarm that do not without its types")


def test_too_few_samples_and_no_measurement_are_no_evidence() -> None:
    assert reasons(None)[0].startswith("normality alone: not measured")
    assert reasons(BesideNormality(trials=1, found=1, alone=0, lost=0))[0].endswith("1 samples; 2 more are needed")


def test_labels_for_the_gate_count_beside_the_left_out_samples() -> None:
    region = RegionTried(
        label="a", defect_type="scratch", severity=None, golden=False, knows=True, found=True, named=True
    )
    good = GoodTried(label="g", golden=False, alarmed=False)
    mine, alone = Trial(regions=(region,), goods=(good,)), Trial(regions=(replace(region, found=False),), goods=(good,))
    evidence = Evidence(types=TYPES, beside_normality=BesideNormality(trials=5, found=3, alone=4, lost=1))
    assert len(first_detector_reasons(evidence, None, None, rules=RULES)) == 1
    assert first_detector_reasons(evidence, mine, alone, rules=RULES) == []  # the label makes up for the sample
    assert first_detector_reasons(replace(evidence, beside_normality=None), mine, alone, rules=RULES)[0].endswith(
        "compared on 1 samples; 2 more are needed"
    )


def test_a_detector_without_types_is_normality_alone() -> None:
    assert first_detector_reasons(Evidence(), None, None, rules=RULES) == []


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_the_counts_are_those_of_the_pairs_and_add_up(pairs: list[tuple[bool, bool]]) -> None:
    counts = paired(pairs)
    assert counts.gained == sum(found and not alone for found, alone in pairs)
    assert counts + counts == paired(pairs * 2)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadDataError, match="does not add up"):
        BesideNormality(trials=5, found=5, alone=5, lost=1)
