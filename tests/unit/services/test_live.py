"""What the pages show, on the fakes: pages of coils, one coil with its lanes, trends, history, alarms."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inspect_pipeline.domain.alarms import Alarm, AlarmArea
from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.ledger import Cover
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.live import Live
from inspect_pipeline.services.monitoring import STAGE, LineLook, detail_of
from tests.unit.services.plant import COIL, DETECTOR, LINE, MM_ACROSS, MM_ALONG, NOON, SIDE_PX, Plant, picture

JUDGE = f"{DETECTOR}@1"


def _live(plant: Plant) -> Live:
    return Live(catalog=plant.catalog, images=plant.images, clock=lambda: NOON, excluding="samples of ")


def _judge(plant: Plant, *frames: str) -> None:
    with plant.catalog.transaction() as unit:
        results = [FrameResult(frame=frame, verdict=Verdict.PASS, detector=JUDGE) for frame in frames]
        unit.add_results(COIL, results)


@pytest.fixture
def plant() -> Plant:
    made = Plant()
    made.add_coil()
    for number in range(3):
        made.add_frame(number, picture(number))
    made.add_frame(5, None, reason="torn: nothing arrived")
    return made


def test_a_page_below_one_is_refused_and_the_last_page_may_be_short(plant: Plant) -> None:
    for number in range(5):
        plant.add_coil(f"coil-{number + 2}")
    plant.add_coil("samples of strip")
    page = _live(plant).coils(line=LINE, page=2, size=4)
    assert (len(page.coils), page.pages, page.total) == (2, 2, 6)
    with pytest.raises(BadDataError, match="count from 1"):
        _live(plant).coils(line=None, page=0)


def test_every_metre_of_a_coil_is_judged_or_lies_in_a_stretch_with_its_reason(plant: Plant) -> None:
    _judge(plant, f"{COIL}/000", f"{COIL}/001")
    view = _live(plant).coil(COIL)
    frame_m = SIDE_PX * MM_ALONG / 1000.0
    assert view.length_m == pytest.approx(6 * frame_m)
    assert view.inspected_m == pytest.approx(2 * frame_m)
    assert view.width_mm == SIDE_PX * MM_ACROSS
    assert [(one.kind, round(one.start_m / frame_m)) for one in view.stretches] == [
        (Cover.CAPTURED, 2), (Cover.MISSING, 3), (Cover.UNUSABLE, 5),
    ]  # fmt: skip
    assert view.stretches[-1].reason == "torn: nothing arrived"
    assert sum(one.length_m for one in view.stretches) == pytest.approx(view.not_inspected_m)


def test_a_coil_that_is_not_there_and_one_of_samples_have_no_page(plant: Plant) -> None:
    plant.add_coil("samples of strip")
    for name in ("nothing", "samples of strip"):
        with pytest.raises(NotFoundError, match=name):
            _live(plant).coil(name)
    with pytest.raises(NotFoundError, match="never judged"):
        _live(plant).findings(COIL, detector="detector.x.y@1")
    assert len(_live(plant).findings(COIL)) == 0


def test_trends_have_intervals_and_overkill_only_where_good_units_are_labelled(plant: Plant) -> None:
    _judge(plant, f"{COIL}/000", f"{COIL}/001", f"{COIL}/002")
    (trend,) = _live(plant).trends(line=LINE, coils=9)
    assert (trend.alarms.count, trend.alarms.trials, trend.overkill) == (0, 3, None)
    assert trend.alarms.high > 0.5
    with plant.catalog.transaction() as unit:
        frame = unit.frame(f"{COIL}/000")
    assert frame is not None
    plant.add_label(frame, role=LabelRole.HELD_OUT)
    (trend,) = _live(plant).trends(line=LINE, coils=9)
    assert trend.overkill is not None
    assert (trend.overkill.count, trend.overkill.trials) == (0, 1)


def test_the_history_of_a_line_is_newest_first(plant: Plant) -> None:
    first = Promotion(model=DETECTOR, from_version=None, to_version="1", operator="ada", reason="", at=NOON)
    with plant.catalog.transaction() as unit:
        unit.add_promotion(first)
        unit.add_promotion(replace(first, from_version="1", to_version="2"))
    assert [one.to_version for one in _live(plant).promotions(LINE)] == ["2", "1"]
    assert _live(plant).promotions("other") == []


def test_the_alarms_are_those_of_the_latest_look_at_each_line(plant: Plant) -> None:
    alarm = Alarm(area=AlarmArea.GOLDEN, subject=LINE, key="golden a", text="golden a: is not found", what_to_do="x")
    look = LineLook(
        line=LINE, recipe="default", detector=JUDGE, coils=3, through=COIL, golden=1, alarms=(alarm,), not_watched=(),
        at=NOON,
    )  # fmt: skip
    quiet = replace(look, alarms=(), at=NOON + timedelta(hours=1))
    elsewhere = replace(look, line="other", detector="detector.other.default@1")
    with plant.catalog.transaction() as unit:
        for one in (look, quiet, elsewhere):
            unit.add_stage(
                StageRun(stage=STAGE, started_at=one.at, seconds=0.1, model=one.detector, detail=detail_of(one))
            )
    assert [one.subject for one in _live(plant).alarms()] == [LINE]  # of the line "other", whose look has not changed
    assert _live(plant).looks(LINE, limit=5) == [quiet, look]
    assert _live(plant).now(LINE).look == quiet
    with pytest.raises(NotFoundError, match="no coil yet"):
        _live(plant).now("nowhere")


def test_a_frame_without_a_thumbnail_has_no_picture(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="no thumbnail"):
        _live(plant).thumbnail(f"{COIL}/000")
