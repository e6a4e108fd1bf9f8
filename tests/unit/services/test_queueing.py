"""Scoring fills the review queue in the verdict's own transaction; what is alike waits together."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.review import Reason
from inspect_pipeline.domain.review_records import GroupPage
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.grouping import Grouping
from inspect_pipeline.services.models import ModelReference
from inspect_pipeline.services.queueing import Queueing, space_of, waiting_findings
from inspect_pipeline.services.reviewing import Reviewing
from inspect_pipeline.services.scoring import Scoring
from inspect_pipeline.services.workbench_settings import QueueSettings

from .plant import COIL, DETECTOR, LINE, NOON, Plant, picture

SETTINGS = QueueSettings()


def scoring(plant: Plant) -> Scoring:
    return replace(plant.scoring(), queue=Queueing(catalog=plant.catalog, settings=SETTINGS))


def queue(plant: Plant) -> GroupPage:
    reviewing = Reviewing(catalog=plant.catalog, clock=lambda: NOON, settings=SETTINGS)
    return reviewing.groups(LINE, "default", person="anna")


@pytest.fixture(scope="module")
def scored_once(first_lesson: Plant) -> Plant:
    """A coil with a bar, which the line knows provisionally, and a spot, which it does not, scored with its queue."""
    plant = deepcopy(first_lesson)
    plant.promote("1")
    plant.add_coil()
    for number, mark in enumerate(["bar", "spot"]):
        plant.add_frame(number, picture(number, mark))
    scoring(plant).run(COIL)
    return plant


@pytest.fixture
def scored(scored_once: Plant) -> Plant:
    return deepcopy(scored_once)


@pytest.fixture
def coil(plant: Plant) -> Plant:
    """One frame with a bar."""
    plant.add_coil()
    plant.add_frame(0, picture(0, "bar"))
    return plant


def results(plant: Plant) -> Sequence[FrameResult]:
    with plant.catalog.transaction() as unit:
        return unit.results(COIL, detector=f"{DETECTOR}@1")


def test_unknown_and_provisional_findings_wait_in_groups_of_those_alike(scored: Plant) -> None:
    every = [finding for result in results(scored) for finding in result.findings]
    page = queue(scored)
    assert page.waiting == len(every) >= 2
    assert sum(group.size for group in page.groups) == page.waiting
    by_reason = {reason: [group for group in page.groups if group.reason is reason] for reason in Reason}
    assert sum(group.size for group in by_reason[Reason.UNKNOWN]) == sum(not one.known for one in every) > 0
    assert sum(group.size for group in by_reason[Reason.PROVISIONAL]) == sum(one.known for one in every) > 0
    assert {group.name for group in by_reason[Reason.UNKNOWN]} == {UNKNOWN_TYPE}
    values = [group.value for group in page.groups]
    assert values == sorted(values, reverse=True)


def test_a_second_run_adds_nothing(scored: Plant) -> None:
    before = queue(scored)
    scoring(scored).run(COIL)
    assert queue(scored) == before


def test_what_is_alike_is_one_group_and_what_is_not_is_not(scored: Plant) -> None:
    copies = deepcopy(scored)
    copies.add_coil("coil-2")
    pixels = picture(0, "bar")
    pixels[0, 0] = 0
    copies.add_frame(0, pixels, coil="coil-2")
    scoring(copies).run("coil-2")
    sizes = {(group.reason, group.size) for group in queue(copies).groups}
    assert (Reason.PROVISIONAL, 2) in sizes
    assert (Reason.PROVISIONAL, 1) not in sizes
    assert len(queue(copies).groups) == len(queue(scored).groups)


def test_a_version_that_is_only_tried_asks_nobody(coil: Plant) -> None:
    _, bundle = coil.registry.load(DETECTOR, version="1")
    manifest = {**bundle.manifest, "lineage": {**bundle.manifest["lineage"], "seed": 1}}
    tried = coil.registry.register(DETECTOR, replace(bundle, manifest=manifest), tags={})
    judged = scoring(coil).run(COIL, reference=ModelReference(name=DETECTOR, version=tried))
    assert (judged.new, judged.findings > 0, queue(coil).waiting) == (1, True, 0)


def test_the_version_in_force_asks_also_when_it_is_named_by_its_number(coil: Plant) -> None:
    scoring(coil).run(COIL, reference=ModelReference(name=DETECTOR, version="1"))
    assert (len(results(coil)), queue(coil).waiting) == (1, 1)


def test_the_next_version_in_force_replaces_what_it_finds_again(coil: Plant) -> None:
    scoring(coil).run(COIL)
    before = queue(coil)
    _, bundle = coil.registry.load(DETECTOR, version="1")
    manifest = {**bundle.manifest, "lineage": {**bundle.manifest["lineage"], "seed": 1}}
    coil.promote(coil.registry.register(DETECTOR, replace(bundle, manifest=manifest), tags={}))
    scoring(coil).run(COIL)
    after = queue(coil)
    assert (after.waiting, len(after.groups)) == (before.waiting, len(before.groups)) == (1, 1)
    assert {group.lead.detector for group in after.groups} == {f"{DETECTOR}@2"}


def test_what_a_killed_run_left_without_a_group_is_grouped_when_the_queue_is_opened(coil: Plant) -> None:
    def killed(_stage: str, _done: int, _total: int, _note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(scoring(coil), progress=killed).run(COIL)
    with coil.catalog.transaction() as unit:
        assert len(unit.reviews.ungrouped(LINE, "default", limit=99)) == 1
    assert [group.size for group in queue(coil).groups] == [1]
    assert Grouping(catalog=coil.catalog, settings=SETTINGS).run(LINE, "default") == 0


def unqueued(scored: Plant) -> Plant:
    """The same verdicts, none of whose regions was compared with the samples."""
    with scored.catalog.transaction() as unit:
        unit.reviews._state.items.clear()
        unit.reviews._state.groups.clear()
        for result in unit.results(COIL, detector=f"{DETECTOR}@1"):
            unit.reviews.add(COIL, [result], waiting_findings(result, {}, space="x", settings=SETTINGS))
    return scored


def test_findings_that_were_not_compared_wait_by_their_nearest_type(scored: Plant) -> None:
    groups = {(group.reason, group.nearest_type): group.size for group in queue(unqueued(scored)).groups}
    assert set(groups) == {(Reason.UNKNOWN, "bar"), (Reason.PROVISIONAL, "bar")}


def test_only_one_groups_at_a_time_and_only_as_much_as_asked(scored: Plant) -> None:
    plant = unqueued(scored)
    grouping = Grouping(catalog=plant.catalog, settings=SETTINGS)
    with plant.catalog.turn(f"grouping {LINE}\x1fdefault"):
        assert grouping.run(LINE, "default") == 0
    assert grouping.run(LINE, "default", most=1) == 1


def test_points_of_another_trunk_or_another_look_are_never_compared(plant: Plant) -> None:
    detector = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    again = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    assert space_of(detector) == space_of(again)
    looks = replace(detector, settings=replace(detector.settings, typing_views=4))
    assert space_of(looks) != space_of(detector)
