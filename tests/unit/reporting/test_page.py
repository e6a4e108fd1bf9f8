from dataclasses import replace

import pytest

from inspect_pipeline.domain.figures import Estimate, NotMeasured
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.report import MapFrame, MapGap, PairedDifference
from inspect_pipeline.reporting.page import comparison, lay_out, outcome
from inspect_pipeline.reporting.render import render_report
from tests.unit.reporting import builders


def test_frames_are_counted_by_verdict_and_add_up():
    page = lay_out(builders.full_report())
    assert page.captured == 46
    assert page.verdicts[Verdict.UNUSABLE] == 3
    assert sum(page.verdicts.values()) + page.not_judged == page.captured
    assert page.judged == 43


def test_all_that_was_not_inspected_is_listed_and_summed_by_reason():
    page = lay_out(builders.full_report())
    assert [one.kind for one in page.not_inspected] == ["unusable frame"] * 2 + ["gap"] * 2 + ["unusable frame"]
    assert [(total.count, round(total.metres, 3)) for total in page.reasons] == [(2, 0.936), (2, 0.936), (1, 0.468)]


def test_a_frame_without_a_verdict_makes_the_report_incomplete():
    report = builders.no_findings()
    assert not lay_out(report).incomplete
    frames = (replace(report.coil_map.frames[0], verdict=None), *report.coil_map.frames[1:])
    page = lay_out(replace(report, coil_map=replace(report.coil_map, frames=frames)))
    assert page.incomplete
    assert page.not_judged == 1
    assert page.not_inspected[0].reason == "captured, but no verdict is recorded"


def test_a_pass_that_began_behind_the_head_adds_up_to_what_passed_and_lanes_are_told():
    report = builders.no_findings()
    whole = report.coil_map
    later = replace(whole, length_m=whole.length_m + 5.0, passed_m=whole.length_m, lanes=2)
    assert lay_out(replace(report, coil_map=replace(later, passed_m=None))).unaccounted_m == pytest.approx(5.0)
    assert lay_out(replace(report, coil_map=later)).unaccounted_m == 0.0
    gaps = (MapGap(downweb_m=0.0, length_m=1.0, reason="camera-1: no frame holds these lines"),)
    text = render_report(
        replace(report, coil_map=replace(later, gaps=gaps), head=replace(report.head, not_inspected_m=1.0))
    )
    assert "Lengths of single reasons are summed over the 2 cameras" in text


def test_metres_that_do_not_add_up_are_told():
    report = builders.no_findings()
    page = lay_out(replace(report, head=replace(report.head, inspected_m=11.0)))
    assert page.unaccounted_m == pytest.approx(0.232)
    assert page.incomplete


def test_the_highest_score_and_the_clearest_miss_stand_first():
    page = lay_out(builders.full_report())
    scores = [exhibit.shown.finding.score for exhibit in page.exhibits]
    assert scores == sorted(scores, reverse=True)
    misses = [missed.best_score for missed in page.escapes_shown]
    assert misses == sorted(misses)
    assert (len(page.escapes_shown), len(page.missed)) == (6, 8)


@pytest.mark.parametrize(
    "low, value, high, wanted",
    [
        (0.01, 0.02, 0.03, "meta is better than frozen"),
        (-0.03, -0.02, -0.01, "frozen is better than meta"),
        (-0.01, 0.01, 0.03, "no difference between meta and frozen is shown: the interval holds zero"),
    ],
)
def test_a_difference_is_only_claimed_where_its_interval_leaves_zero_out(low, value, high, wanted):
    paired = PairedDifference(first="meta", second="frozen", difference=Estimate(value=value, low=low, high=high))
    assert comparison(paired) == wanted


def test_a_baseline_that_wins_is_named_as_such():
    training = builders.meta_training()
    assert "A baseline wins here" in outcome(training)
    assert "frozen, ridge" in outcome(training)
    only_meta = replace(training, heads=training.heads[:1])
    assert outcome(only_meta) == "The highest accuracy on these episodes is that of meta-trained prototypes."
    unknown = replace(training.heads[0], accuracy=NotMeasured(reason="no episodes"))
    assert outcome(replace(training, heads=(unknown,))) == "No accuracy was measured."


def test_simulated_is_announced_only_where_there_is_any():
    assert len(lay_out(builders.full_report()).simulated) == 4
    assert lay_out(builders.no_findings()).simulated == ()


def test_a_coil_without_frames_is_incomplete():
    report = builders.no_findings()
    empty = replace(report.coil_map, frames=(), length_m=0.0)
    head = replace(report.head, inspected_m=0.0)
    assert lay_out(replace(report, coil_map=empty, head=head)).incomplete


def test_the_verdict_of_a_frame_is_one_of_five_states():
    frame = MapFrame(id="f", downweb_m=0.0, length_m=1.0, verdict=Verdict.UNKNOWN)
    report = builders.no_findings()
    page = lay_out(replace(report, coil_map=replace(report.coil_map, frames=(frame,))))
    assert page.verdicts[Verdict.UNKNOWN] == 1
