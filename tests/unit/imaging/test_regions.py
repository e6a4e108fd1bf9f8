"""Regions of a score map: one for every peak that reaches the threshold, none when nothing does."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.regions import ScoredRegion, find_regions


def regions(scores: np.ndarray, unit_px: tuple[int, int] | None = None) -> list[ScoredRegion]:  # type: ignore[type-arg]
    shape_px = (scores.shape[0] * 16, scores.shape[1] * 16)
    return find_regions(scores, threshold=1.0, stride_px=16, shape_px=shape_px, unit_px=unit_px)


def empty() -> np.ndarray:  # type: ignore[type-arg]
    return np.zeros((8, 12), dtype=np.float32)


def test_a_block_above_the_threshold_is_one_region_with_its_box_peak_and_area() -> None:
    scores = empty()
    scores[2:4, 5:8] = 1.2
    scores[2, 6] = 1.5
    assert regions(scores) == [ScoredRegion(roi=Roi(top=32, left=80, bottom=64, right=128), peak=1.5, area_px=6 * 256)]


def test_the_threshold_itself_alarms() -> None:
    scores = empty()
    scores[0, 0] = 1.0
    assert len(regions(scores)) == 1
    scores[0, 0] = np.nextafter(np.float32(1.0), np.float32(0.0))
    assert regions(scores) == []


def test_a_strong_defect_does_not_swallow_a_weaker_one_that_stands_apart() -> None:
    scores = empty()
    scores[3, 1:10] = [6.0, 3.5, 2.5, 1.6, 1.2, 1.1, 1.3, 1.6, 2.0]
    found = regions(scores)
    assert [region.peak for region in found] == [6.0, 2.0]
    assert found[0].roi == Roi(top=48, left=16, bottom=64, right=32)


def test_no_region_reaches_over_the_border_of_a_unit() -> None:
    scores = empty()
    scores[2, 3:9] = 2.0
    assert len(regions(scores)) == 1
    parts = regions(scores, unit_px=(128, 96))
    assert [(part.roi.left, part.roi.right) for part in parts] == [(48, 96), (96, 144)]


def test_boxes_end_at_the_frame() -> None:
    scores = empty()
    scores[7, 11] = 3.0
    (region,) = find_regions(scores, threshold=1.0, stride_px=16, shape_px=(120, 180))
    assert region.roi == Roi(top=112, left=176, bottom=120, right=180)


@given(arrays(np.float32, (7, 9), elements=st.floats(-2, 4, width=32)))
@settings(max_examples=60, deadline=None)
def test_there_is_a_region_exactly_when_the_maximum_reaches_the_threshold(scores: np.ndarray) -> None:  # type: ignore[type-arg]
    found = regions(scores)
    assert bool(found) == bool(scores.max() >= 1.0)
    if found:
        assert found[0].peak == float(scores.max())
