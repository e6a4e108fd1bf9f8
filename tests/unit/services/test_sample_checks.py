"""Doubts about samples from their frames: blurred, one defect twice, off the strip, contradictions."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.checks import Check, CheckKind, Severity
from inspect_pipeline.domain.labels import Label, LabelKind, Region, RegionSource
from inspect_pipeline.domain.material import CapturedFrame, Roi
from inspect_pipeline.services.sample_checks import check_left_out, check_samples

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
BOX = Roi(top=20, left=20, bottom=40, right=60)
FRAME = CapturedFrame(
    id="f",
    coil="coil-1",
    camera="left",
    sequence=0,
    source="f.png",
    first_line=0,
    line_count=100,
    width_px=100,
    captured_at=NOON,
    mm_per_px_across=0.1,
    mm_per_px_along=0.1,
    image="f.png",
)


def frame(name: str, *, focus: float | None = None, camera: str = "left", image: str | None = None) -> CapturedFrame:
    measures = None if focus is None else FrameMeasures(focus=focus)
    return replace(FRAME, id=name, source=f"{name}.png", camera=camera, image=image or f"{name}.png", measures=measures)


def label(
    name: str,
    of: CapturedFrame,
    defect_type: str | None = "scratch",
    *,
    roi: Roi = BOX,
    mask: str | None = None,
    source: RegionSource = RegionSource.DRAWN,
) -> Label:
    return Label(
        id=name,
        region=Region(frame=of.id, roi=roi, mask=mask, source=source),
        kind=LabelKind.NOT_A_DEFECT if defect_type is None else LabelKind.DEFECT,
        operator="operator-7",
        labelled_at=NOON,
        defect_type=defect_type,
    )


def good(count: int = 8, focus: float = 0.010) -> list[tuple[CapturedFrame, list[Label]]]:
    frames = [frame(f"good-{n}", focus=focus * (1.0 + 0.03 * (n % 3))) for n in range(count)]
    return [(one, [label(f"g{one.id}", one, None)]) for one in frames]


def of_kind(found: list[Check], kind: CheckKind) -> list[Check]:
    return [one for one in found if one.kind is kind]


def one_sample(of: CapturedFrame, **more: object) -> list[tuple[CapturedFrame, list[Label]]]:
    return [(of, [label("a", of, **more)])]  # type: ignore[arg-type]


def test_of_sharp_samples_at_different_places_there_is_nothing_to_say() -> None:
    samples = [(one, [label(one.id, one)]) for one in (frame("a", focus=0.0101), frame("b", focus=0.02))]
    assert check_samples([*good(), *samples]) == []


def test_a_sample_less_sharp_than_the_good_frames_is_called_blurred() -> None:
    (check,) = check_samples([*good(), *one_sample(frame("a", focus=0.004))])
    assert (check.kind, check.severity, check.labels) == (CheckKind.BLURRED, Severity.DOUBT, ("a",))
    assert "sharpness 0.004" in check.message


def test_the_bound_follows_the_spread_of_the_lines_own_frames() -> None:
    wild = [(frame(f"g{n}", focus=0.01 * 2.0 ** (n % 5)), []) for n in range(8)]
    wild = [(one, [label(f"l{one.id}", one, None)]) for one, _ in wild]
    assert check_samples([*wild, *one_sample(frame("a", focus=0.004))]) == []


@pytest.mark.parametrize("count", [0, 4])
def test_without_enough_measured_good_frames_nothing_is_called_blurred(count: int) -> None:
    assert check_samples([*good(count), *one_sample(frame("a", focus=1e-9))]) == []
    unmeasured = [(one, labels) for one, labels in ((frame("g", focus=None), []),)]
    assert check_samples([*unmeasured, *one_sample(frame("a", focus=1e-9))]) == []


# One defect twice -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Roi(top=25, left=25, bottom=45, right=65), True),  # 35 x 15 of 40 x 20 shared
        (Roi(top=28, left=30, bottom=34, right=40), True),  # a small box inside
        (Roi(top=39, left=20, bottom=59, right=60), False),  # one line shared
        (Roi(top=60, left=20, bottom=80, right=60), False),
    ],
)
def test_boxes_that_share_most_of_the_smaller_one_are_one_defect(other: Roi, told: bool) -> None:
    one = frame("a")
    found = of_kind(check_samples([(one, [label("a", one), label("b", one, roi=other)])]), CheckKind.SAME_DEFECT)
    assert [check.labels for check in found] == ([("a", "b")] if told else [])


def test_one_place_under_two_types_is_told_as_two_names() -> None:
    one = frame("a")
    (check,) = check_samples([(one, [label("a", one), label("b", one, "stain")])])
    assert (check.kind, check.labels) == (CheckKind.TWO_NAMES, ("a", "b"))


def test_an_image_taken_in_twice_is_told_and_a_guessed_one_too() -> None:
    first, second = frame("a", image="same.png"), frame("b", image="same.png")
    for source in RegionSource:
        samples = [(one, [label(one.id, one, source=source)]) for one in (first, second)]
        (check,) = check_samples(samples)
        assert (check.kind, check.labels) == (CheckKind.SAME_DEFECT, ("a", "b"))
        assert "two copies of one image" in check.message


def test_masks_in_one_whole_box_are_one_defect_only_where_they_are_the_same() -> None:
    one = frame("a")
    whole = Roi(top=0, left=0, bottom=100, right=100)
    two = [label("a", one, roi=whole, mask="1.png"), label("b", one, "stain", roi=whole, mask="2.png")]
    assert check_samples([(one, two)]) == []
    again = [label("a", one, roi=whole, mask="1.png"), label("b", one, roi=whole, mask="1.png")]
    assert [check.kind for check in check_samples([(one, again)])] == [CheckKind.SAME_DEFECT]


def test_two_cameras_that_see_one_place_of_the_coil_show_one_defect() -> None:
    left = frame("a")
    right = replace(frame("b", camera="right"), offset_mm=4.0)  # its column 0 is column 40 of the left one
    there = Roi(top=22, left=0, bottom=40, right=20)
    beside = Roi(top=22, left=30, bottom=40, right=50)
    found = check_samples([(left, [label("a", left, roi=Roi(top=20, left=40, bottom=40, right=60))]),
                           (right, [label("b", right, roi=there), label("c", right, roi=beside)])])  # fmt: skip
    assert [(check.kind, check.labels) for check in found] == [(CheckKind.SAME_DEFECT, ("a", "b"))]
    assert "one place of the coil" in found[0].message


def test_frames_of_one_camera_overlap_only_where_an_encoder_placed_them() -> None:
    first, second = frame("a"), frame("b")  # lines of samples from folders are counted from 0 for every folder
    samples = [(one, [label(one.id, one)]) for one in (first, second)]
    assert check_samples(samples) == []
    placed = [(replace(one, downweb_m=1.0), labels) for one, labels in samples]
    assert [check.labels for check in check_samples(placed)] == [("a", "b")]


# Off the strip, contradictions, unusable ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "severity"),
    [((0, 100), None), ((30, 100), Severity.NOTE), ((0, 59), Severity.NOTE), ((60, 100), Severity.DOUBT)],
)
def test_a_region_in_the_trim_is_told(zone: tuple[int, int], severity: Severity | None) -> None:
    one = replace(frame("a"), measures=FrameMeasures(zone_left_px=zone[0], zone_right_px=zone[1]))
    found = check_samples(one_sample(one))
    assert [(check.kind, check.severity) for check in found] == (
        [] if severity is None else [(CheckKind.OFF_THE_STRIP, severity)]
    )


def test_a_guessed_region_is_not_held_against_the_trim() -> None:
    one = replace(frame("a"), measures=FrameMeasures(zone_left_px=30, zone_right_px=100))
    assert check_samples(one_sample(one, source=RegionSource.GUESSED)) == []


def test_a_place_that_is_both_good_and_defective_is_refused() -> None:
    one = frame("a")
    most = Roi(top=20, left=20, bottom=40, right=45)
    (check,) = check_samples([(one, [label("a", one), label("g", one, None, roi=most)])])
    assert (check.kind, check.severity, check.labels) == (CheckKind.CONTRADICTION, Severity.REFUSE, ("a", "g"))


def test_good_material_inside_or_beside_a_defects_box_is_no_contradiction() -> None:
    one = frame("a")
    for roi in (Roi(top=20, left=20, bottom=40, right=39), Roi(top=50, left=0, bottom=90, right=100)):
        assert check_samples([(one, [label("a", one), label("g", one, None, roi=roi)])]) == []
    masked = [label("a", one, mask="m.png"), label("g", one, None, roi=Roi(top=20, left=20, bottom=40, right=59))]
    assert check_samples([(one, masked)]) == []


def test_labels_on_unusable_frames_are_counted_and_named() -> None:
    one = frame("a")
    labels = [label("a", one), label("b", one), label("c", one)]
    (check,) = check_left_out(labels, [(one, labels[:1])])
    assert (check.kind, check.labels) == (CheckKind.UNUSABLE, ("b", "c"))
    assert check.message == "2 support labels lie on unusable frames and teach nothing"
    assert check_left_out(labels, [(one, labels)]) == []
