"""Escapes and overkill counted by hand; what was not judged and what was painted stand apart."""

import pytest

from inspect_pipeline.domain.grading import grade, outcomes
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.errors import BadDataError
from tests.unit.domain.builders import box, finding, label, unjudged, verdict


def test_a_finding_over_two_cells_belongs_to_both() -> None:
    cells = [label("a", roi=box(0, 0, 10, 10)), label("b", roi=box(0, 10, 10, 20)), label("c", roi=box(0, 20, 10, 30))]
    wide = finding(roi=box(0, 0, 10, 20))
    assert [outcome.findings for outcome in outcomes(cells, [verdict("f0", wide)])] == [(wide,), (wide,), ()]


@pytest.mark.parametrize(
    ("roi", "belongs"),
    [
        (box(0, 5, 10, 15), True),  # half of itself, half of the region
        (box(0, 6, 10, 16), False),  # 4 of 10 columns
        (box(4, 4, 6, 6), True),  # small and inside
        (box(0, 9, 2, 11), True),  # small and half outside
        (box(0, 9, 2, 12), False),  # small and two thirds outside
        (box(0, 0, 100, 100), True),  # covers the region
        (box(0, 10, 10, 20), False),  # beside it
    ],
)
def test_a_finding_belongs_where_half_of_the_smaller_box_is_shared(roi: Roi, belongs: bool) -> None:
    [outcome] = outcomes([label(roi=box(0, 0, 10, 10))], [verdict("f0", finding(roi=roi))])
    assert outcome.alarmed is belongs


def test_a_finding_on_another_frame_belongs_to_no_region_of_this_one() -> None:
    [outcome] = outcomes([label(frame="f0")], [verdict("f0"), verdict("f1", finding("f1"))])
    assert outcome.judged
    assert not outcome.alarmed


def test_the_strongest_finding_of_a_region_is_the_one_with_the_highest_score() -> None:
    weak, strong = finding(score=1.5), finding(score=4.0)
    [outcome] = outcomes([label()], [verdict("f0", weak, strong)])
    assert outcome.strongest == strong
    assert outcomes([label()], [verdict("f0")])[0].strongest is None


def test_regions_on_unjudged_frames_are_counted_apart_and_are_no_escapes() -> None:
    labels = [label("a"), label("b", frame="f1"), label("c", frame="f2"), label("d", frame="f1", defect_type=None)]
    graded = grade(outcomes(labels, [verdict("f0", finding()), unjudged("f1")]))
    assert graded.not_judged == 3
    assert graded.escapes[Origin.REAL] == rate(0, 1)
    assert graded.overkill == rate(0, 0)


def test_real_and_simulated_defects_are_rated_apart() -> None:
    labels = [label("a", frame="f0"), label("b", frame="f1")]
    labels += [label(f"s{i}", frame="f2", origin=Origin.SIMULATED) for i in range(3)]
    graded = grade(outcomes(labels, [verdict("f0", finding()), verdict("f1"), verdict("f2", finding("f2"))]))
    assert graded.escapes == {Origin.REAL: rate(1, 2), Origin.SIMULATED: rate(0, 3)}


def test_an_origin_without_defects_has_no_rate() -> None:
    graded = grade(outcomes([label()], [verdict("f0", finding())]))
    assert graded.escapes[Origin.SIMULATED].value is None


def test_overkill_counts_known_good_regions_that_alarm() -> None:
    labels = [label(f"n{i}", roi=box(0, 20 * i, 10, 20 * i + 10), defect_type=None) for i in range(4)]
    graded = grade(outcomes(labels, [verdict("f0", finding(roi=box(0, 20, 10, 30)))]))
    assert graded.overkill == rate(1, 4)


def test_each_type_and_origin_has_its_own_row_and_its_own_naming_rate() -> None:
    labels = [
        label("a", frame="f0", defect_type="crack"),
        label("b", frame="f1", defect_type="crack"),
        label("c", frame="f2", defect_type="crack"),
        label("d", frame="f0", defect_type="crack", origin=Origin.SIMULATED),
        label("e", frame="f1", defect_type="stain"),
    ]
    results = [verdict("f0", finding(defect_type="crack")), verdict("f1", finding("f1")), verdict("f2")]
    rows = [(r.defect_type, r.origin, r.escapes, r.named) for r in grade(outcomes(labels, results)).per_type]
    assert rows == [
        ("crack", Origin.REAL, rate(1, 3), rate(1, 2)),
        ("stain", Origin.REAL, rate(0, 1), rate(0, 1)),
        ("crack", Origin.SIMULATED, rate(0, 1), rate(1, 1)),
    ]


def test_verdicts_of_two_detectors_are_never_mixed() -> None:
    with pytest.raises(BadDataError, match="two verdicts"):
        outcomes([label()], [verdict("f0"), verdict("f0", finding(), detector="detector.line-1.default@2")])
