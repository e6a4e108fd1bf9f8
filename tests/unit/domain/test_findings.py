"""Verdicts say what the findings say; what was not judged has a reason."""

from dataclasses import replace
from typing import Any

import pytest

from inspect_pipeline.domain.findings import FrameResult, Verdict, decide
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import DETECTOR, finding


def test_a_known_type_makes_a_defect_even_beside_unknown_regions() -> None:
    assert decide([finding(defect_type=UNKNOWN_TYPE), finding()]) is Verdict.DEFECT


def test_only_unknown_regions_make_an_unknown_frame() -> None:
    assert decide([finding(defect_type=UNKNOWN_TYPE)]) is Verdict.UNKNOWN


def test_no_finding_is_a_pass() -> None:
    assert decide([]) is Verdict.PASS


@pytest.mark.parametrize("field", ["score", "crossweb_mm", "downweb_m", "width_mm", "length_mm"])
def test_a_finding_with_a_number_that_is_none_is_refused(field: str) -> None:
    for number in (float("nan"), float("inf")):
        changes: dict[str, Any] = {field: number}
        with pytest.raises(BadDataError, match="must be finite"):
            replace(finding(), **changes)


def test_a_finding_of_no_size_is_refused() -> None:
    with pytest.raises(BadDataError, match="sizes above 0"):
        finding(width_mm=0.0)


@pytest.mark.parametrize("reason", [None, ""])
def test_an_unusable_frame_without_a_reason_is_refused(reason: str | None) -> None:
    with pytest.raises(BadDataError, match="UNUSABLE has a reason"):
        FrameResult(frame="f0", verdict=Verdict.UNUSABLE, detector=DETECTOR, reason=reason)


def test_an_unusable_frame_has_no_findings() -> None:
    with pytest.raises(BadDataError, match="no findings"):
        FrameResult(frame="f0", verdict=Verdict.UNUSABLE, detector=DETECTOR, reason="torn", findings=(finding(),))


def test_a_judged_frame_has_no_reason() -> None:
    with pytest.raises(BadDataError, match="a judged frame has no reason"):
        FrameResult(frame="f0", verdict=Verdict.PASS, detector=DETECTOR, reason="torn")


@pytest.mark.parametrize("wrong", [Verdict.PASS, Verdict.UNKNOWN])
def test_a_verdict_that_hides_its_findings_is_refused(wrong: Verdict) -> None:
    with pytest.raises(BadDataError, match="which say DEFECT"):
        FrameResult(frame="f0", verdict=wrong, detector=DETECTOR, findings=(finding(),))
