"""The watch on the fakes: drift of a line's coils, golden labels judged again, stores, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.domain.alarms import AlarmArea
from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.drift import WatchRules
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, decide
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.domain.trial import GoodTried, RegionTried, Trial
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.services.line_watch import REFERENCE, LineWatch
from inspect_pipeline.services.monitoring import STAGE, Delivery, Monitoring, MonitorSummary
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.images import InMemoryImages
from tests.fakes.registry import InMemoryRegistry
from tests.unit.services.plant import NOON, Ticking, silent

LINE, RECIPE, MODEL = "strip", "default", "detector.strip.default"
JUDGE = f"{MODEL}@1"
FRAMES = 24
RULES = WatchRules(reference_coils=16, recent_coils=4, frames_a_coil=6)


@dataclass
class Golden:
    """Answers with the trial it holds."""

    trial: Trial | None = None

    def run(self, line: str, challenger: Bundle, champion: Bundle | None) -> tuple[Trial, Trial | None] | None:
        return None if self.trial is None else (self.trial, None)


@dataclass(frozen=True)
class Look:
    name: str
    ok: bool
    detail: str


@dataclass
class Site:
    """A line with a detector in force, and the watch over it."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    images: InMemoryImages = field(default_factory=InMemoryImages)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    golden: Golden = field(default_factory=Golden)
    health: list[Look] = field(default_factory=lambda: [Look("catalog", True, "4 coils")])
    told: list[Mapping[str, Any]] = field(default_factory=list)
    reached: bool = True
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(8))
    coils: int = 0

    def put_in_force(self) -> None:
        bundle = Bundle(kind=ModelKind.DETECTOR, manifest={}, tensors=b"")
        version = self.registry.register(MODEL, bundle, tags={})
        self.registry.set_alias(MODEL, "champion", version)
        with self.catalog.transaction() as unit:
            unit.add_promotion(
                Promotion(model=MODEL, from_version=None, to_version=version, operator="ada", reason="", at=NOON)
            )

    def add_coils(self, count: int, *, focus: float = 1.0, bad_share: float = 0.1, judged: int = FRAMES) -> None:
        for _ in range(count):
            coil = f"coil-{self.coils:02}"
            created = NOON + timedelta(hours=self.coils)
            frames = [self._frame(coil, number, focus) for number in range(FRAMES)]
            results = [self._result(frame.id, bad=self.rng.random() < bad_share) for frame in frames[:judged]]
            with self.catalog.transaction() as unit:
                unit.add_coil(Coil(id=coil, line=LINE, recipe=RECIPE, family="steel", created_at=created))
                unit.add_frames(frames)
                unit.add_results(coil, results)
            self.coils += 1

    def _frame(self, coil: str, number: int, focus: float) -> CapturedFrame:
        measures = FrameMeasures(focus=float(self.rng.normal(focus, 0.1)), mean=float(self.rng.normal(0.5, 0.01)))
        return CapturedFrame(
            id=f"{coil}/{number}", coil=coil, camera="cam", sequence=number, source=f"{number}", first_line=number * 10,
            line_count=10, width_px=40, captured_at=NOON, mm_per_px_across=1.0, mm_per_px_along=1.0,
            image="a" * 64 + ".png", measures=measures,
        )  # fmt: skip

    def _result(self, frame: str, *, bad: bool) -> FrameResult:
        heat = self.rng.integers(5, 60, size=(5, 20)).astype(np.uint8)
        heatmap = self.images.put(encode_png(heat), suffix="png")
        findings = (_finding(frame),) if bad else ()
        return FrameResult(frame=frame, verdict=decide(findings), detector=JUDGE, findings=findings, heatmap=heatmap)

    def tell(self, document: Mapping[str, Any]) -> list[Delivery]:
        self.told.append(document)
        return [Delivery(target="http://mes/alarms", attempts=4, error=None if self.reached else "HTTP 503")]

    @property
    def watching(self) -> LineWatch:
        return LineWatch(catalog=self.catalog, images=self.images, rules=RULES, excluding="samples of ")

    def monitoring(self) -> Monitoring:
        return Monitoring(
            catalog=self.catalog,
            registry=self.registry,
            watching=self.watching,
            trials=self.golden,
            health=lambda: self.health,
            notify=self.tell,
            clock=Ticking(),
            progress=silent,
        )

    def run(self) -> MonitorSummary:
        return self.monitoring().run([(LINE, RECIPE)])


def _finding(frame: str) -> Finding:
    return Finding(
        frame=frame, roi=Roi(top=0, left=0, bottom=4, right=4), defect_type="scratch", life_cycle=LifeCycle.APPROVED,
        score=1.5, crossweb_mm=1.0, downweb_m=1.0, width_mm=4.0, length_mm=4.0, evidence=Evidence.TYPE,
    )  # fmt: skip


@pytest.fixture
def site() -> Site:
    made = Site()
    made.put_in_force()
    return made


def test_a_quiet_line_has_no_alarm_nobody_is_told_and_the_look_is_kept(site: Site) -> None:
    site.add_coils(22)
    site.golden.trial = Trial(regions=(_region(found=True),), goods=(GoodTried(label="g", golden=True, alarmed=False),))
    summary = site.run()
    (look,) = summary.lines
    assert (look.detector, look.coils, look.through, look.golden, look.alarms) == (JUDGE, 22, "coil-21", 2, ())
    assert [text for text in look.not_watched if "contrast" not in text] == []
    assert site.told == []
    assert site.monitoring().last_look(JUDGE) == replace(look)


def test_what_has_too_little_data_is_said_and_is_no_alarm(site: Site) -> None:
    site.add_coils(3)
    (look,) = site.run().lines
    assert look.alarms == ()
    assert any("alarm share: the reference has 3 coils" in text for text in look.not_watched)
    assert any("golden labels: the line has none" in text for text in look.not_watched)


def test_a_lens_out_of_focus_is_told_once_with_coil_strength_and_what_to_do(site: Site) -> None:
    site.add_coils(18)
    site.add_coils(3, focus=0.3)
    (look,) = site.run().lines
    jump = next(one for one in look.alarms if "beyond its limits since" in one.key and "focus" in one.key)
    assert (jump.area, jump.since, jump.ongoing, jump.new) == (AlarmArea.DRIFT, "coil-18", True, True)
    assert jump.strength is not None
    assert jump.strength < -5.0
    assert "clean and focus the lens" in jump.what_to_do
    assert jump.key in [one["key"] for one in site.told[0]["alarms"]]
    again = site.run()
    assert [one.new for one in again.alarms if one.key == jump.key] == [False]
    assert len(site.told) == 1


def test_a_bad_coil_between_two_looks_is_told_and_then_over(site: Site) -> None:
    site.add_coils(18)
    site.run()
    site.add_coils(1, bad_share=0.95)
    site.add_coils(1)
    first = [one for one in site.run().alarms if "alarm share" in one.key]
    assert [(one.since, one.ongoing) for one in first] == [("coil-18", False)]
    site.add_coils(1)
    assert [one for one in site.run().alarms if "alarm share" in one.key] == []


def test_a_golden_label_judged_wrong_is_an_alarm(site: Site) -> None:
    goods = (GoodTried(label="good-1", golden=True, alarmed=True),)
    site.golden.trial = Trial(regions=(_region(found=False),), goods=goods, unjudged=("frame f (2 labels): gone",))
    alarms = [one for one in site.run().alarms if one.area is AlarmArea.GOLDEN]
    assert [one.key for one in alarms] == ["golden label bad-1", "golden label good-1", "golden frame f (2 labels)"]
    assert "'scratch' is not found" in alarms[0].text
    assert "gone" in alarms[2].text


def test_a_champion_alias_moved_behind_the_records_is_an_alarm_and_not_watched(site: Site) -> None:
    site.registry.set_alias(MODEL, "champion", None)
    (look,) = site.run().lines
    assert [one.area for one in look.alarms] == [AlarmArea.MODEL]
    assert "moved outside this program" in look.alarms[0].text
    assert look.detector is None


def test_a_line_without_a_detector_in_force_is_said() -> None:
    (look,) = Site().run().lines
    assert (look.alarms, look.not_watched) == ((), ("no detector is in force; promote one",))


def test_a_store_that_fails_is_an_alarm_told_once_until_it_is_well_again(site: Site) -> None:
    site.health = [Look("free disk", False, "0.1 GiB free")]
    first, second = site.run(), site.run()
    assert [(one.key, one.new) for one in first.stores] == [("store free disk", True)]
    assert [one.new for one in second.stores] == [False]
    assert len(site.told) == 1
    site.health = [Look("free disk", True, "9 GiB free")]
    assert site.run().stores == ()
    site.health = [Look("free disk", False, "0.1 GiB free")]
    assert [one.new for one in site.run().stores] == [True]


def test_a_message_that_did_not_come_through_is_kept_with_the_look(site: Site) -> None:
    site.reached = False
    site.health = [Look("images", False, "gone")]
    summary = site.run()
    assert summary.deliveries[0].error == "HTTP 503"
    with site.catalog.transaction() as unit:
        kept = next(run for run in unit.stages() if run.stage == STAGE and run.model is None)
    assert "HTTP 503" in str(kept.detail["not_told"])
    assert kept.detail["told"] == 0


def test_a_coil_that_is_not_judged_whole_waits_and_is_said(site: Site) -> None:
    site.add_coils(17)
    site.add_coils(1, judged=5)
    (look,) = site.run().lines
    assert look.through == "coil-16"
    assert any("1 coils are not judged whole yet (coil-17" in text for text in look.not_watched)


def test_the_scores_of_the_reference_outlive_their_heatmaps(site: Site) -> None:
    site.add_coils(20)
    before = site.watching.coils(LINE, RECIPE, JUDGE)[0]
    site.run()
    with site.catalog.transaction() as unit:
        assert len(unit.overview.last_stages(REFERENCE, model=JUDGE, limit=9)) == 1
    site.images.contents.clear()
    after, notes = site.watching.coils(LINE, RECIPE, JUDGE)
    assert after[0].good_scores == before[0].good_scores
    assert after[19].good_scores == ()
    assert any("heatmaps of good frames are gone" in note for note in notes)


def _region(*, found: bool) -> RegionTried:
    return RegionTried(
        label="bad-1", defect_type="scratch", severity=2, golden=True, knows=True, found=found, named=found
    )
