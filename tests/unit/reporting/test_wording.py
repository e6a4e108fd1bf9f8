from datetime import datetime, timedelta, timezone

import pytest

from inspect_pipeline.domain.explanation import Explanation, NamedBy
from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting import wording

from .builders import explanation


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-")


def test_figures_carry_their_units():
    assert plain(wording.metres(1123.2)) == "1 123.200 m"
    assert plain(wording.position(12.3456, 560.04)) == "12.346 m × 560.0 mm"
    assert plain(wording.multiples(2.5)) == "2.50 ×"
    assert plain(wording.seconds(9.071)) == "9.07 s"


@pytest.mark.parametrize(
    "fraction, text", [(0.0, "0.0%"), (0.0034, "0.34%"), (0.00004, "0.00%"), (0.05, "5.0%"), (1.0, "100.0%")]
)
def test_percentages_below_one_keep_two_decimals(fraction, text):
    assert plain(wording.percent(fraction)) == text


def test_a_rate_is_shown_with_count_and_interval():
    rate = ShownRate(count=3, total=1200, low=0.0005, high=0.0073)
    assert plain(wording.counts(rate)) == "3 of 1 200"
    assert plain(wording.interval(rate)) == "0.05% to 0.73%"


def test_a_difference_has_its_sign_in_points():
    difference = Estimate(value=0.0, low=-0.0093, high=0.0011)
    assert plain(wording.interval_points(difference)) == "-0.93 points to +0.11 points"
    assert plain(wording.points(difference.value)) == "0.00 points"


def test_a_missing_figure_is_never_a_zero():
    missing = NotMeasured(reason="no encoder")
    assert wording.metres(missing) == wording.multiples(missing) == "not measured"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    for show in (wording.metres, wording.percent, wording.multiples, wording.seconds, wording.significant):
        with pytest.raises(BadDataError, match="NotMeasured"):
            show(value)


def test_times_are_shown_in_utc():
    moment = datetime(2026, 10, 9, 16, 3, 7, tzinfo=timezone(timedelta(hours=2)))
    assert wording.utc(moment) == "2026-10-09 14:03:07 UTC"


def test_one_is_singular():
    assert [plain(wording.plural(n, "frame")) for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]


def test_why_a_finding_is_called_so_is_one_line_of_what_was_measured():
    told = plain(wording.why(explanation("unknown", 2.0)))
    assert told == ("anomaly 2.00 ×, crack 0.80 ×; at 1.10 × the bound of crack; lead 0.42; nearest sample label-0")
    channel = Explanation(
        anomaly=1.2,
        type_score=1.5,
        channel="dent",
        named_by=NamedBy.CHANNEL,
        nearest_type="dent",
        note="too many",
    )
    assert plain(wording.why(channel)) == "anomaly 1.20 ×, dent 1.50 ×; named by the strongest channel; too many"
    nothing_taught = Explanation(anomaly=1.2, type_score=None, channel=None, named_by=NamedBy.CHANNEL)
    assert plain(wording.why(nothing_taught)) == "anomaly 1.20 ×"
