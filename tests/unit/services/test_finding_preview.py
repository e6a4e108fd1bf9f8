"""Findings of late named again: only what the new samples call differently counts, the rest is told with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, decide
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, DefectType, LifeCycle
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.region_typing import RegionHead, RegionPrior, SupportBank, fit_region_head
from inspect_pipeline.services.finding_preview import FindingPreview, Preview, preview_to
from inspect_pipeline.services.ports import FeatureStore

from .plant import DETECTOR, LINE, Plant, picture

COIL = "judged"
AXES = {"bar": 0, "spot": 1, "elsewhere": 2}
CROP_DIMS, DIMS = 3, 8


def vector(kind: str, *, nudge: float = 0.0) -> NDArray[np.float32]:
    """A description near one axis."""
    made = np.zeros(DIMS, dtype=np.float32)
    made[[AXES[kind], CROP_DIMS + AXES[kind]]] = 1.0
    return made + np.float32(nudge)


def head_of(*kinds: str) -> RegionHead:
    """A head of three samples a type."""
    bank = SupportBank(
        vectors=torch.from_numpy(np.stack([vector(kind, nudge=0.01 * n) for kind in kinds for n in range(3)])),
        types=tuple(kind for kind in kinds for _ in range(3)),
        labels=tuple(f"{kind}-{n}" for kind in kinds for n in range(3)),
    )
    return fit_region_head(bank, RegionPrior(metric=None, reach=8.0), crop_dims=CROP_DIMS)


@dataclass
class Desk:
    plant: Plant
    judge: str
    after: Detector
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def found(self, name: str, kind: str | None, number: int, *, detector: str | None = None) -> None:
        """A verdict with one finding of that name whose description is near ``kind`` (None: not kept)."""
        frame = self.plant.add_frame(number, picture(number), coil=COIL)
        finding = Finding(
            frame=frame.id, roi=Roi(top=0, left=0, bottom=16, right=16), defect_type=name, score=2.0,
            life_cycle=LifeCycle.PROVISIONAL, crossweb_mm=1.0, downweb_m=1.0, width_mm=1.0, length_mm=1.0,
            evidence=Evidence.ANOMALY,
        )  # fmt: skip
        result = FrameResult(
            frame=frame.id, verdict=decide([finding]), detector=detector or self.judge, findings=(finding,)
        )
        with self.plant.catalog.transaction() as unit:
            unit.add_results(COIL, [result])
        if kind is not None:
            self.vectors[frame.id] = vector(kind)

    def kept(self, _features: FeatureStore, frame: str, _detector: str) -> Mapping[int, NDArray[np.float32]]:
        return {0: self.vectors[frame]} if frame in self.vectors else {}

    def preview(self, *, limit: int = 500, after: Detector | None = None) -> Preview:
        work = FindingPreview(
            catalog=self.plant.catalog, registry=self.plant.registry, features=self.plant.features, kept=self.kept
        )
        return work.of(LINE, "default", after or self.after, limit=limit)


@pytest.fixture
def desk(plant: Plant) -> Desk:
    """A line whose findings were judged by a detector that knows the bar; the new one knows the spot too."""
    plant.add_coil(COIL)
    known = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    before = replace(known, regions=head_of("bar")).to_bundle({})
    judge = f"{DETECTOR}@{plant.registry.register(DETECTOR, before, tags={})}"
    return Desk(plant=plant, judge=judge, after=replace(known, regions=head_of("bar", "spot")))


def test_an_unknown_finding_like_the_new_samples_gets_their_name(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "spot", 1)
    desk.found("bar", "bar", 2)
    preview = desk.preview()
    assert [(one.before, one.after) for one in preview.renamed] == [(UNKNOWN_TYPE, "spot")]
    assert (preview.findings, preview.compared, dict(preview.not_compared)) == (2, 2, {})


def test_a_name_that_the_samples_of_before_give_too_is_no_change(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "bar", 1)  # like a bar, but no channel alarmed: the new detector changes nothing in that
    assert desk.preview().renamed == ()


def test_a_finding_like_no_sample_stays_what_it_is(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "elsewhere", 1)
    assert desk.preview().renamed == ()


def test_nothing_is_named_after_a_retired_type(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "spot", 1)
    with desk.plant.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="spot", life_cycle=LifeCycle.RETIRED))
    assert desk.preview().renamed == ()


def test_what_cannot_be_compared_is_counted_with_its_reason(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, None, 1)
    desk.found(UNKNOWN_TYPE, "spot", 2, detector=f"{DETECTOR}@99")
    desk.found(UNKNOWN_TYPE, "spot", 3)
    preview = desk.preview()
    assert dict(preview.not_compared) == {"its detector is gone": 1, "no description kept": 1}
    assert preview.compared == 1


def test_a_detector_that_looks_at_regions_in_another_way_is_not_compared(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "spot", 1)
    other = replace(desk.after, settings=replace(desk.after.settings, typing_window_px=64))
    assert dict(desk.preview(after=other).not_compared) == {"seen by another backbone": 1}


def test_without_samples_to_compare_with_it_says_so(desk: Desk) -> None:
    desk.found(UNKNOWN_TYPE, "spot", 1)
    preview = desk.preview(after=replace(desk.after, regions=None))
    assert (preview.compared, preview.skipped) == (0, "the new detector compares no regions with samples")


def test_only_the_newest_findings_are_named_and_a_page_shows_twelve_of_a_change(desk: Desk) -> None:
    for number in range(15):
        desk.found(UNKNOWN_TYPE, "spot", number)
    assert desk.preview(limit=3).findings == 3
    document = preview_to(desk.preview())
    (change,) = document["changes"]
    assert (change["before"], change["after"], change["count"], len(change["items"])) == (UNKNOWN_TYPE, "spot", 15, 12)
    assert set(change["items"][0]) == {"item", "coil"}
    assert document["changed"]["interval"][0] == pytest.approx(0.782, abs=0.001)
