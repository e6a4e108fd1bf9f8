"""Untaught types against taught ones, with a detector whose answers are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.findings import Evidence
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.imaging.marked_cells import marked_cells
from inspect_pipeline.learning.detector import Detector, ScoreMaps, Typing
from inspect_pipeline.services.detect_draws import Drawn, Labelled
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_open_set import OPEN_SET, open_set

CELLS, PX = 8, 128


@dataclass
class Namer:
    """Knows cracks; the likeness of a region is read off the map, and below 0.5 it is unknown."""

    class_names: tuple[str, ...] = ("crack",)

    regions: None = None

    def name_regions(self, maps: ScoreMaps, rois: Sequence[Roi], pixels: Pixels | None = None) -> list[Typing]:
        assert pixels is not None
        return [self._named(float(maps.types[0, r.top // 16 : r.bottom // 16, r.left // 16 :].max())) for r in rois]

    def _named(self, likeness: float) -> Typing:
        return Typing(
            defect_type="crack" if likeness >= 0.5 else UNKNOWN_TYPE,
            life_cycle=LifeCycle.PROVISIONAL,
            score=1.0,
            evidence=Evidence.TYPE,
            likeness=likeness,
        )


def image(number: int, name: str | None, *, marked: bool) -> DescribedImage:
    mask = np.zeros((PX, PX), dtype=np.bool_)
    mask[:64, :64] = True
    marks = marked_cells(mask, shape=(CELLS, CELLS), stride_px=16)
    return DescribedImage(
        labelled=Labelled(types=() if name is None else (name,), group=str(number)),
        source=f"{number}.png",
        digest="",
        whole=Roi(top=0, left=0, bottom=PX, right=PX),
        patches=torch.zeros(CELLS, CELLS, 1),
        pooled=torch.zeros(1),
        pixels=np.zeros((PX, PX), dtype=np.uint8),
        described={},
        regions={},
        marks={name: marks} if marked and name is not None else {},
        good_px=np.zeros((CELLS, CELLS)),
        exact=False,
    )


def maps_of(anomaly: float, likeness: float) -> ScoreMaps:
    planes = np.zeros((2, CELLS, CELLS), dtype=np.float32)
    planes[0, 1, 1], planes[1, 1, 1] = anomaly, likeness
    return ScoreMaps(anomaly=planes[0], types=planes[1:], class_names=("crack",), stride_px=16)


GOOD, KNOWN, STRANGE = range(5), range(5, 11), range(11, 17)
ANOMALY = [0.1] * 5 + [1.5] * 6 + [1.2] * 4 + [0.05] * 2  # 2 of 6 strangers neither alarm nor stand out
LIKENESS = [0.0] * 5 + [0.9] * 5 + [0.3] + [0.2] * 4 + [0.4] * 2


def found(*, marked: bool, strangers: Sequence[int] = STRANGE) -> dict[str, float]:
    names = [None] * 5 + ["crack"] * 6 + ["stain"] * 6
    images = [image(number, name, marked=marked) for number, name in enumerate(names)]
    drawn = Drawn(
        supports={"crack": ()},
        normals=(),
        test_normals=tuple(GOOD),
        defects=tuple(KNOWN),
        strangers=tuple(strangers),
    )
    maps = {i: maps_of(ANOMALY[i], LIKENESS[i]) for i in range(17)}
    return open_set(images, drawn, cast("Detector", Namer()), maps)


@pytest.mark.parametrize("marked", [True, False])
def test_strangers_are_ranked_by_each_channel_and_named_where_they_alarm(marked: bool) -> None:
    figures = found(marked=marked)
    assert figures["strangers_auroc_normality"] == pytest.approx(4 / 6)
    assert figures["strangers_auroc_types"] == pytest.approx(1.0)
    assert figures["strangers_auroc"] == pytest.approx(1.0)  # a type channel lifts the last two
    assert figures["strangers_escape"] == pytest.approx(2 / 6)
    assert figures["named_unknown"] == 1.0
    assert figures["known_named_unknown"] == pytest.approx(1 / 6)


def test_regions_of_untaught_types_are_compared_with_those_of_taught_ones_whether_they_alarm_or_not() -> None:
    # 5 known ones at 0.9 are above all 6 strangers, the one at 0.3 above the four at 0.2.
    assert found(marked=True)["unknown_auroc"] == pytest.approx((5 * 6 + 4) / 36)


def test_fewer_than_five_strangers_say_nothing() -> None:
    figures = found(marked=True, strangers=STRANGE[:4])
    assert set(figures) == set(OPEN_SET)
    assert all(math.isnan(value) for value in figures.values())


def test_nothing_that_alarms_has_no_share_that_is_named_unknown() -> None:
    images = [image(number, "stain", marked=True) for number in range(6)]
    crack = [replace(one, labelled=Labelled(types=("crack",), group="c"), marks={}) for one in images[:1]]
    good = [replace(images[0], labelled=Labelled(types=(), group="g"), marks={})]
    drawn = Drawn(supports={"crack": ()}, normals=(), test_normals=(7,), defects=(6,), strangers=tuple(range(6)))
    maps = {i: maps_of(0.2, 0.1) for i in range(8)}
    figures = open_set([*images, *crack, *good], drawn, cast("Detector", Namer()), maps)
    assert math.isnan(figures["named_unknown"])
    assert figures["strangers_escape"] == 1.0
