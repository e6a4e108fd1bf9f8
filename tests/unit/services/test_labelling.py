"""Labelling on the in-memory catalog: what the interface's tests leave open."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from inspect_pipeline.domain.findings import Evidence, Finding, FrameResult, decide
from inspect_pipeline.domain.labels import LabelKind, LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import BadDataError, RefusedError
from inspect_pipeline.services.labelling import Labelling, Said, Target
from inspect_pipeline.services.queueing import waiting_findings
from inspect_pipeline.services.workbench_settings import QueueSettings

from .plant import BAR, COIL, DETECTOR, LINE, NOON, SPOT, Plant, picture

FIRST, SECOND = ItemKey(result=1, ordinal=0), ItemKey(result=1, ordinal=1)
DENT = Said(kind=LabelKind.DEFECT, defect_type="dent")


def names() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"label-{number}"


@pytest.fixture
def plant() -> Plant:
    """A frame with two regions that wait, found by a detector that need not be there."""
    own = Plant()
    own.add_coil()
    frame = own.add_frame(0, picture(0))
    found = tuple(
        Finding(
            frame=frame.id,
            roi=roi,
            defect_type=UNKNOWN_TYPE,
            life_cycle=LifeCycle.CANDIDATE,
            score=2.0,
            crossweb_mm=0.0,
            downweb_m=0.0,
            width_mm=1.0,
            length_mm=1.0,
            evidence=Evidence.ANOMALY,
        )
        for roi in (BAR, Roi(top=80, left=0, bottom=96, right=16))
    )
    result = FrameResult(frame=frame.id, verdict=decide(found), detector=f"{DETECTOR}@1", findings=found)
    with own.catalog.transaction() as unit:
        unit.add_results(COIL, [result])
        unit.reviews.add(COIL, [result], waiting_findings(result, {}, space="", settings=QueueSettings()))
    return own


def labelling(plant: Plant) -> Labelling:
    numbered = names()
    return Labelling(catalog=plant.catalog, images=plant.images, clock=lambda: NOON, new_id=lambda: next(numbered))


def waiting(plant: Plant) -> list[ItemKey]:
    with plant.catalog.transaction() as unit:
        return [one.key for one in unit.reviews.open_on(f"{COIL}/000")]


def test_a_label_of_one_item_leaves_the_other_waiting_and_is_undone_to_both(plant: Plant) -> None:
    use = labelling(plant)
    [said] = use.label_items([Target(item=FIRST, expected=None)], DENT, operator="anna")
    assert (said.region.roi, said.role, waiting(plant)) == (BAR, LabelRole.HELD_OUT, [SECOND])
    use.undo(said.id, operator="ben")
    assert waiting(plant) == [FIRST, SECOND]
    with plant.catalog.transaction() as unit:
        assert [entry.event.actor for entry in unit.audit()] == ["anna", "anna", "ben"]


def test_undoing_what_superseded_an_item_s_label_opens_the_item(plant: Plant) -> None:
    use = labelling(plant)
    [said] = use.label_items([Target(item=FIRST, expected=None)], DENT, operator="anna")
    with plant.catalog.transaction() as unit:
        unit.add_labels([replace(said, id="picked", role=LabelRole.SUPPORT, supersedes=said.id, operator="eva")])
    with pytest.raises(RefusedError, match="eva said 'dent' on 2024-05-06 at 12:00 UTC"):
        use.undo(said.id, operator="anna")
    assert use.undo("picked", operator="anna").supersedes == "picked"
    assert waiting(plant) == [FIRST, SECOND]


def test_what_all_agreed_on_is_not_changed_from_the_queue(plant: Plant) -> None:
    use = labelling(plant)
    [said] = use.label_items([Target(item=FIRST, expected=None)], DENT, operator="anna")
    for role in (LabelRole.GATE, LabelRole.GOLDEN):
        with plant.catalog.transaction() as unit:
            agreed = replace(said, id=role.value, role=role, supersedes=unit.reviews.successor(said.id).id)
            unit.add_labels([agreed])
        with pytest.raises(RefusedError, match=f"one of the {role.value} set"):
            use.label_items([Target(item=FIRST, expected=agreed.id)], DENT, operator="anna")
        with pytest.raises(RefusedError, match=f"one of the {role.value} set"):
            use.undo(agreed.id, operator="anna")


def test_a_corrected_region_is_one_item_s_and_no_item_is_labelled_twice_at_once(plant: Plant) -> None:
    use = labelling(plant)
    both = [Target(item=FIRST, expected=None), Target(item=SECOND, expected=None)]
    for said, targets in ((replace(DENT, box=SPOT), both), (DENT, [both[0], both[0]]), (DENT, [])):
        with pytest.raises(BadDataError):
            use.label_items(targets, said, operator="anna")
    assert waiting(plant) == [FIRST, SECOND]
    assert len(use.label_items(both, DENT, operator="anna")) == 2
    assert waiting(plant) == []


def test_a_region_beside_what_waits_settles_nothing(plant: Plant) -> None:
    use = labelling(plant)
    aside = Roi(top=0, left=0, bottom=16, right=16)
    said = use.label_region(f"{COIL}/000", replace(DENT, box=aside), expected=None, operator="anna")
    assert (said.region.roi, waiting(plant)) == (aside, [FIRST, SECOND])
    with plant.catalog.transaction() as unit:
        assert [kind.name for kind in unit.types(LINE)] == ["dent"]
