"""What every overview of the catalog promises; the same tests on the fake, on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.findings import Finding, FrameResult, Verdict
from inspect_pipeline.domain.overview import CoilCounts, FrameVerdict, GoodFrame
from inspect_pipeline.domain.records import StageRun
from inspect_pipeline.services.ports import Catalog
from tests.integration.store.records import DETECTOR, NOON, a_coil, a_finding, a_frame

OTHER = "detector.line-1.default@4"
SAMPLES = "samples of "


def _found(frame: str, *places_m: float, name: str = "scratch") -> tuple[Finding, ...]:
    return tuple(replace(a_finding(frame), frame=frame, downweb_m=place, defect_type=name) for place in places_m)


def _result(frame: str, findings: Sequence[Finding] = (), *, detector: str = DETECTOR) -> FrameResult:
    known = {finding.known for finding in findings}
    verdict = Verdict.DEFECT if True in known else Verdict.UNKNOWN if known else Verdict.PASS
    return FrameResult(
        frame=frame, verdict=verdict, detector=detector, findings=tuple(findings), heatmap="b" * 64 + ".png"
    )


def _filled(catalog: Catalog, coil: str = "coil-1", *, minutes: int = 0) -> None:
    """Five frames: two pass, one has two scratches, one an unknown region, one is torn."""
    with catalog.transaction() as unit:
        unit.add_coil(a_coil(coil, minutes=minutes))
        frames = [a_frame(number, coil=coil) for number in range(4)]
        measured = [
            replace(one, measures=FrameMeasures(mean=0.5 + at / 10, zone_left_px=7, thumbnail="c" * 64 + ".png"))
            for at, one in enumerate(frames)
        ]
        unit.add_frames([*measured, a_frame(4, coil=coil, reason="torn")])
        first = [
            _result(f"{coil}/0"),
            _result(f"{coil}/1", _found(f"{coil}/1", 3.0, 1.0)),
            _result(f"{coil}/2", _found(f"{coil}/2", 2.0, name="unknown")),
            _result(f"{coil}/3"),
            FrameResult(frame=f"{coil}/4", verdict=Verdict.UNUSABLE, detector=DETECTOR, reason="torn"),
        ]
        unit.add_results(coil, first)


def test_coils_are_paged_newest_first_and_samples_are_no_material(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        for minutes, coil in enumerate(["a", "samples of line-1", "b", "c", "Samples of a customer"]):
            unit.add_coil(a_coil(coil, minutes=minutes))
        unit.add_coil(a_coil("z", line="line-2", minutes=9))
        book = unit.overview
        assert book.recipes(excluding=SAMPLES) == [("line-1", "default"), ("line-2", "default")]
        assert book.coil_total(line="line-1", excluding=SAMPLES) == 4
        assert book.coil_total(line=None, excluding=SAMPLES) == 5
        assert book.coil_total(line=None, excluding="") == 6
        page = book.coil_page(line="line-1", excluding=SAMPLES, offset=1, limit=2)
        assert [coil.id for coil in page] == ["c", "b"]
        assert book.coil_page(line=None, excluding=SAMPLES, offset=0, limit=1) == [
            a_coil("z", line="line-2", minutes=9)
        ]


def test_a_coil_is_counted_by_the_detector_that_judged_it_last_or_by_the_one_named(catalog: Catalog) -> None:
    _filled(catalog)
    with catalog.transaction() as unit:
        counted = unit.overview.counts([a_coil()])
        assert counted == [
            CoilCounts(
                coil=a_coil(),
                captured=5,
                unusable=1,
                end_line=5 * 2048,
                mm_per_line=0.25,
                detector=DETECTOR,
                verdicts={Verdict.PASS: 2, Verdict.DEFECT: 1, Verdict.UNKNOWN: 1, Verdict.UNUSABLE: 1},
                findings=3,
            )
        ]
        assert (counted[0].judged, counted[0].alarmed, counted[0].complete) == (4, 2, True)
        unit.add_results("coil-1", [_result("coil-1/0", _found("coil-1/0", 0.5), detector=OTHER)])
    with catalog.transaction() as unit:
        (newest,) = unit.overview.counts([a_coil()])
        assert (newest.detector, newest.findings, newest.complete) == (OTHER, 1, False)
        (named,) = unit.overview.counts([a_coil()], detector=DETECTOR)
        assert (named.detector, named.findings) == (DETECTOR, 3)


def test_a_coil_without_frames_or_verdicts_counts_nothing(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        (empty,) = unit.overview.counts([a_coil()])
        assert (empty.captured, empty.detector, empty.verdicts, empty.findings) == (0, None, {}, 0)
        assert not empty.complete
        assert unit.overview.counts([]) == []


def test_findings_come_as_columns_by_place_and_page_by_page(catalog: Catalog) -> None:
    _filled(catalog)
    with catalog.transaction() as unit:
        found = unit.overview.findings("coil-1", detector=DETECTOR)
        assert found.downweb_m == (1.0, 2.0, 3.0)
        assert [found.types[number] for number in found.type_of] == ["scratch", "unknown", "scratch"]
        assert found.frames == ("coil-1/1", "coil-1/2", "coil-1/1")
        assert [item.rpartition("-")[2] for item in found.items] == ["1", "0", "0"]
        part = unit.overview.findings("coil-1", detector=DETECTOR, offset=1, limit=1)
        assert (part.items, part.types) == (found.items[1:2], ("unknown",))
        assert len(unit.overview.findings("coil-1", detector=OTHER)) == 0
        assert unit.overview.types_found("coil-1", detector=DETECTOR) == [("scratch", 2), ("unknown", 1)]
        said = unit.overview.verdicts("coil-1", detector=DETECTOR)
        assert FrameVerdict(frame="coil-1/4", verdict=Verdict.UNUSABLE, reason="torn") in said
        assert len(said) == 5


def test_the_pareto_counts_each_coil_of_the_period_by_its_last_detector(catalog: Catalog) -> None:
    for minutes, coil in enumerate(["coil-1", "coil-2", "coil-3"]):
        _filled(catalog, coil, minutes=minutes)
    with catalog.transaction() as unit:
        unit.add_results("coil-2", [_result("coil-2/0", _found("coil-2/0", 1.0, name="hole"), detector=OTHER)])
    with catalog.transaction() as unit:
        ends = NOON + timedelta(minutes=2)
        counted = unit.overview.pareto(line="line-1", since=NOON, until=ends, excluding=SAMPLES)
        assert counted == [("scratch", 2), ("hole", 1), ("unknown", 1)]
        assert unit.overview.pareto(line="line-2", since=NOON, until=ends, excluding=SAMPLES) == []


def test_measures_are_averaged_over_usable_frames_and_good_frames_are_spread(catalog: Catalog) -> None:
    _filled(catalog)
    with catalog.transaction() as unit:
        means = unit.overview.mean_measures(["coil-1"], measures=("mean", "focus"))
        assert {key: round(value, 9) for key, value in means.items()} == {("coil-1", "camera-0", "mean"): 0.65}
        good = unit.overview.good_frames("coil-1", detector=DETECTOR, limit=9)
        expected = GoodFrame(frame="coil-1/0", heatmap="b" * 64 + ".png", width_px=4096, zone_left_px=7)
        assert good == [expected, replace(expected, frame="coil-1/3")]
        assert unit.overview.good_frames("coil-1", detector=DETECTOR, limit=1) == [expected]
        assert unit.overview.good_frames("coil-1", detector=OTHER, limit=9) == []


def test_the_latest_frames_come_first_with_verdict_and_thumbnail(catalog: Catalog) -> None:
    _filled(catalog)
    with catalog.transaction() as unit:
        torn, last = unit.overview.latest_frames("coil-1", detector=DETECTOR, limit=2)
        assert (torn.frame, torn.verdict, torn.reason, torn.thumbnail) == ("coil-1/4", Verdict.UNUSABLE, "torn", None)
        assert (last.frame, last.verdict, last.thumbnail) == ("coil-1/3", Verdict.PASS, "c" * 64 + ".png")
        assert unit.overview.latest_frames("coil-1", detector=None, limit=9)[1].verdict is None
        assert unit.overview.thumbnail_of("coil-1/3") == "c" * 64 + ".png"
        assert unit.overview.thumbnail_of("coil-1/4") is None
        assert [frame.id for frame in unit.overview.first_usable("coil-1", limit=2)] == ["coil-1/0", "coil-1/1"]
        assert unit.overview.images("coil-1", limit=2) == ["a" * 64 + ".png"] * 2


def test_the_coils_of_a_detector_come_oldest_first(catalog: Catalog) -> None:
    _filled(catalog, "coil-2", minutes=5)
    _filled(catalog, "coil-1")
    with catalog.transaction() as unit:
        unit.add_coil(a_coil("coil-3", minutes=9))
        judged = unit.overview.coils_judged_by(DETECTOR, line="line-1", recipe="default", excluding=SAMPLES)
        assert [coil.id for coil in judged] == ["coil-1", "coil-2"]
        assert unit.overview.coils_judged_by(OTHER, line="line-1", recipe="default", excluding=SAMPLES) == []


def test_the_last_runs_of_a_stage_come_newest_first(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        for minutes, (stage, model) in enumerate([("monitor", "a@1"), ("score", "a@1"), ("monitor", "b@1")]):
            started = NOON + timedelta(minutes=minutes)
            unit.add_stage(StageRun(stage=stage, started_at=started, seconds=1.0, model=model))
        book = unit.overview
        assert [run.model for run in book.last_stages("monitor", limit=9)] == ["b@1", "a@1"]
        assert [run.model for run in book.last_stages("monitor", model="a@1", limit=9)] == ["a@1"]
        assert [run.stage for run in book.last_stages(None, limit=2)] == ["monitor", "score"]
