"""A frame that is no longer what the detector was calibrated on is not judged, at the line and before the gate."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.gate_trial import GateTrials

from .plant import COIL, DETECTOR, LINE, WHOLE, Plant, Ticking, picture, silent


def darker(seed: int) -> NDArray[np.uint8]:
    return (picture(seed) // 2).astype(np.uint8)


@pytest.fixture
def watchful(plant: Plant) -> Plant:
    """The plant with version 2 in force: the same detector, taught to look at the domain."""
    _, bundle = plant.registry.load(DETECTOR, version="1")
    settings = {**bundle.manifest["settings"], "domain_limit": 8.0}
    watching = replace(bundle, manifest={**bundle.manifest, "settings": settings})
    plant.promote(plant.registry.register(DETECTOR, watching, tags=plant.registry.versions(DETECTOR)[0].tags))
    return plant


def verdicts(plant: Plant, version: str = "2") -> list[tuple[Verdict, str | None]]:
    plant.scoring().run(COIL)
    with plant.catalog.transaction() as unit:
        return [(one.verdict, one.reason) for one in unit.results(COIL, detector=f"{DETECTOR}@{version}")]


def test_a_frame_of_half_the_exposure_is_unusable_with_the_reason_and_one_with_a_large_defect_is_judged(
    watchful: Plant,
) -> None:
    watchful.add_coil(COIL)
    for number, pixels in enumerate([picture(500), darker(501), picture(502, "spot")]):
        watchful.add_frame(number, pixels)
    good, dark, marked = verdicts(watchful)
    assert good[0] is Verdict.PASS
    assert dark[0] is Verdict.UNUSABLE
    assert dark[1] is not None
    assert dark[1].startswith("domain changed: brightness")
    assert marked[0] in (Verdict.UNKNOWN, Verdict.DEFECT)


def test_a_detector_of_before_there_was_a_reference_judges_every_frame_as_before(watchful: Plant) -> None:
    plant = watchful
    _, bundle = plant.registry.load(DETECTOR, version="2")
    old = {name: value for name, value in bundle.manifest.items() if name not in ("domain", "alone")}
    before = Bundle(kind=bundle.kind, manifest=old, tensors=bundle.tensors)
    assert Detector.from_bundle(before).domain is None
    assert Detector.from_bundle(before).without_types() is None
    tags = plant.registry.versions(DETECTOR)[0].tags
    plant.promote(plant.registry.register(DETECTOR, before, tags=tags))
    plant.add_coil(COIL)
    plant.add_frame(0, darker(501))
    assert verdicts(plant, "3")[0][0] is not Verdict.UNUSABLE


def test_without_a_limit_every_frame_is_judged_though_the_reference_is_there(plant: Plant) -> None:
    detector = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    assert detector.domain is not None
    assert detector.settings.domain_limit == 0.0
    maps = detector.examine(darker(501))
    assert detector.domain_change(darker(501), maps) is None
    watching = replace(detector, settings=replace(detector.settings, domain_limit=8.0))
    assert watching.domain_change(darker(501), maps) is not None


def test_a_frame_for_the_gate_that_would_not_be_judged_at_the_line_is_unjudged(watchful: Plant) -> None:
    watchful.add_coil("samples of strip (gate)")
    frame = watchful.add_frame(0, darker(700), coil="samples of strip (gate)")
    watchful.add_label(frame, roi=WHOLE, role=LabelRole.GATE, name="good")
    trials = GateTrials(catalog=watchful.catalog, images=watchful.images, clock=Ticking(), progress=silent)
    found = trials.run(LINE, watchful.registry.load(DETECTOR, version="2")[1], None)
    assert found is not None
    [reason] = found[0].unjudged
    assert "domain changed: brightness" in reason
    assert found[0].goods == ()
