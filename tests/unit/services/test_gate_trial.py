"""Detectors tried on a line's labels for the gate: real maps, the same regions for both, nothing that also teaches."""

from dataclasses import replace
from datetime import datetime

import pytest

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Evidence, Finding
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.learning.calibration import Channel
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.gate_trial import GateTrials, good_tried, region_tried
from inspect_pipeline.services.models import Models

from .plant import BAR, DETECTOR, LINE, NOON, SPOT, WHOLE, Plant, Ticking, picture, silent

GATE_COIL = "samples of strip (gate)"


def trials(plant: Plant) -> GateTrials:
    return GateTrials(catalog=plant.catalog, images=plant.images, clock=Ticking(), progress=silent)


def bundle(plant: Plant, version: str = "1") -> Bundle:
    return plant.registry.load(DETECTOR, version=version)[1]


def deaf(plant: Plant) -> Bundle:
    """The detector with limits that nothing is over."""
    one = Detector.from_bundle(bundle(plant))
    quiet = Channel(floor=0.0, limit=1e9)
    heads = tuple(replace(head, channel=quiet) for head in one.heads)
    made = replace(one, anomaly=quiet, heads=heads).to_bundle({})
    return replace(made, manifest={**bundle(plant).manifest, **made.manifest})


@pytest.fixture
def labelled(plant: Plant) -> Plant:
    """Labels for the gate: three bars and a spot, and four good frames of which one is golden."""
    plant.add_coil(GATE_COIL)
    for number in range(3):
        frame = plant.add_frame(number, picture(700 + number, "bar"), coil=GATE_COIL)
        plant.add_label(frame, "bar", roi=BAR, role=LabelRole.GATE, name=f"bar-{number}")
    frame = plant.add_frame(3, picture(703, "spot"), coil=GATE_COIL)
    plant.add_label(frame, "spot", roi=SPOT, role=LabelRole.GATE, name="spot")
    for number in range(4, 8):
        frame = plant.add_frame(number, picture(700 + number), coil=GATE_COIL)
        role = LabelRole.GOLDEN if number == 7 else LabelRole.GATE
        plant.add_label(frame, roi=WHOLE, role=role, name=f"good-{number}")
    return plant


def test_what_each_detector_makes_of_every_label_stands_side_by_side(labelled: Plant) -> None:
    found = trials(labelled).run(LINE, bundle(labelled), deaf(labelled))
    assert found is not None
    mine, others = found
    assert others is not None
    assert [each.label for each in mine.regions] == [each.label for each in others.regions]
    assert mine.recall("bar").count == 3
    assert [each.named for each in mine.regions if each.defect_type == "bar"] == [True] * 3
    assert [each.knows for each in mine.regions] == [True, True, True, False]
    assert (others.recall("bar").count, others.overkill.count) == (0, 0)
    assert [each.label for each in mine.goods if each.golden] == ["good-7"]
    assert mine.overkill.trials == 4
    assert mine.unjudged == ()
    assert mine.seconds_per_mpx is not None
    assert mine.mib == pytest.approx(len(bundle(labelled).tensors) / 2**20)


def finding(roi: Roi, kind: str = "bar") -> Finding:
    return Finding(
        frame="f",
        roi=roi,
        defect_type=kind,
        life_cycle=LifeCycle.PROVISIONAL,
        score=2.0,
        crossweb_mm=1.0,
        downweb_m=1.0,
        width_mm=1.0,
        length_mm=1.0,
        evidence=Evidence.TYPE,
    )


@pytest.mark.parametrize(
    ("roi", "kind", "found", "named"),
    [
        (BAR, "bar", True, True),
        (BAR, "spot", True, False),
        (Roi(top=44, left=30, bottom=52, right=40), "bar", True, True),  # a small one inside
        (Roi(top=0, left=0, bottom=96, right=96), "bar", True, True),  # it covers the region
        (Roi(top=80, left=0, bottom=96, right=40), "bar", False, False),  # elsewhere
        (Roi(top=52, left=16, bottom=92, right=80), "bar", True, True),  # a quarter of the bar
        (Roi(top=53, left=16, bottom=93, right=80), "bar", False, False),  # less than a quarter
    ],
)
def test_a_region_is_found_by_a_finding_that_shares_a_quarter_of_the_smaller_one(
    labelled: Plant, roi: Roi, kind: str, found: bool, named: bool
) -> None:
    with labelled.catalog.transaction() as unit:
        label = next(each for each in unit.labels() if each.id == "bar-0")
    tried = region_tried(label, [finding(roi, kind)], known=("bar",))
    assert (tried.found, tried.named) == (found, named)


def test_a_good_unit_alarms_by_a_finding_with_its_middle_there_and_not_by_a_neighbours(labelled: Plant) -> None:
    with labelled.catalog.transaction() as unit:
        whole = next(each for each in unit.labels() if each.id == "good-4")
    label = replace(whole, region=replace(whole.region, roi=Roi(top=0, left=0, bottom=48, right=48)))
    inside, beside = Roi(top=0, left=0, bottom=8, right=8), Roi(top=0, left=40, bottom=20, right=80)
    assert good_tried(label, [finding(inside)]).alarmed
    assert good_tried(label, [finding(WHOLE)]).alarmed
    assert not good_tried(label, [finding(beside)]).alarmed
    assert not good_tried(label, []).alarmed


def test_a_frame_that_also_teaches_proves_nothing_and_is_named(labelled: Plant) -> None:
    frame = labelled.add_frame(10, picture(1020, "bar"), coil=GATE_COIL)  # the image of a support
    labelled.add_label(frame, "bar", roi=BAR, role=LabelRole.GATE, name="taught")
    found = trials(labelled).run(LINE, bundle(labelled), None)
    assert found is not None
    assert "taught" not in {each.label for each in found[0].regions}
    assert any("also teaches" in reason for reason in found[0].unjudged)


def test_an_unusable_or_broken_frame_is_named_with_its_reason(labelled: Plant) -> None:
    dark = labelled.add_frame(11, None, coil=GATE_COIL, reason="too dark")
    labelled.add_label(dark, "bar", roi=BAR, role=LabelRole.GATE, name="dark")
    torn = labelled.add_frame(12, picture(712, "bar"), coil=GATE_COIL)
    labelled.add_label(torn, "bar", roi=BAR, role=LabelRole.GATE, name="torn")
    labelled.images.contents[torn.image or ""] = b"no image"
    found = trials(labelled).run(LINE, bundle(labelled), None)
    assert found is not None
    assert any("is unusable (too dark)" in reason for reason in found[0].unjudged)
    assert any(torn.id in reason for reason in found[0].unjudged)


def test_a_line_without_labels_for_the_gate_has_no_trial(plant: Plant) -> None:
    assert trials(plant).run(LINE, bundle(plant), None) is None


def gated(plant: Plant) -> Models:
    def noon() -> datetime:
        return NOON

    return Models(catalog=plant.catalog, registry=plant.registry, rules=GateRules(), clock=noon, trials=trials(plant))


def test_a_challenger_that_forgets_on_held_out_labels_is_refused_and_the_report_is_kept(labelled: Plant) -> None:
    for number in range(13, 16):
        frame = labelled.add_frame(number, picture(700 + number, "bar"), coil=GATE_COIL)
        labelled.add_label(frame, "bar", roi=BAR, role=LabelRole.GATE, name=f"bar-{number}")
    version = labelled.registry.register(DETECTOR, deaf(labelled), tags={"line": LINE, "recipe": "default"})
    with pytest.raises(RefusedError, match=r"forgetting: regions of known types .* are lost 6 times, 0 are gained"):
        gated(labelled).promote(DETECTOR, operator="operator-7", reason="quieter", version=version)
    with labelled.catalog.transaction() as unit:
        kept = [run for run in unit.stages() if run.stage == "gate"]
    assert [run.model for run in kept] == [f"{DETECTOR}@{version}"]
    assert "forgetting" in str(kept[0].detail["report"])


def test_an_approved_type_needs_held_out_labels_and_a_provisional_one_does_not(labelled: Plant) -> None:
    _, report = gated(labelled).gate(DETECTOR, version="1")
    assert not [reason for reason in report.reasons if "approved" in reason]
    assert report.trial is not None
    with labelled.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="bar", life_cycle=LifeCycle.APPROVED))
    _, report = gated(labelled).gate(DETECTOR, version="1")
    assert any("escape of approved type 'bar'" in reason and "6 more" in reason for reason in report.reasons)


def test_what_was_moved_past_the_records_is_held_against_the_version_on_record_and_not_against_itself(
    labelled: Plant,
) -> None:
    for number in range(13, 16):
        frame = labelled.add_frame(number, picture(700 + number, "bar"), coil=GATE_COIL)
        labelled.add_label(frame, "bar", roi=BAR, role=LabelRole.GATE, name=f"bar-{number}")
    version = labelled.registry.register(DETECTOR, deaf(labelled), tags={"line": LINE, "recipe": "default"})
    labelled.registry.set_alias(DETECTOR, "champion", version)
    with pytest.raises(RefusedError, match=r"cannot be adopted .* forgetting: regions of known types"):
        gated(labelled).adopt(DETECTOR, operator="operator-7", reason="moved by hand")


def test_without_a_champion_the_challenger_stands_beside_the_normality_of_its_own_good_material(
    labelled: Plant,
) -> None:
    found = trials(labelled).run(LINE, bundle(labelled), None)
    assert found is not None
    mine, alone = found
    assert alone is not None
    assert [each.label for each in mine.regions] == [each.label for each in alone.regions]
    assert not any(each.knows or each.named for each in alone.regions)
    assert all(each.found for each in alone.regions if each.defect_type == "bar")
