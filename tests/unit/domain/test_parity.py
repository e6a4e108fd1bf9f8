"""The rules on another runtime: exact ones give torch's scores, rougher ones change few verdicts, provably."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.parity import FrameParity, Parity, ParityRules, parity_reasons, parity_to
from inspect_pipeline.domain.statistics import one_sided_upper
from inspect_pipeline.errors import BadDataError

RULES = ParityRules()


def frames(count: int, *, flipped: int = 0, difference: float = 0.0) -> tuple[FrameParity, ...]:
    found = [Verdict.DEFECT] * flipped + [Verdict.PASS] * (count - flipped)
    return tuple(
        FrameParity(frame=f"f{number}", wanted=Verdict.PASS, found=verdict, difference=difference)
        for number, verdict in enumerate(found)
    )


def parity(count: int, *, exact: bool, flipped: int = 0, difference: float = 0.0) -> Parity:
    name = "openvino f32" if exact else "openvino bf16"
    return Parity(runtime=name, exact=exact, frames=frames(count, flipped=flipped, difference=difference))


def test_torch_itself_is_asked_for_nothing() -> None:
    assert parity_reasons(None, RULES) == []
    assert parity_to(None) is None


def test_a_float32_runtime_passes_with_the_scores_of_torch_on_a_few_frames() -> None:
    assert parity_reasons(parity(5, exact=True, difference=1e-4), RULES) == []
    assert parity_reasons(parity(4, exact=True), RULES) == [
        "parity: 4 frames were judged by openvino f32 and torch; 1 more are needed"
    ]


@pytest.mark.parametrize("difference", [1.1e-4, float("nan")])
def test_a_float32_runtime_with_other_scores_is_refused(difference: float) -> None:
    reasons = parity_reasons(parity(5, exact=True, difference=difference), RULES)
    assert len(reasons) == 1
    assert reasons[0].startswith("parity: scores of openvino f32 differ from torch by")


def test_a_float32_runtime_may_change_no_verdict_and_a_rougher_one_few() -> None:
    assert parity_reasons(parity(200, exact=True, flipped=1), RULES) == [
        "parity: openvino f32 changes 1 of 200 verdicts"
    ]
    assert parity_reasons(parity(93, exact=False, flipped=1, difference=0.3), RULES) == []


def test_too_few_frames_say_how_many_more_it_takes() -> None:
    assert "; 59 more frames" in parity_reasons(parity(0, exact=False), RULES)[0]
    assert "; 19 more frames" in parity_reasons(parity(40, exact=False), RULES)[0]
    assert parity_reasons(parity(59, exact=False), RULES) == []


def test_more_changes_than_allowed_are_refused_without_asking_for_more() -> None:
    assert parity_reasons(parity(50, exact=False, flipped=5), RULES) == [
        "parity: openvino bf16 changes 5 of 50 verdicts of torch in float32, at most 5% are allowed"
    ]


@given(count=st.integers(0, 200), share=st.floats(0, 1), allowed=st.floats(0.01, 0.5))
def test_a_rough_runtime_passes_exactly_when_the_bound_lies_below_what_is_allowed(
    count: int, share: float, allowed: float
) -> None:
    flipped = round(share * count)
    rules = replace(RULES, max_flips=allowed)
    passed = not parity_reasons(parity(count, exact=False, flipped=flipped), rules)
    assert passed == (one_sided_upper(flipped, count) <= allowed)


def test_frames_that_were_not_judged_and_a_batch_that_differs_are_reasons_of_their_own() -> None:
    odd = replace(parity(60, exact=False), unjudged=tuple(f"frame {n}: gone" for n in range(5)), batch_difference=0.01)
    reasons = parity_reasons(odd, RULES)
    assert len(reasons) == 5
    assert reasons[0] == "parity: openvino bf16 did not judge frame 0: gone"
    assert "2 frames more" in reasons[3]
    assert "given together differently" in reasons[4]


def test_the_figures_carry_the_exact_interval_and_name_the_frames() -> None:
    document = parity_to(parity(20, exact=False, flipped=2, difference=0.25))
    assert document is not None
    assert (document["flips"]["count"], document["flips"]["of"]) == (2, 20)
    assert document["flips"]["interval"] == pytest.approx([0.0123, 0.3170], abs=1e-4)
    assert document["flipped"] == ["f0", "f1"]
    assert (document["escapes"], document["difference"]) == (0, 0.25)


@pytest.mark.parametrize("wrong", [{"max_flips": 0.0}, {"max_difference": 1.0}, {"min_frames": 0}, {"frames": 4}])
def test_rules_that_no_evidence_could_meet_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="parity rules"):
        replace(RULES, **wrong)  # type: ignore[arg-type]
