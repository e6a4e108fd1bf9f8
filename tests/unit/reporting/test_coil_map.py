import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.report import CoilMap, MapFrame, MapGap, ShownFinding, TruthMark
from inspect_pipeline.reporting.coil_map import LEFT, WIDTH, draw_map, finding_text, strip_length_m
from inspect_pipeline.reporting.symbols import symbols
from tests.unit.reporting import builders

SYMBOLS = symbols(builders.TYPES)


def coil(*, length_m=10.0, frames=(), gaps=(), findings=()):
    return CoilMap(length_m=length_m, width_mm=1000.0, frames=frames, gaps=gaps, findings=findings)


def shown(downweb_m, *, crossweb_mm=500.0, score=2.0, origin=None):
    one = builders.finding(downweb_m=downweb_m, crossweb_mm=crossweb_mm, score=score)
    return ShownFinding(finding=one, mark=TruthMark.HIT if origin else None, origin=origin)


def test_a_short_coil_is_one_strip_drawn_to_scale():
    drawing = draw_map(coil(length_m=10.0), (), SYMBOLS)
    assert len(drawing.strips) == 1
    assert drawing.stretch == pytest.approx(1.0)


def test_a_long_coil_goes_on_in_further_strips_of_a_round_length():
    drawing = draw_map(coil(length_m=22.0), (), SYMBOLS)
    assert [(s.start_m, s.end_m) for s in drawing.strips] == [(0.0, 12.0), (12.0, 22.0)]
    assert drawing.strips[1].width == pytest.approx(WIDTH * 10 / 12)


def test_a_kilometre_keeps_to_ten_strips_and_says_how_far_it_is_stretched():
    drawing = draw_map(coil(length_m=1000.0), (), SYMBOLS)
    assert len(drawing.strips) == 10
    assert drawing.stretch > 5


@given(st.floats(0.01, 5000.0), st.floats(10.0, 4000.0))
def test_strips_cover_the_coil_and_fit_a_page(length_m, width_mm):
    strip_m = strip_length_m(length_m, width_mm)
    assert 1 <= length_m / strip_m <= 10 + 1e-6 or strip_m >= length_m


@given(st.lists(st.floats(-1.0, 1200.0), max_size=40), st.floats(1.0, 1000.0))
def test_every_finding_has_exactly_one_mark_even_beyond_the_ends(places, length_m):
    drawing = draw_map(coil(length_m=length_m, findings=tuple(shown(p) for p in places)), (), SYMBOLS)
    marks = [mark for strip in drawing.strips for mark in strip.marks]
    assert len(marks) == len(places)
    assert all(LEFT <= mark.x <= LEFT + WIDTH for mark in marks)


def test_a_mark_lies_at_its_metres_and_millimetres():
    (mark,) = draw_map(coil(length_m=10.0, findings=(shown(2.5, crossweb_mm=250.0),)), (), SYMBOLS).strips[0].marks
    strip = draw_map(coil(length_m=10.0), (), SYMBOLS).strips[0]
    assert mark.x == pytest.approx(LEFT + WIDTH / 4)
    assert mark.y == pytest.approx(8.0 + strip.height / 4)


def test_a_higher_score_is_larger_and_drawn_beneath_a_lower_one():
    marks = draw_map(coil(findings=(shown(1.0, score=1.2), shown(1.0, score=6.0))), (), SYMBOLS).strips[0].marks
    assert marks[0].radius > marks[1].radius


def test_simulated_is_hollow_and_says_so():
    strip = draw_map(coil(findings=(shown(1.0, origin=Origin.SIMULATED), shown(2.0, origin=Origin.REAL))), (), SYMBOLS)
    marks = strip.strips[0].marks
    assert [mark.simulated for mark in marks] == [True, False]
    assert ["SIMULATED" in mark.title for mark in marks] == [True, False]


def test_gaps_and_unusable_frames_are_hatched_with_their_reasons():
    frames = (
        MapFrame(id="f0", downweb_m=0.0, length_m=2.0, verdict=Verdict.PASS),
        MapFrame(id="f1", downweb_m=2.0, length_m=2.0, verdict=Verdict.UNUSABLE, reason="too dark"),
        MapFrame(id="f2", downweb_m=4.0, length_m=2.0, verdict=None),
    )
    gap = MapGap(downweb_m=6.0, length_m=4.0, reason="no frame holds these lines")
    hatches = {h.kind: h for h in draw_map(coil(frames=frames, gaps=(gap,)), (), SYMBOLS).strips[0].hatches}
    assert set(hatches) == {"gap", "unusable", "not-judged"}
    assert "too dark" in hatches["unusable"].title
    assert hatches["gap"].width == pytest.approx(0.4 * WIDTH)


def test_a_gap_that_ends_where_a_strip_ends_is_not_drawn_on_the_next():
    gap = MapGap(downweb_m=10.0, length_m=2.0, reason="stop")
    strips = draw_map(coil(length_m=22.0, gaps=(gap,)), (), SYMBOLS).strips
    assert [len(strip.hatches) for strip in strips] == [1, 0]


def test_a_gap_across_strips_is_drawn_on_both():
    gap = MapGap(downweb_m=11.0, length_m=3.0, reason="stop")
    strips = draw_map(coil(length_m=22.0, gaps=(gap,)), (), SYMBOLS).strips
    assert [h.width for s in strips for h in s.hatches] == pytest.approx([WIDTH / 12, WIDTH * 2 / 12])


def test_an_unusable_frame_of_unknown_length_is_still_seen():
    frame = MapFrame(id="f", downweb_m=4.0, length_m=0.0, verdict=Verdict.UNUSABLE, reason="no image")
    (hatch,) = draw_map(coil(frames=(frame,)), (), SYMBOLS).strips[0].hatches
    assert hatch.width == 2.5


def test_a_coil_without_length_has_no_strips():
    assert draw_map(coil(length_m=0.0), (), SYMBOLS).strips == ()


def test_the_text_of_a_finding_holds_all_that_is_known():
    text = finding_text(shown(1.0)).replace("\u00a0", " ")
    for part in ("crack (approved)", "2.00 × threshold", "1.000 m × 500.0 mm", "evidence: type", "runner-up: scratch"):
        assert part in text
    assert "truth not known" in text
