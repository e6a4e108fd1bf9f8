"""Steps of a type that people decide: what may follow what, what is on record, what a retired type no longer does."""

from dataclasses import replace

import pytest

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.findings import Evidence, Verdict
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, DefectType, LifeCycle
from inspect_pipeline.errors import NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.learning.detector import Typing
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.type_book import TypeBook

from .plant import COIL, DETECTOR, LINE, NOON, Plant, picture


def book(plant: Plant) -> TypeBook:
    return TypeBook(catalog=plant.catalog, registry=plant.registry, clock=lambda: NOON)


def with_types(plant: Plant, **stages: LifeCycle) -> Plant:
    with plant.catalog.transaction() as unit:
        for name, stage in stages.items():
            unit.put_type(LINE, DefectType(name=name, life_cycle=stage))
    return plant


def promoted(plant: Plant, *names: str) -> Plant:
    bundle = Bundle(kind=ModelKind.DETECTOR, manifest={"class_names": list(names)}, tensors=b"")
    plant.promote(plant.registry.register(DETECTOR, bundle, tags={}))
    return plant


def test_a_provisional_type_of_the_detector_in_force_is_approved_and_who_and_why_are_kept() -> None:
    plant = promoted(with_types(Plant(), bar=LifeCycle.PROVISIONAL), "bar")
    move = book(plant).approve(LINE, "default", "bar", operator="shift lead", reason="20 coils without a false stop")
    assert (move.before, move.after, move.operator, move.at) == (
        LifeCycle.PROVISIONAL,
        LifeCycle.APPROVED,
        "shift lead",
        NOON,
    )
    (facts,) = book(plant).listing(LINE, "default")
    assert (facts.life_cycle, facts.in_champion, facts.last) == (LifeCycle.APPROVED, True, move)


@pytest.mark.parametrize("names", [(), ("spot",)])
def test_a_type_that_no_detector_in_force_knows_is_not_approved(names: tuple[str, ...]) -> None:
    plant = with_types(Plant(), bar=LifeCycle.PROVISIONAL)
    if names:
        promoted(plant, *names)
    with pytest.raises(RefusedError, match="no detector in force of line 'strip'"):
        book(plant).approve(LINE, "default", "bar", operator="a", reason="b")
    with plant.catalog.transaction() as unit:
        assert unit.types(LINE) == [DefectType(name="bar", life_cycle=LifeCycle.PROVISIONAL)]
        assert unit.type_moves(LINE) == []


def test_a_candidate_is_not_approved_whatever_the_detector_knows() -> None:
    plant = promoted(with_types(Plant(), bar=LifeCycle.CANDIDATE), "bar")
    with pytest.raises(RefusedError, match="is candidate and cannot become approved, only provisional or retired"):
        book(plant).approve(LINE, "default", "bar", operator="a", reason="b")


def test_a_retired_type_comes_back_as_a_candidate() -> None:
    plant = with_types(Plant(), bar=LifeCycle.APPROVED)
    types = book(plant)
    types.retire(LINE, "bar", operator="a", reason="no longer made")
    with pytest.raises(NothingToDoError, match="retired already"):
        types.retire(LINE, "bar", operator="a", reason="again")
    types.restore(LINE, "bar", operator="a", reason="made again")
    with pytest.raises(NothingToDoError, match="is candidate, not retired"):
        types.restore(LINE, "bar", operator="a", reason="again")
    with plant.catalog.transaction() as unit:
        steps = [(move.before, move.after, move.reason) for move in unit.type_moves(LINE)]
    assert steps == [
        (LifeCycle.APPROVED, LifeCycle.RETIRED, "no longer made"),
        (LifeCycle.RETIRED, LifeCycle.CANDIDATE, "made again"),
    ]


def test_a_type_that_is_not_there_is_named_with_those_that_are() -> None:
    plant = promoted(with_types(Plant(), bar=LifeCycle.PROVISIONAL), "dent")
    for step in (book(plant).retire, book(plant).restore):
        with pytest.raises(NotFoundError, match="has no type 'dent'; known are bar"):
            step(LINE, "dent", operator="a", reason="b")
    with pytest.raises(NotFoundError, match="has no type 'dent'"):
        book(plant).approve(LINE, "default", "dent", operator="a", reason="b")


# What the taxonomy does to names --------------------------------------------------------------------------------------

TYPING = Typing(
    defect_type="bar", life_cycle=LifeCycle.PROVISIONAL, score=2.0, evidence=Evidence.TYPE, runner_up="spot"
)


def test_an_approved_type_is_named_as_approved_whatever_the_detector_was_taught() -> None:
    taxonomy = Taxonomy.of([DefectType(name="bar", life_cycle=LifeCycle.APPROVED)])
    assert taxonomy.applied(TYPING) == replace(TYPING, life_cycle=LifeCycle.APPROVED)
    assert Taxonomy().applied(TYPING) == TYPING


def test_a_retired_type_is_not_named_neither_first_nor_second() -> None:
    first = Taxonomy.of([DefectType(name="bar", life_cycle=LifeCycle.RETIRED)]).applied(TYPING)
    assert (first.defect_type, first.life_cycle, first.score) == (UNKNOWN_TYPE, LifeCycle.CANDIDATE, 2.0)
    second = Taxonomy.of([DefectType(name="spot", life_cycle=LifeCycle.RETIRED)]).applied(TYPING)
    assert (second.defect_type, second.runner_up) == ("bar", None)


def test_a_retired_type_is_not_taught_and_its_findings_are_not_named(plant: Plant) -> None:
    plant.add_lesson("spot", 3, first=30)
    plant.promote(plant.teaching().adapt(LINE, "default").version)
    plant.add_coil()
    plant.add_frame(0, picture(7, "spot"))
    plant.add_coil("coil-2")
    plant.add_frame(0, picture(7, "spot"), coil="coil-2")
    assert plant.scoring().run(COIL).verdicts == {Verdict.DEFECT.value: 1}

    book(plant).retire(LINE, "spot", operator="a", reason="no longer made")
    assert plant.scoring().run("coil-2").verdicts == {Verdict.UNKNOWN.value: 1}
    assert plant.teaching().unused_labels(LINE, "default") == 3
    without = plant.teaching().adapt(LINE, "default")
    assert (without.version, sorted(without.leave_one_out)) == ("1", ["bar"])
    with plant.catalog.transaction() as unit:
        assert sum(label.defect_type == "spot" for label in unit.labels()) == 3

    book(plant).restore(LINE, "spot", operator="a", reason="made again")
    assert sorted(plant.teaching().adapt(LINE, "default").leave_one_out) == ["bar", "spot"]
