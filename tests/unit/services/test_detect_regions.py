"""Where regions count as found, and what the places of marks alone earn."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.marked_cells import counted_px, marked_cells
from inspect_pipeline.learning.detector import ScoreMaps
from inspect_pipeline.services.detect_draws import Drawn, Labelled
from inspect_pipeline.services.detect_figures import figures_of
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_regions import centred_on, localised, place_of

CELLS, PX = 20, 320
MARK = Roi(top=120, left=120, bottom=124, right=128)


@pytest.mark.parametrize(
    ("found", "on"),
    [
        (Roi(top=100, left=100, bottom=164, right=164), True),
        (Roi(top=90, left=92, bottom=91, right=93), True),  # 64 px around the mark
        (Roi(top=0, left=0, bottom=320, right=320), False),  # its centre is 40 px away
        (Roi(top=120, left=170, bottom=124, right=240), False),
    ],
)
def test_a_region_is_centred_on_a_mark_or_not(found: Roi, on: bool) -> None:
    assert centred_on(found, MARK) is on


def test_a_mark_is_placed_in_64_px_that_stay_inside_the_image() -> None:
    whole = Roi(top=0, left=0, bottom=PX, right=PX)
    assert place_of(MARK, whole) == Roi(top=90, left=92, bottom=154, right=156)
    corner = place_of(Roi(top=0, left=316, bottom=4, right=320), whole)
    assert corner == Roi(top=0, left=286, bottom=34, right=320)
    large = Roi(top=10, left=10, bottom=200, right=300)
    assert place_of(large, whole) == large


def image(number: int, mark: Roi | None) -> DescribedImage:
    mask = np.zeros((PX, PX), dtype=np.bool_)
    if mark is not None:
        mask[mark.top : mark.bottom, mark.left : mark.right] = True
    shape = (CELLS, CELLS)
    return DescribedImage(
        labelled=Labelled(types=() if mark is None else ("crack",), group=str(number)),
        source=f"{number}.png",
        digest="",
        whole=Roi(top=0, left=0, bottom=PX, right=PX),
        patches=torch.zeros(CELLS, CELLS, 1),
        pooled=torch.zeros(1),
        pixels=np.zeros((PX, PX), dtype=np.uint8),
        described={},
        regions={},
        marks={} if mark is None else {"crack": marked_cells(mask, shape=shape, stride_px=16)},
        good_px=counted_px(~mask, shape=shape, stride_px=16),
        exact=mark is not None,
    )


def maps_of(scores: NDArray[np.float32]) -> ScoreMaps:
    return ScoreMaps(anomaly=scores, types=scores[None], class_names=("crack",), stride_px=16)


def found_in(scores: Sequence[NDArray[np.float32]], marks: Sequence[Roi | None]) -> dict[str, float]:
    images = [image(number, mark) for number, mark in enumerate(marks)]
    good, bad = ([i for i, m in enumerate(marks) if (m is None) is of] for of in (True, False))
    drawn = Drawn(supports={"crack": ()}, normals=(), test_normals=tuple(good), defects=tuple(bad), strangers=())
    return localised(images, drawn, {i: maps_of(plane) for i, plane in enumerate(scores)})


def noise(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0.2, 0.05, size=(CELLS, CELLS)).astype(np.float32)


def test_regions_are_counted_at_the_own_threshold_and_by_their_centre() -> None:
    marks: list[Roi | None] = [None] * 10 + [MARK] * 10
    scores = [noise(number) for number in range(20)]
    for number, plane in enumerate(scores[10:]):
        if number < 8:
            plane[7:9, 7:9] = 2.0 if number < 6 else 0.9  # 6 alarm, 2 more are found at 0.1 false regions
    scores[0][2, 2], scores[1][2, 2] = 1.5, 0.5
    found = found_in(scores, marks)
    assert found["region_recall"] == found["region_recall_centre"] == pytest.approx(0.8)
    assert found["region_recall_own"] == pytest.approx(0.6)
    assert found["false_regions_per_normal"] == pytest.approx(0.1)


def test_a_wide_region_lies_on_the_mark_without_being_centred_on_it() -> None:
    marks: list[Roi | None] = [None] * 10 + [MARK] * 10
    scores = [noise(number) for number in range(20)]
    for plane in scores[10:]:
        plane[7, 7:19] = 2.0
    found = found_in(scores, marks)
    assert (found["region_recall"], found["region_recall_centre"]) == (1.0, 0.0)


def test_maps_that_know_nothing_but_the_place_earn_their_aupro_by_place_alone() -> None:
    # Marks lie in the right fifth and every map, of good images too, is higher there: no map has seen a defect.
    generator = np.random.default_rng(3)
    tops = [int(k) for k in generator.integers(0, PX - 20, size=30)]
    lefts = [int(k) for k in generator.integers(PX - 64, PX - 20, size=30)]
    marks: list[Roi | None] = [None] * 30
    marks += [Roi(top=t, left=x, bottom=t + 16, right=x + 16) for t, x in zip(tops, lefts, strict=True)]
    ramp = np.linspace(0.0, 0.5, CELLS, dtype=np.float32)[None, :]
    found = found_in([noise(number) + ramp for number in range(60)], marks)
    assert found["aupro"] > 0.3  # half of 0.3 is no chance level here
    assert found["aupro_chance"] == pytest.approx(found["aupro"], abs=0.06)
    even = found_in([noise(number) for number in range(60)], marks)
    assert even["aupro"] == pytest.approx(0.15, abs=0.06)
    assert even["aupro_chance"] == pytest.approx(0.15, abs=0.04)


def test_a_map_that_sees_the_defects_is_far_above_their_places() -> None:
    marks: list[Roi | None] = [None] * 10 + [MARK] * 10
    scores = [noise(number) for number in range(20)]
    for plane in scores[10:]:
        plane[7:8, 7:8] = 3.0
    found = found_in(scores, marks)
    assert found["aupro"] > 0.95
    assert found["aupro_chance"] < 0.4


def test_without_marks_there_is_nothing_to_place() -> None:
    found = found_in([noise(number) for number in range(4)], [None] * 4)
    assert {name for name, value in found.items() if not np.isnan(value)} == {"false_regions_per_normal"}


def test_more_than_one_false_region_a_normal_image_is_not_cut_to_a_share() -> None:
    own = {"overkill": np.array([1.0, 1.0]), "false_regions_per_normal": np.array([2.0, 4.0])}
    figure = figures_of({"detector": {}, "own": own})["false_regions_per_normal"]
    assert figure["value"] == 3.0
    assert figure["interval"][0] < 3.0 < figure["interval"][1]
