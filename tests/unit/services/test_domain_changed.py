"""A frame that is no longer what the detector was calibrated on is not judged, at the line and before the gate."""

from dataclasses import replace

import numpy as np

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.gate_trial import GateTrials

from .plant import COIL, DETECTOR, LINE, WHOLE, Plant, Ticking, picture, silent


def darker(seed: int) -> np.ndarray:
    return (picture(seed) // 2).astype(np.uint8)


def verdicts(plant: Plant, version: str = "1") -> list[tuple[Verdict, str | None]]:
    plant.scoring().run(COIL)
    with plant.catalog.transaction() as unit:
        return [(one.verdict, one.reason) for one in unit.results(COIL, detector=f"{DETECTOR}@{version}")]


def test_a_frame_of_half_the_exposure_is_unusable_with_the_reason_and_one_with_a_large_defect_is_judged(
    plant: Plant,
) -> None:
    plant.add_coil(COIL)
    for number, pixels in enumerate([picture(500), darker(501), picture(502, "spot")]):
        plant.add_frame(number, pixels)
    good, dark, marked = verdicts(plant)
    assert good[0] is Verdict.PASS
    assert dark[0] is Verdict.UNUSABLE
    assert dark[1] is not None
    assert dark[1].startswith("domain changed: brightness")
    assert marked[0] in (Verdict.UNKNOWN, Verdict.DEFECT)


def test_a_detector_of_before_there_was_a_reference_judges_every_frame_as_before(plant: Plant) -> None:
    _, bundle = plant.registry.load(DETECTOR, version="1")
    old = {name: value for name, value in bundle.manifest.items() if name not in ("domain", "alone")}
    old["settings"] = {name: value for name, value in old["settings"].items() if name != "domain_limit"}
    before = Bundle(kind=bundle.kind, manifest=old, tensors=bundle.tensors)
    assert Detector.from_bundle(before).domain is None
    assert Detector.from_bundle(before).without_types() is None
    tags = plant.registry.versions(DETECTOR)[0].tags
    plant.promote(plant.registry.register(DETECTOR, before, tags=tags))
    plant.add_coil(COIL)
    plant.add_frame(0, darker(501))
    assert verdicts(plant, "2")[0][0] is not Verdict.UNUSABLE


def test_a_limit_of_nothing_judges_every_frame(plant: Plant) -> None:
    detector = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    off = replace(detector, settings=replace(detector.settings, domain_limit=0.0))
    assert detector.domain_change(darker(501), detector.examine(darker(501))) is not None
    assert off.domain_change(darker(501), off.examine(darker(501))) is None


def test_a_frame_for_the_gate_that_would_not_be_judged_at_the_line_is_unjudged(plant: Plant) -> None:
    plant.add_coil("samples of strip (gate)")
    frame = plant.add_frame(0, darker(700), coil="samples of strip (gate)")
    plant.add_label(frame, roi=WHOLE, role=LabelRole.GATE, name="good")
    trials = GateTrials(catalog=plant.catalog, images=plant.images, clock=Ticking(), progress=silent)
    found = trials.run(LINE, plant.registry.load(DETECTOR, version="1")[1], None)
    assert found is not None
    [reason] = found[0].unjudged
    assert "domain changed: brightness" in reason
    assert found[0].goods == ()
