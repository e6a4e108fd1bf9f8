"""Which findings wait, how much an answer would tell, and what is alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inspect_pipeline.domain.explanation import Explanation, NamedBy
from inspect_pipeline.domain.findings import Evidence, Finding
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import (
    DENSITY,
    POINT_DIMS,
    Reason,
    as_points,
    group_value,
    informativeness,
    joined,
    point_of,
    reason_to_wait,
    same_region,
    uncertainty,
    worth_asking,
)
from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import NotFoundError

TOLD = Explanation(
    anomaly=2.0,
    type_score=0.5,
    channel="dent",
    named_by=NamedBy.REGION,
    nearest_type="dent",
    margin=1.0,
    distance=3.0,
    limit=1.0,
)


def finding(
    name: str = UNKNOWN_TYPE,
    *,
    told: Explanation | None = TOLD,
    life: LifeCycle = LifeCycle.APPROVED,
    score: float = 3.0,
) -> Finding:
    return Finding(
        frame="f",
        roi=Roi(top=0, left=0, bottom=9, right=9),
        defect_type=name,
        life_cycle=life,
        score=score,
        crossweb_mm=0.0,
        downweb_m=0.0,
        width_mm=1.0,
        length_mm=1.0,
        evidence=Evidence.ANOMALY,
        explanation=told,
    )


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (finding(), Reason.UNKNOWN),
        (finding(told=None), Reason.UNKNOWN),
        (finding("dent"), None),
        (finding("dent", told=None), None),
        (finding("dent", told=replace(TOLD, margin=None)), None),
        (finding("dent", told=replace(TOLD, margin=0.2)), None),
        (finding("dent", told=replace(TOLD, margin=0.19)), Reason.DOUBTFUL),
        (finding("dent", life=LifeCycle.PROVISIONAL), Reason.PROVISIONAL),
        (finding("dent", life=LifeCycle.CANDIDATE), Reason.PROVISIONAL),
        (finding("dent", told=replace(TOLD, margin=0.1), life=LifeCycle.CANDIDATE), Reason.DOUBTFUL),
    ],
)
def test_what_is_unknown_doubtful_or_not_yet_approved_waits(one: Finding, reason: Reason | None) -> None:
    assert reason_to_wait(one, doubt_margin=0.2) is reason


def test_uncertainty_is_the_mean_of_novelty_and_ambiguity() -> None:
    assert uncertainty(finding()) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert uncertainty(finding(told=replace(TOLD, margin=None))) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert uncertainty(finding(told=None, score=1.0)) == pytest.approx((1 / 2 + 1 / 2) / 2)
    by_channel = replace(TOLD, named_by=NamedBy.CHANNEL, distance=0.2, limit=0.6)
    assert uncertainty(finding(told=by_channel)) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert uncertainty(finding(told=replace(by_channel, distance=-0.1))) == pytest.approx((1 + 1 / 2) / 2)
    assert uncertainty(finding(told=replace(TOLD, limit=None), score=3.0)) == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_a_confirmation_is_worth_less_than_an_answer_to_what_is_unknown_or_doubtful() -> None:
    one = finding("dent", life=LifeCycle.PROVISIONAL)
    assert worth_asking(one, Reason.UNKNOWN) == worth_asking(one, Reason.DOUBTFUL) == uncertainty(one)
    assert worth_asking(one, Reason.PROVISIONAL) == pytest.approx(uncertainty(one) / 4)


unit = st.floats(0.0, 10.0)


@given(unit, unit, unit, unit)
def test_uncertainty_grows_with_distance_and_falls_with_the_lead(d1: float, d2: float, m1: float, m2: float) -> None:
    near, far = sorted((d1, d2))
    small, large = sorted((m1, m2))
    least = uncertainty(finding(told=replace(TOLD, distance=near, margin=large)))
    most = uncertainty(finding(told=replace(TOLD, distance=far, margin=small)))
    assert 0.0 < least <= most <= 1.0


@given(st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1), st.integers(1, 10**6))
def test_what_is_like_more_findings_tells_more(doubt: float, one: float, other: float, size: int) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= informativeness(doubt, low) <= informativeness(doubt, high) <= doubt
    assert group_value(doubt, size + 1) >= group_value(doubt, size) >= doubt or doubt == 0.0
    assert group_value(doubt, 100 * size) == pytest.approx(group_value(doubt, size) * 100**DENSITY)


def test_a_region_is_the_same_where_the_smaller_is_half_covered() -> None:
    box = Roi(top=0, left=0, bottom=10, right=10)
    assert same_region(box, box)
    assert same_region(box, Roi(top=0, left=5, bottom=10, right=15))
    assert not same_region(box, Roi(top=0, left=6, bottom=10, right=16))
    assert same_region(Roi(top=0, left=0, bottom=1000, right=1000), box)


vectors = arrays(np.float32, 300, elements=st.floats(-1, 1, width=32))


@given(vectors)
def test_a_point_has_length_one_and_depends_on_the_direction_alone(vector: np.ndarray) -> None:  # type: ignore[type-arg]
    point = point_of(vector).astype(np.float32)
    assert point.shape == (POINT_DIMS,)
    if float(np.linalg.norm(vector)) < 1e-3:
        return
    assert float(np.linalg.norm(point)) == pytest.approx(1.0, abs=2e-3)
    np.testing.assert_allclose(point_of(vector * 4.0).astype(np.float32), point, atol=2e-3)


def test_points_keep_cosines_to_within_what_is_promised_and_are_the_same_everywhere() -> None:
    draw = np.random.default_rng(0)
    base = draw.normal(size=(400, 2000)).astype(np.float32)
    other = base + draw.normal(size=(400, 2000)).astype(np.float32) * 0.5
    true = np.sum(base * other, axis=1) / np.linalg.norm(base, axis=1) / np.linalg.norm(other, axis=1)
    ours, theirs = (np.array([point_of(one) for one in many], dtype=float) for many in (base, other))
    told = np.sum(ours * theirs, axis=1)
    promised = float(np.mean(1 - true**2)) / 8
    assert float(np.std(told - true)) == pytest.approx(promised, rel=0.2)
    assert abs(float(np.mean(told - true))) < promised / 4
    assert point_of(np.arange(5, dtype=np.float32))[:4].tolist() == POINT_OF_0_TO_4


POINT_OF_0_TO_4 = [0.08807373046875, 0.0, -0.1761474609375, -0.044036865234375]


def unit_points(*angles: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32).reshape(-1, 2)


def test_a_point_joins_the_nearest_leader_that_is_like_it_or_leads_a_group_of_its_own() -> None:
    found = joined(unit_points(0.05, 1.5, 0.3, 1.45), unit_points(0.0, 0.25), likeness=0.99, most=9)
    assert [group for group, _ in found] == [0, 2, 1, 2]
    assert [cosine for _, cosine in found] == pytest.approx([np.cos(0.05), 1.0, np.cos(0.05), np.cos(0.05)], abs=1e-6)
    assert joined(unit_points(), unit_points(0.0), likeness=0.9, most=9) == []


def test_from_the_most_groups_on_every_point_joins_the_nearest() -> None:
    found = joined(unit_points(0.0, 1.0, 2.0, 2.9), unit_points(), likeness=0.99, most=2)
    assert [group for group, _ in found] == [0, 1, 1, 1]
    assert found[3][1] == pytest.approx(np.cos(1.9), abs=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.floats(0.1, 0.95))
def test_points_that_come_in_two_parts_are_grouped_as_in_one(seed: int, first: int, rest: int, likeness: float) -> None:
    points = np.random.default_rng(seed).normal(size=(first + rest, 8)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    none = np.zeros((0, 8), dtype=np.float32)
    whole = joined(points, none, likeness=likeness, most=100)
    before = joined(points[:first], none, likeness=likeness, most=100)
    leaders = [next(i for i, (group, _) in enumerate(before) if group == number) for number in range(_count(before))]
    after = joined(points[first:], points[leaders], likeness=likeness, most=100)
    assert [group for group, _ in before + after] == [group for group, _ in whole]
    assert all(cosine >= likeness - 1e-6 for _, cosine in whole)


def _count(found: list[tuple[int, float]]) -> int:
    return max((group for group, _ in found), default=-1) + 1


def test_stored_points_come_back() -> None:
    points = [point_of(np.random.default_rng(n).normal(size=50).astype(np.float32)) for n in range(3)]
    np.testing.assert_array_equal(as_points([one.tobytes() for one in points]), np.array(points, dtype=np.float32))
    assert as_points([]).shape == (0, POINT_DIMS)


def test_an_item_is_named_by_its_verdict_and_its_place() -> None:
    assert str(ItemKey(result=17, ordinal=3)) == "17-3"
    assert ItemKey.of("17-3") == ItemKey(result=17, ordinal=3)
    for text in ("", "17", "17-", "-1-2", "17-3-4", "１-2", "9" * 30 + "-1", "a-b"):
        with pytest.raises(NotFoundError, match="RESULT-ORDINAL"):
            ItemKey.of(text)
