"""A line's detector from good material alone: it alarms on what is not normal, and types taught later build on it."""

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.models import Models

from .plant import COIL, DETECTOR, INITIALIZATION, LINE, NOON, Plant, picture


def test_a_line_without_any_defect_gets_a_detector_that_calls_what_is_not_normal_unknown(
    initialization: Bundle,
) -> None:
    plant = Plant()
    plant.promote(plant.registry.register(INITIALIZATION, initialization, tags={}), model=INITIALIZATION)
    plant.add_lesson(None, 20)
    made = plant.teaching().adapt(LINE, "default")
    assert (made.leave_one_out, made.normals, made.overkill["of"]) == ({}, 20, 20)

    models = Models(catalog=plant.catalog, registry=plant.registry, rules=GateRules(), clock=lambda: NOON)
    _, report = models.promote(DETECTOR, operator="engineer-1", reason="a new line")
    assert report.passed
    assert report.challenger.types == ()

    plant.add_coil(COIL)
    for number, mark in enumerate([None, "bar", None, "spot"]):
        plant.add_frame(number, picture(500 + number, mark))
    plant.scoring().run(COIL)
    with plant.catalog.transaction() as unit:
        verdicts = [result.verdict for result in unit.results(COIL, detector=f"{DETECTOR}@1")]
    assert verdicts == [Verdict.PASS, Verdict.UNKNOWN, Verdict.PASS, Verdict.UNKNOWN]

    plant.add_lesson("bar", 4, first=20)
    taught = plant.teaching().adapt(LINE, "default")
    assert (taught.version, taught.normals, set(taught.leave_one_out)) == ("2", 20, {"bar"})
    detector = Detector.from_bundle(plant.registry.load(DETECTOR, version="2")[1])
    alone = detector.without_types()
    assert alone is not None
    before = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    assert (alone.anomaly.limit, alone.heads) == (before.anomaly.limit, ())  # the same good material, the same promise
    assert models.gate(DETECTOR)[1].passed


def test_the_gate_of_a_detector_without_types_looks_at_its_good_frames_alone(initialization: Bundle) -> None:
    plant = Plant()
    plant.promote(plant.registry.register(INITIALIZATION, initialization, tags={}), model=INITIALIZATION)
    plant.add_lesson(None, 12)
    plant.teaching().adapt(LINE, "default")
    models = Models(catalog=plant.catalog, registry=plant.registry, rules=GateRules(), clock=lambda: NOON)
    [reason] = models.gate(DETECTOR)[1].reasons
    assert reason.startswith("overkill: 12 known-good units cannot bear out a promise of 5.0%; 7 more are needed")
