"""The coil report: every figure from the catalog, real and simulated apart, and nothing where nothing was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from inspect_pipeline.domain.figures import NotMeasured, ShownRate
from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, Verdict, decide
from inspect_pipeline.domain.labels import LabelRole, Origin
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.records import StageRun
from inspect_pipeline.domain.report import CoilReport, Fact, ModelFacts, OriginTruth, Pictures, Truth, TruthMark
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.services.coil_report import Reporting
from inspect_pipeline.services.scoring import heatmap_pixels

from .plant import BAR, COIL, DETECTOR, INITIALIZATION, LINE, MM_ACROSS, MM_ALONG, NOON, SIDE_PX, SPOT, Plant, picture

FIRST = f"{DETECTOR}@1"
FRAME_M = SIDE_PX * MM_ALONG / 1000


def finding(frame: CapturedFrame, roi: Roi, *, name: str = "bar", score: float = 2.0) -> Finding:
    place = frame.place(roi)
    return Finding(
        frame=frame.id,
        roi=roi,
        defect_type=name,
        life_cycle=LifeCycle.PROVISIONAL,
        score=score,
        crossweb_mm=place.crossweb_mm,
        downweb_m=place.downweb_m,
        width_mm=place.width_mm,
        length_mm=place.length_mm,
        evidence=Evidence.TYPE,
    )


@dataclass
class Desk:
    """A plant whose coil is written down by hand, and the report of it."""

    plant: Plant

    def judged(
        self, frame: CapturedFrame, *findings: Finding, detector: str = FIRST, peak: float = 0.0, reason: str = ""
    ) -> None:
        heatmap = np.zeros((6, 6), np.float32)
        heatmap[3, 3] = peak
        address = self.plant.images.put(encode_png(heatmap_pixels(heatmap)), suffix="png")
        result = FrameResult(
            frame=frame.id,
            verdict=Verdict.UNUSABLE if reason else decide(findings),
            detector=detector,
            findings=findings,
            reason=reason or None,
            heatmap=None if reason else address,
        )
        with self.plant.catalog.transaction() as unit:
            unit.add_results(frame.coil, [result])

    def stage(self, name: str, seconds: float, *, coil: str | None = None, model: str | None = None) -> None:
        with self.plant.catalog.transaction() as unit:
            started = NOON + timedelta(minutes=len(unit.stages()))
            unit.add_stage(
                StageRun(stage=name, started_at=started, seconds=seconds, coil=coil, model=model, detail={"frames": 7})
            )

    def report(self, coil: str = COIL, *, detector: str | None = None) -> CoilReport:
        reporting = Reporting(
            catalog=self.plant.catalog,
            images=self.plant.images,
            registry=self.plant.registry,
            clock=lambda: NOON,
            version="0.1.0",
            command="inspect-pipeline report coil-1",
            machine=(Fact(name="processor", value="2 cores"),),
        )
        return reporting.build(coil, detector=detector)


def truth_of(report: CoilReport) -> Truth:
    assert isinstance(report.truth, Truth)
    return report.truth


def real(report: CoilReport) -> OriginTruth:
    found = truth_of(report).real
    assert isinstance(found, OriginTruth)
    return found


def shown(count: int, total: int) -> ShownRate:
    exact = rate(count, total)
    return ShownRate(count=count, total=total, low=exact.low, high=exact.high)


@pytest.fixture
def empty(plant: Plant) -> Desk:
    """A coil of four frames that nobody has judged; nothing is known to be true."""
    plant.add_coil()
    for number in range(4):
        plant.add_frame(number, picture(number))
    return Desk(plant)


@pytest.fixture
def desk(plant: Plant) -> Desk:
    """Seven frames: hit, misnamed, false alarm, pass, miss, torn, not judged yet; then 40 lines are missing."""
    plant.add_coil()
    made = [plant.add_frame(n, picture(n), reason="torn: 9 of 96 lines" if n == 5 else None) for n in range(7)]
    desk = Desk(plant)

    def truth(number: int, name: str | None, roi: Roi, origin: Origin = Origin.REAL) -> None:
        plant.add_label(made[number], name, roi=roi, role=LabelRole.HELD_OUT, origin=origin)

    truth(0, "bar", BAR)
    truth(1, "scratch", SPOT, Origin.SIMULATED)
    truth(2, None, BAR)
    truth(3, None, BAR)
    truth(4, "bar", BAR)
    truth(5, "bar", BAR)
    elsewhere = Roi(top=80, left=0, bottom=90, right=10)
    desk.judged(made[0], finding(made[0], BAR, score=5.0), finding(made[0], elsewhere, score=1.5), peak=5.0)
    desk.judged(made[1], finding(made[1], SPOT, name="bar", score=4.0))
    desk.judged(made[2], finding(made[2], BAR, score=3.0))
    desk.judged(made[3])
    desk.judged(made[4], peak=0.5)
    desk.judged(made[5], reason="torn: 9 of 96 lines")
    with plant.catalog.transaction() as unit:
        unit.expect(COIL, lines=7 * SIDE_PX + 40, cameras=())
    return desk


def test_the_head_counts_what_was_inspected_and_what_was_not_in_metres(desk: Desk) -> None:
    desk.stage("score", 3.5, coil=COIL, model=FIRST)
    head = desk.report().head
    assert (head.coil, head.line, head.recipe, head.family) == (COIL, LINE, "default", "steel")
    assert head.inspected_m == pytest.approx(5 * FRAME_M)
    assert head.not_inspected_m == pytest.approx(2 * FRAME_M + 40 * MM_ALONG / 1000)
    assert head.scored_at == NOON + timedelta(minutes=1)


def test_every_frame_and_gap_is_on_the_map_with_its_verdict_or_reason(desk: Desk) -> None:
    coil_map = desk.report().coil_map
    assert [frame.verdict for frame in coil_map.frames] == [
        Verdict.DEFECT,
        Verdict.DEFECT,
        Verdict.DEFECT,
        Verdict.PASS,
        Verdict.PASS,
        Verdict.UNUSABLE,
        None,
    ]
    assert [frame.id for frame in coil_map.frames] == [f"00{number}.png" for number in range(7)]
    assert [frame.reason for frame in coil_map.frames][4:] == [None, "torn: 9 of 96 lines", None]
    assert coil_map.frames[3].downweb_m == pytest.approx(3 * FRAME_M)
    assert coil_map.frames[3].length_m == pytest.approx(FRAME_M)
    (gap,) = coil_map.gaps
    assert (gap.downweb_m, gap.length_m) == (pytest.approx(7 * FRAME_M), pytest.approx(0.01))
    assert gap.reason == "the coil ended before these lines"
    assert coil_map.length_m == pytest.approx(7 * FRAME_M + 0.01)
    assert coil_map.width_mm == SIDE_PX * MM_ACROSS


def test_findings_say_what_the_truth_says_of_them(desk: Desk) -> None:
    found = {(item.finding.frame, item.finding.score): item for item in desk.report().coil_map.findings}
    marks = {key: (item.mark, item.origin, item.true_type) for key, item in found.items()}
    assert marks == {
        ("000.png", 5.0): (TruthMark.HIT, Origin.REAL, "bar"),
        ("000.png", 1.5): (None, None, None),
        ("001.png", 4.0): (TruthMark.WRONG_TYPE, Origin.SIMULATED, "scratch"),
        ("002.png", 3.0): (TruthMark.FALSE_ALARM, None, None),
    }


def test_a_finding_on_a_defect_is_a_hit_even_where_a_good_region_is_labelled_around_it(empty: Desk) -> None:
    with empty.plant.catalog.transaction() as unit:
        frame = unit.frames(COIL)[0]
    empty.plant.add_label(frame, None, role=LabelRole.HELD_OUT)
    empty.plant.add_label(frame, "bar", roi=BAR, role=LabelRole.HELD_OUT)
    empty.judged(frame, finding(frame, BAR))
    (item,) = empty.report().coil_map.findings
    assert item.mark is TruthMark.HIT


def test_escapes_and_overkill_are_counted_with_exact_intervals_real_and_simulated_apart(desk: Desk) -> None:
    truth = truth_of(desk.report())
    assert real(desk.report()).escapes == shown(1, 2)
    assert real(desk.report()).overkill == shown(1, 2)
    assert [(t.name, t.escapes) for t in real(desk.report()).types] == [("bar", shown(1, 2))]
    assert isinstance(truth.simulated, OriginTruth)
    assert truth.simulated.escapes == shown(0, 1)
    assert [(t.name, t.escapes) for t in truth.simulated.types] == [("scratch", shown(0, 1))]
    assert truth.unit == "labelled region"
    assert truth.unit_means.endswith(" 1 more were not judged because their frame was unusable.")


def test_figures_follow_the_catalog(desk: Desk) -> None:
    with desk.plant.catalog.transaction() as unit:
        frames = unit.frames(COIL)
    frame = frames[6]
    desk.plant.add_label(frame, "bar", roi=BAR, role=LabelRole.HELD_OUT)
    desk.judged(frame)
    assert real(desk.report()).escapes == shown(2, 3)
    assert desk.report().head.inspected_m == pytest.approx(6 * FRAME_M)


def test_the_unit_is_called_a_frame_where_whole_frames_are_labelled(empty: Desk) -> None:
    with empty.plant.catalog.transaction() as unit:
        frames = unit.frames(COIL)
    for frame, name in zip(frames, ["bar", None, None, None], strict=True):
        empty.plant.add_label(frame, name, role=LabelRole.HELD_OUT)
        empty.judged(frame)
    found = truth_of(empty.report())
    assert (found.unit, real(empty.report()).escapes) == ("frame", shown(1, 1))
    assert found.simulated == NotMeasured(reason="no judged unit holds a simulated defect")


def test_only_held_out_labels_in_force_are_truth(desk: Desk) -> None:
    before = desk.report().truth
    with desk.plant.catalog.transaction() as unit:
        frames = unit.frames(COIL)
    for role in (LabelRole.SUPPORT, LabelRole.HISTORY):
        desk.plant.add_label(frames[3], "bar", roi=SPOT, role=role, name=role.value)
    assert desk.report().truth == before
    desk.plant.add_label(
        frames[4], None, roi=BAR, role=LabelRole.HELD_OUT, name="corrected", supersedes=f"{frames[4].id}:bar:40,16"
    )
    assert real(desk.report()).escapes == shown(0, 1)
    assert real(desk.report()).overkill == shown(1, 3)


def test_what_escaped_is_listed_with_its_place_and_how_near_it_came(desk: Desk) -> None:
    (missed,) = truth_of(desk.report()).missed
    assert (missed.frame, missed.true_type, missed.origin) == ("004.png", "bar", Origin.REAL)
    assert missed.best_score == 0.5
    assert missed.crossweb_mm == 48 * MM_ACROSS
    assert missed.downweb_m == pytest.approx((4 * SIDE_PX + 48) * MM_ALONG / 1000)
    assert isinstance(missed.pictures, Pictures)


def many_marked(plant: Plant, count: int, *, peak: Sequence[float] = ()) -> Desk:
    desk = Desk(plant)
    plant.add_coil("long")
    for number in range(count):
        frame = plant.add_frame(number, picture(number), coil="long")
        plant.add_label(frame, "bar", roi=BAR, role=LabelRole.HELD_OUT)
        found = () if peak else (finding(frame, BAR, score=1.0 + number),)
        desk.judged(frame, *found, peak=peak[number] if peak else 0.0)
    return desk


def test_the_worst_findings_are_shown_and_all_are_on_the_map(plant: Plant) -> None:
    report = many_marked(plant, 14).report("long")
    assert [exhibit.shown.finding.score for exhibit in report.exhibits] == [float(s) for s in range(14, 2, -1)]
    assert len(report.coil_map.findings) == 14
    assert all(isinstance(exhibit.pictures, Pictures) for exhibit in report.exhibits)


def test_every_escape_is_listed_and_the_clearest_misses_have_the_pictures(plant: Plant) -> None:
    peaks = [number / 20 for number in range(14)]
    missed = truth_of(many_marked(plant, 14, peak=peaks).report("long")).missed
    assert [m.best_score for m in missed] == pytest.approx(peaks, abs=0.01)
    assert [isinstance(m.pictures, Pictures) for m in missed] == [True] * 12 + [False] * 2


def test_a_picture_that_is_lost_leaves_its_reason(desk: Desk) -> None:
    with desk.plant.catalog.transaction() as unit:
        frame = unit.frames(COIL)[0]
    del desk.plant.images.contents[frame.image or ""]
    worst = desk.report().exhibits[0]
    assert isinstance(worst.pictures, NotMeasured)
    assert worst.pictures.reason.startswith("there is no image")


def test_a_coil_that_nobody_judged_has_no_figures_but_all_its_frames(empty: Desk) -> None:
    with empty.plant.catalog.transaction() as unit:
        frame = unit.frames(COIL)[0]
    empty.plant.add_label(frame, "bar", role=LabelRole.HELD_OUT)
    report = empty.report()
    unscored = NotMeasured(reason="this coil has not been scored yet")
    assert (report.truth, report.head.scored_at) == (unscored, unscored)
    assert report.model == NotMeasured(reason="no detector has judged this coil yet")
    assert isinstance(report.meta_training, NotMeasured)
    assert (report.exhibits, report.coil_map.findings) == ((), ())
    assert [frame.verdict for frame in report.coil_map.frames] == [None] * 4
    assert (report.head.inspected_m, report.head.not_inspected_m) == (pytest.approx(0.0), pytest.approx(4 * FRAME_M))
    assert report.stages == NotMeasured(reason="no stage was recorded")


def test_without_held_out_labels_nothing_is_claimed_of_the_truth(empty: Desk) -> None:
    with empty.plant.catalog.transaction() as unit:
        frame = unit.frames(COIL)[0]
    empty.judged(frame, finding(frame, BAR))
    assert empty.report().truth == NotMeasured(reason="no held-out label says what is true on this coil")


def test_a_coil_of_torn_frames_alone_was_not_inspected_in_its_own_millimetres(plant: Plant) -> None:
    plant.add_coil("torn")
    plant.add_frame(0, picture(0), coil="torn", reason="torn")
    plant.add_frame(1, picture(1), coil="torn", reason="torn")
    report = Desk(plant).report("torn")
    assert report.head.inspected_m == pytest.approx(0.0)
    assert report.head.not_inspected_m == pytest.approx(2 * FRAME_M) == report.coil_map.length_m


def test_what_one_of_two_cameras_missed_is_a_gap_in_its_part_of_the_width(plant: Plant) -> None:
    plant.add_coil("wide")
    left = plant.add_frame(0, picture(0), coil="wide")
    width_mm = left.width_mm
    right = replace(left, id="right", camera="camera-1", offset_mm=width_mm - 4.0, first_line=SIDE_PX, sequence=1)
    with plant.catalog.transaction() as unit:
        unit.add_frames([right])
    coil_map = Desk(plant).report("wide").coil_map
    assert coil_map.width_mm == pytest.approx(2 * width_mm - 4.0)
    gaps = {gap.reason: (gap.downweb_m, gap.crossweb_mm, gap.width_mm) for gap in coil_map.gaps}
    assert gaps == {
        "camera-0: the coil ended before these lines": (pytest.approx(FRAME_M), 0.0, width_mm),
        "camera-1: no frame holds these lines": (0.0, width_mm - 4.0, width_mm),
    }


def test_a_rewound_coil_is_drawn_from_its_head(plant: Plant) -> None:
    rewound = Coil(
        id="back",
        line=LINE,
        recipe="default",
        family="steel",
        created_at=NOON,
        expected_lines=3 * SIDE_PX,
        reversed=True,
        offset_m=3 * FRAME_M,
    )
    with plant.catalog.transaction() as unit:
        unit.add_coil(rewound)
    plant.add_frame(0, picture(0), coil="back")
    report = Desk(plant).report("back")
    assert report.coil_map.length_m == pytest.approx(3 * FRAME_M)
    assert report.coil_map.frames[0].downweb_m == pytest.approx(2 * FRAME_M)
    [gap] = report.coil_map.gaps
    assert (gap.downweb_m, gap.length_m) == (pytest.approx(0.0), pytest.approx(2 * FRAME_M))


def test_a_pass_that_begins_behind_the_head_adds_up_to_what_passed(plant: Plant) -> None:
    later = Coil(id="rest", line=LINE, recipe="default", family="steel", created_at=NOON, offset_m=5.0)
    with plant.catalog.transaction() as unit:
        unit.add_coil(later)
    plant.add_frame(0, picture(0), coil="rest")
    report = Desk(plant).report("rest")
    assert report.coil_map.length_m == pytest.approx(5.0 + FRAME_M)
    assert report.coil_map.in_pass_m == pytest.approx(FRAME_M) == report.head.not_inspected_m
    assert report.head.inspected_m == pytest.approx(0.0)


def test_an_unknown_coil_is_not_found(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="'coil-9' is not in the catalog"):
        Desk(plant).report("coil-9")


def second_detector(desk: Desk) -> None:
    _, bundle = desk.plant.registry.load(DETECTOR, version="1")
    again = replace(bundle, manifest={**bundle.manifest, "thresholds": {"unknown": 9.0, "bar": 9.0}})
    desk.plant.registry.register(DETECTOR, again, tags={})
    with desk.plant.catalog.transaction() as unit:
        frames = unit.frames(COIL)
    for frame in frames:
        desk.judged(frame, detector=f"{DETECTOR}@2")


def version(report: CoilReport) -> str:
    assert isinstance(report.model, ModelFacts)
    return report.model.version


def test_the_detector_that_judged_last_speaks_unless_another_is_named(desk: Desk) -> None:
    second_detector(desk)
    last, named = desk.report(), desk.report(detector=FIRST)
    assert (version(last), len(last.coil_map.findings)) == ("2", 0)
    assert (version(named), len(named.coil_map.findings)) == ("1", 4)
    assert real(last).escapes == shown(3, 3)
    assert real(named).escapes == shown(1, 2)


def test_only_the_stages_that_led_here_are_timed(desk: Desk) -> None:
    desk.stage("meta_train", 40.0, model=f"{INITIALIZATION}@1")
    desk.stage("meta_train", 41.0, model="initialization.other@1")
    desk.stage("adapt", 20.0, model=FIRST)
    desk.stage("adapt", 21.0, model=f"{DETECTOR}@2")
    desk.stage("ingest", 1.5, coil=COIL)
    desk.plant.add_coil("coil-2")
    desk.stage("ingest", 1.6, coil="coil-2")
    desk.stage("score", 3.5, coil=COIL, model=FIRST)
    desk.stage("score", 3.6, coil=COIL, model=f"{DETECTOR}@2")
    stages = desk.report().stages
    assert isinstance(stages, tuple)
    by_hand = [(stage.stage, stage.seconds) for stage in stages if stage.seconds != 0.0]
    assert by_hand == [("meta_train", 40.0), ("adapt", 20.0), ("ingest", 1.5), ("score", 3.5)]
    assert stages[-1].detail == "7 frames"


def test_the_foot_says_who_made_the_page_when_and_on_what(empty: Desk) -> None:
    report = empty.report()
    assert (report.footer.version, report.footer.created_at, report.footer.same_run) == ("0.1.0", NOON, False)
    assert report.footer.command == "inspect-pipeline report coil-1"
    assert report.machine == (Fact(name="processor", value="2 cores"),)
