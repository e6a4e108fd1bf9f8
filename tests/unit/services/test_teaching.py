"""What a line's detector learns from and what it never sees; the same labels give the same version."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.gate import GateRules, evidence_from, judge_detector
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS
from inspect_pipeline.services.teaching import Teaching
from inspect_pipeline.services.teaching_settings import TeachingSettings
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.features import InMemoryFeatures
from tests.fakes.images import InMemoryImages
from tests.fakes.registry import InMemoryRegistry

from .plant import BAR, DETECTOR, INITIALIZATION, LINE, Plant, picture

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
COIL = Coil(id="coil-1", line="line-1", recipe="default", family="steel", created_at=NOON)
FRAME = CapturedFrame(
    id="f0",
    coil=COIL.id,
    camera="camera-0",
    sequence=0,
    source="f0.png",
    first_line=0,
    line_count=100,
    width_px=100,
    captured_at=NOON,
    mm_per_px_across=0.1,
    mm_per_px_along=0.1,
    image="a" * 64 + ".png",
)
SUPPORT = Label(
    id="a",
    region=Region(frame="f0", roi=Roi(top=0, left=0, bottom=10, right=10)),
    kind=LabelKind.DEFECT,
    defect_type="scratch",
    operator="operator-7",
    labelled_at=NOON,
)


def teaching(*labels: Label, registry: InMemoryRegistry | None = None) -> Teaching:
    catalog = InMemoryCatalog()
    with catalog.transaction() as unit:
        unit.add_coil(COIL)
        unit.add_frames([FRAME])
        unit.add_labels(labels)
    return Teaching(
        catalog=catalog,
        images=InMemoryImages(),
        registry=registry or InMemoryRegistry(),
        features=InMemoryFeatures(),
        options=TeachingSettings(),
        settings=DetectorSettings(),
        promise=Promise(),
        clock=lambda: NOON,
        progress=lambda _stage, _done, _total: None,
        revision="test",
    )


def test_every_support_label_in_force_waits_until_a_detector_has_used_it() -> None:
    registry = InMemoryRegistry()
    work = teaching(SUPPORT, replace(SUPPORT, id="b"), replace(SUPPORT, id="c", supersedes="b"), registry=registry)
    assert work.unused_labels("line-1", "default") == 2
    taught = Bundle(kind=ModelKind.DETECTOR, manifest={"lineage": {"labels": ["a"]}}, tensors=b"")
    registry.register("detector.line-1.default", taught, tags={})
    assert work.unused_labels("line-1", "default") == 1
    assert work.unused_labels("line-2", "default") == 0


def test_a_region_moved_to_the_held_out_ones_is_never_taught() -> None:
    work = teaching(SUPPORT, replace(SUPPORT, id="b", role=LabelRole.HELD_OUT, supersedes="a"))
    assert work.unused_labels("line-1", "default") == 0
    with pytest.raises(BadDataError, match="'line-1' has no support labels"):
        work.adapt("line-1", "default")


# Taught on the real backbone ------------------------------------------------------------------------------------------


def aliases(plant: Plant) -> tuple[str | None, ...]:
    return tuple(plant.registry.aliased(DETECTOR, alias) for alias in (CHAMPION, CHALLENGER, PREVIOUS))


def stages(plant: Plant) -> list[tuple[str, str | None]]:
    with plant.catalog.transaction() as unit:
        return [(run.stage, run.model) for run in unit.stages()]


def life_cycles(plant: Plant) -> dict[str, LifeCycle]:
    with plant.catalog.transaction() as unit:
        return {known.name: known.life_cycle for known in unit.types(LINE)}


def bundle_hash(plant: Plant, version: str) -> str:
    return plant.registry.load(DETECTOR, version=version)[1].sha256


def test_a_first_lesson_registers_a_challenger_with_its_lineage_and_evidence(first_lesson: Plant) -> None:
    assert aliases(first_lesson) == (None, "1", None)
    assert stages(first_lesson) == [("adapt", f"{DETECTOR}@1")]
    _, bundle = first_lesson.registry.load(DETECTOR, version="1")
    with first_lesson.catalog.transaction() as unit:
        labels = sorted(label.id for label in unit.labels())
    lineage = bundle.manifest["lineage"]
    assert lineage["labels"] == labels
    assert len(labels) == 24
    assert (lineage["initialization"], lineage["revision"], lineage["seed"]) == (
        f"{INITIALIZATION}@1",
        "0.1.0+gtest",
        0,
    )
    assert lineage["made_at"] == NOON.isoformat()
    evidence = evidence_from(bundle.manifest)
    assert (evidence.promised_overkill, evidence.overkill and evidence.overkill.trials) == (0.05, 20)
    assert [(one.defect_type, one.found.count, one.found.trials) for one in evidence.types] == [("bar", 4, 4)]
    assert judge_detector(evidence, None, rules=GateRules()).passed


def test_an_adaptation_that_gains_nothing_is_told_with_its_evidence_and_leaves_the_detector_as_it_was(
    plant: Plant,
) -> None:
    work = plant.teaching()
    asked = replace(work, settings=replace(work.settings, adaptation="context"))
    summary = asked.adapt(LINE, "default")
    assert (summary.version, summary.new) == ("2", True)
    assert summary.adaptation is not None
    assert (summary.adaptation["name"], summary.adaptation["accepted"]) == ("context", False)
    assert summary.adaptation["found"]["trials"] == 4
    _, before = plant.registry.load(DETECTOR, version="1")
    _, after = plant.registry.load(DETECTOR, version="2")
    assert after.manifest["teaching"]["adaptation"]["reason"] == summary.adaptation["reason"]
    assert before.manifest["teaching"]["adaptation"] is None
    assert after.tensors == before.tensors
    told = ("heads", "anomaly", "settings", "promise", "evidence")
    assert [after.manifest[key] for key in told] == [before.manifest[key] for key in told]


def test_the_same_labels_give_the_version_registered_before_and_no_second_record(plant: Plant) -> None:
    again = plant.teaching().adapt(LINE, "default")
    assert (again.model, again.version, again.new, again.seconds) == (DETECTOR, "1", False, 0.0)
    assert again.leave_one_out["bar"]["of"] == 4
    assert again.normals == 20
    assert again.overkill["of"] == 20
    assert len(plant.registry.versions(DETECTOR)) == 1
    assert stages(plant) == [("adapt", f"{DETECTOR}@1")]
    assert aliases(plant) == ("1", None, None)


def test_a_taught_type_that_is_withdrawn_and_taught_again_leads_to_exactly_the_detectors_of_before(
    plant: Plant,
) -> None:
    new = plant.add_lesson("spot", 2, first=30)
    second = plant.teaching().adapt(LINE, "default")
    assert (second.version, second.new, aliases(plant)) == ("2", True, ("1", "2", None))
    assert second.life_cycles == {"bar": "provisional", "spot": "candidate"}
    assert life_cycles(plant) == {"bar": LifeCycle.PROVISIONAL, "spot": LifeCycle.CANDIDATE}

    for number, label in enumerate(new):
        frame = plant.add_frame(30 + number, picture(1030 + number, "spot"), coil="samples of strip")
        plant.add_label(frame, "spot", role=LabelRole.HELD_OUT, name=f"withdrawn-{number}", supersedes=label)
    first = plant.teaching().adapt(LINE, "default")
    assert (first.version, first.new) == ("1", False)
    assert first.leave_one_out.keys() == {"bar"}
    # The champion is what the labels in force say: a version that knows a withdrawn type no longer challenges it.
    assert aliases(plant) == ("1", None, None)

    same_plant_elsewhere = InMemoryRegistry()
    _, origin = plant.registry.load(INITIALIZATION, version="1")
    same_plant_elsewhere.set_alias(
        INITIALIZATION, CHAMPION, same_plant_elsewhere.register(INITIALIZATION, origin, tags={})
    )
    relearned = plant.teaching(registry=same_plant_elsewhere).adapt(LINE, "default")
    _, bundle = same_plant_elsewhere.load(DETECTOR, version=relearned.version)
    assert bundle.sha256 == bundle_hash(plant, "1")


def test_a_version_that_is_not_in_force_is_the_challenger_again_when_its_labels_are(plant: Plant) -> None:
    _, bundle = plant.registry.load(DETECTOR, version="1")
    other = plant.registry.register(DETECTOR, replace(bundle, manifest={**bundle.manifest, "x": 1}), tags={})
    plant.promote(other)
    assert plant.teaching().adapt(LINE, "default").version == "1"
    assert aliases(plant) == (other, "1", None)


def test_labels_that_only_measure_and_labels_of_other_lines_change_nothing(plant: Plant) -> None:
    plant.add_coil("held-out")
    for number, mark in enumerate(["bar", "spot", None]):
        plant.add_label(plant.add_frame(number, picture(number, mark), coil="held-out"), mark, role=LabelRole.HELD_OUT)
    plant.add_label(plant.add_frame(3, picture(3, "spot"), coil="held-out"), "spot", role=LabelRole.HISTORY)
    plant.add_coil("elsewhere", line="other")
    plant.add_label(plant.add_frame(0, picture(0, "spot"), coil="elsewhere"), "spot")
    again = plant.teaching().adapt(LINE, "default")
    assert (again.version, again.new) == ("1", False)


def test_a_label_on_an_unusable_frame_is_no_support_and_not_in_the_lineage(plant: Plant) -> None:
    torn = plant.add_frame(40, picture(40, "spot"), coil="samples of strip", reason="torn: 3 of 96 lines arrived")
    label = plant.add_label(torn, "spot", roi=BAR)
    again = plant.teaching().adapt(LINE, "default")
    assert (again.new, again.version, plant.teaching().unused_labels(LINE, "default")) == (False, "1", 0)
    plant.add_lesson(None, 1, first=50)
    second = plant.teaching().adapt(LINE, "default")
    _, bundle = plant.registry.load(DETECTOR, version=second.version)
    assert label.id not in bundle.manifest["lineage"]["labels"]
    assert any("1 support labels lie on unusable frames" in warning for warning in second.warnings)


def test_a_withdrawn_label_is_a_reason_to_adapt_again(plant: Plant) -> None:
    plant.teaching().adapt(LINE, "default")
    assert plant.teaching().unused_labels(LINE, "default") == 0
    with plant.catalog.transaction() as unit:
        first = unit.labels(line=LINE)[0]
        unit.add_labels([replace(first, id="moved", role=LabelRole.HELD_OUT, supersedes=first.id)])
    assert plant.teaching().unused_labels(LINE, "default") == 1


@pytest.mark.parametrize("settled", [LifeCycle.APPROVED, LifeCycle.RETIRED])
def test_a_type_that_people_settled_keeps_its_life_cycle(plant: Plant, settled: LifeCycle) -> None:
    with plant.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="bar", life_cycle=settled))
    plant.add_lesson(None, 1, first=50)
    assert plant.teaching().adapt(LINE, "default").new
    assert life_cycles(plant) == {"bar": settled}


def test_without_an_initialization_in_force_nothing_is_taught(plant: Plant) -> None:
    plant.registry.set_alias(INITIALIZATION, CHAMPION, None)
    with pytest.raises(NotFoundError, match=r"initialization\.default"):
        plant.teaching().adapt(LINE, "default")


def test_another_seed_or_initialization_is_another_version(plant: Plant) -> None:
    assert plant.teaching().adapt(LINE, "default", seed=1).version == "2"
    _, origin = plant.registry.load(INITIALIZATION, version="1")
    changed = replace(origin, manifest={**origin.manifest, "seed": 5})
    plant.promote(plant.registry.register(INITIALIZATION, changed, tags={}), model=INITIALIZATION)
    third = plant.teaching().adapt(LINE, "default")
    assert (third.version, third.initialization) == ("3", f"{INITIALIZATION}@2")


def test_teaching_again_and_one_type_more_describe_only_what_is_new(plant: Plant) -> None:
    plant.features.hits = plant.features.misses = 0
    plant.add_lesson("spot", 3, first=30)
    plant.teaching().adapt(LINE, "default")
    # There were 24 regions, the work on their good material and on the bar, and 4 guessed places; new are 3 regions,
    # the fit of the spot and its places.
    assert (plant.features.hits, plant.features.misses) == (24 + 1 + 1 + 4, 3 + 1 + 3)
    plant.features.misses = 0
    plant.teaching().adapt(LINE, "default", seed=1)
    assert plant.features.misses == 1 + 2  # other folds of the good material, and so of both types


def test_doubts_are_records_with_their_labels_and_warnings_are_their_messages(plant: Plant) -> None:
    plant.add_lesson("bar", 1, first=60)
    frame = plant.add_frame(61, picture(1060, "bar"), coil="samples of strip")  # the same picture again
    label = plant.add_label(frame, "bar")
    summary = plant.teaching().adapt(LINE, "default")
    twice = [check for check in summary.checks if check["kind"] == "same defect twice"]
    assert any(label.id in check["labels"] for check in twice)
    assert summary.warnings == tuple(check["message"] for check in summary.checks)


def test_a_place_called_good_and_defective_is_taught_but_not_let_through(plant: Plant) -> None:
    frame = plant.add_frame(70, picture(70, "bar"), coil="samples of strip")
    plant.add_label(frame, "bar", roi=BAR)
    plant.add_label(frame, None)
    summary = plant.teaching().adapt(LINE, "default")
    _, bundle = plant.registry.load(DETECTOR, version=summary.version)
    report = judge_detector(evidence_from(bundle.manifest), None, rules=GateRules())
    assert not report.passed
    assert "one place of 070.png is called 'bar'" in report.reasons[0]


def test_steps_of_a_type_by_evidence_are_on_record(plant: Plant) -> None:
    plant.add_lesson("spot", 2, first=30)
    plant.teaching().adapt(LINE, "default")
    plant.add_lesson("spot", 1, first=40)
    plant.teaching().adapt(LINE, "default")
    with plant.catalog.transaction() as unit:
        steps = [(move.before, move.after, move.operator, move.reason) for move in unit.type_moves(LINE)][1:]
    assert steps == [
        (None, LifeCycle.CANDIDATE, "teach", f"2 samples, {DETECTOR}@2"),
        (LifeCycle.CANDIDATE, LifeCycle.PROVISIONAL, "teach", f"3 samples, {DETECTOR}@3"),
    ]
