"""Metrics of detection on numbers small enough to count by hand, and what holds for any scores."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.detection_metrics import (
    allowed_threshold,
    aupro,
    average_precision,
    escape_at,
    image_auroc,
)
from inspect_pipeline.errors import BadDataError

levels = st.integers(0, 6).map(float)  # few levels, so that ties are common
scores = st.lists(levels, min_size=1, max_size=30)


def test_auroc_counts_pairs_and_a_tie_as_half() -> None:
    # 0.5 beats 0.1 and ties with one 0.5 of three: 1.5; 0.9 beats all three.
    assert image_auroc([0.1, 0.5, 0.7], [0.5, 0.9]) == pytest.approx(4.5 / 6)


@given(normals=scores, defects=scores)
def test_auroc_is_the_share_of_pairs_and_mirrors(normals: list[float], defects: list[float]) -> None:
    pairs = [(d > n) + 0.5 * (d == n) for n in normals for d in defects]
    assert image_auroc(normals, defects) == pytest.approx(sum(pairs) / len(pairs))
    assert image_auroc(defects, normals) == pytest.approx(1.0 - image_auroc(normals, defects))


def test_average_precision_is_the_precision_at_each_step_of_recall() -> None:
    # Ranked: defect, good, defect, good: 1/2 * 1/1 + 1/2 * 2/3.
    assert average_precision([3.0, 1.0], [4.0, 2.0]) == pytest.approx(0.5 + 1 / 3)


@given(normals=scores, defects=scores)
def test_average_precision_needs_no_order_of_equals_and_without_a_ranking_is_the_share_of_defects(
    normals: list[float], defects: list[float]
) -> None:
    share = len(defects) / (len(normals) + len(defects))
    assert average_precision([1.0] * len(normals), [1.0] * len(defects)) == pytest.approx(share)
    found = average_precision(normals, defects)
    assert 0.0 < found <= 1.0
    assert average_precision(normals[::-1], defects[::-1]) == pytest.approx(found)


def test_escapes_are_counted_where_the_allowed_share_of_normals_alarms() -> None:
    normals = [float(k) for k in range(20)]  # 5% allows one alarm: above 18
    assert escape_at(normals, [17.5, 18.0, 18.5, 30.0], 0.05) == 0.5
    assert escape_at(normals, [17.5, 18.0, 18.5, 30.0], 0.2) == 0.0


@pytest.mark.parametrize(("count", "overkill", "measured"), [(19, 0.05, False), (20, 0.05, True), (99, 0.01, False)])
def test_an_overkill_below_one_normal_cannot_be_measured(count: int, overkill: float, measured: bool) -> None:
    found = escape_at([0.0] * count, [1.0], overkill)
    assert found == (0.0 if measured else None)


@given(normals=st.lists(levels, min_size=20, max_size=40), defects=scores)
def test_no_more_normals_alarm_than_were_allowed_and_more_overkill_lets_less_escape(
    normals: list[float], defects: list[float]
) -> None:
    threshold = allowed_threshold(normals, allowed=len(normals) // 20)
    assert sum(n > threshold for n in normals) <= len(normals) / 20
    at = [escape_at(normals, defects, x) for x in (0.05, 0.1, 0.5)]
    assert at == sorted(at, reverse=True)  # type: ignore[type-var]


def test_a_threshold_that_all_may_exceed_is_none_at_all() -> None:
    assert allowed_threshold([1.0, 2.0], allowed=2) == -math.inf
    assert allowed_threshold([1.0, 2.0], allowed=1) == 1.0
    assert allowed_threshold([], allowed=0) == -math.inf


def test_aupro_of_a_perfect_map_is_one_and_of_no_ranking_half_the_limit() -> None:
    good, covered = np.array([10.0, 10.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    assert aupro(np.array([0.0, 0.1, 0.8, 0.9]), good, covered) == pytest.approx(1.0)
    assert aupro(np.ones(4), good, covered) == pytest.approx(0.15)
    assert aupro(np.array([0.8, 0.9, 0.1, 0.0]), good, covered) == pytest.approx(0.0)


def test_aupro_by_hand() -> None:
    # Highest first: half of a region, then 20% of the good pixels, then the other half, then the rest.
    found = aupro(np.array([4.0, 3.0, 2.0, 1.0]), np.array([0.0, 2.0, 0.0, 8.0]), np.array([0.5, 0.0, 0.5, 0.0]))
    # Overlap 0.5 from 0 to 0.2 false, then 1.0 up to 0.3.
    assert found == pytest.approx((0.2 * 0.5 + 0.1 * 1.0) / 0.3)


def test_a_small_region_counts_as_much_as_a_large_one() -> None:
    good = np.array([0.0, 0.0, 0.0, 4.0])
    large_found, small_found = np.array([2.0, 2.0, 0.0, 1.0]), np.array([0.0, 0.0, 2.0, 1.0])
    covered = np.array([0.5, 0.5, 1.0, 0.0])  # one region over two cells, one in one cell
    found = [aupro(each, good, covered) for each in (large_found, small_found)]
    assert found[0] == pytest.approx(found[1])


def test_without_marks_or_without_good_pixels_there_is_no_aupro() -> None:
    one = np.ones(2)
    assert aupro(one, one, np.zeros(2)) is None
    assert aupro(one, np.zeros(2), one) is None


@given(data=st.lists(st.tuples(levels, st.floats(0, 9), st.floats(0, 1)), min_size=2, max_size=20))
def test_aupro_is_a_share_and_only_the_order_of_scores_counts(data: list[tuple[float, float, float]]) -> None:
    values, good, covered = (np.array(column) for column in zip(*data, strict=True))
    found = aupro(values, good, covered)
    if found is not None:
        assert -1e-9 <= found <= 1.0 + 1e-9
        assert aupro(values**3 + 5.0, good, covered) == pytest.approx(found)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(BadDataError, match="scores of normals are empty"):
        image_auroc([], [1.0])
    with pytest.raises(BadDataError, match="scores of defects are empty or not finite"):
        average_precision([1.0], [math.nan])
    with pytest.raises(BadDataError, match=r"overkill of 1\.0"):
        escape_at([1.0], [1.0], 1.0)
    with pytest.raises(BadDataError, match="same cells"):
        aupro(np.ones(2), np.ones(3), np.ones(2))
