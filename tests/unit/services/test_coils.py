"""The books of a coil: what is inspected, what is not and why, and what was odd."""

from dataclasses import replace

import pytest

from inspect_pipeline.domain.continuity import REPEATED
from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.coils import Coils

from .plant import COIL, MM_ALONG, SIDE_PX, Plant, picture

JUDGE = "detector.strip.default@1"


def judged(plant: Plant, frame: str, *, reason: str | None = None) -> None:
    verdict = Verdict.PASS if reason is None else Verdict.UNUSABLE
    with plant.catalog.transaction() as unit:
        unit.add_results(COIL, [FrameResult(frame=frame, verdict=verdict, detector=JUDGE, reason=reason)])


@pytest.fixture
def plant() -> Plant:
    """Frames 0 to 3 of a coil of 5: judged, dark, not judged yet, and 1 again."""
    plant = Plant()
    plant.add_coil()
    judged(plant, plant.add_frame(0, picture(0)).id)
    plant.add_frame(1, picture(1), reason="dark: mean 0.1%")
    plant.add_frame(2, picture(2))
    again = replace(plant.add_frame(9, picture(9)), id="again", first_line=SIDE_PX, reason=f"{REPEATED}frame counter 1")
    with plant.catalog.transaction() as unit:
        unit.add_frames([again])
        unit.expect(COIL, lines=12 * SIDE_PX, cameras=())
    return plant


def test_metres_are_inspected_only_where_a_detector_judged(plant: Plant) -> None:
    with plant.catalog.transaction() as unit:
        coil = unit.coil(COIL)
    assert coil is not None
    [facts] = Coils(catalog=plant.catalog).facts([coil])
    line_m = MM_ALONG / 1000
    assert facts.inspected_m == pytest.approx(SIDE_PX * line_m)
    assert facts.not_inspected_m == pytest.approx(11 * SIDE_PX * line_m)
    assert (facts.captured, facts.unusable, facts.duplicates) == (5, 2, 1)
    assert (facts.missing_lines, facts.expected_lines) == (8 * SIDE_PX, 12 * SIDE_PX)
    assert facts.detector == JUDGE


def test_the_book_names_every_interval_that_was_not_judged_with_its_reason(plant: Plant) -> None:
    book = Coils(catalog=plant.catalog).book(COIL)
    found = [(one.first_line // SIDE_PX, one.cover.value, one.reason) for one in book.not_inspected()]
    assert found == [
        (1, "unusable", "dark: mean 0.1%"),
        (2, "captured", None),
        (3, "missing", "no frame holds these lines"),
        (9, "captured", None),
        (10, "missing", "the coil ended before these lines"),
    ]
    assert [reason for _, reason, _ in book.remarks] == ["dark: mean 0.1%", f"{REPEATED}frame counter 1"]


def test_a_frame_that_the_detector_could_not_judge_counts_as_not_inspected(plant: Plant) -> None:
    judged(plant, f"{COIL}/002", reason="its image was altered")
    book = Coils(catalog=plant.catalog).book(COIL)
    assert ("unusable", "its image was altered") in [(one.cover.value, one.reason) for one in book.not_inspected()]
    assert book.facts.inspected_m == pytest.approx(SIDE_PX * MM_ALONG / 1000)


def test_an_unknown_coil_is_refused(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="coil-9"):
        Coils(catalog=plant.catalog).book("coil-9")
