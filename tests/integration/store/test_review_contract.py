"""What every review queue promises; the same tests on the fake, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from inspect_pipeline.domain.findings import Finding, FrameResult, decide
from inspect_pipeline.domain.labels import LabelRole, Region
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import Reason, group_value, point_of
from inspect_pipeline.domain.review_records import ItemKey, ItemState, PlacedItem, TypeCount, WaitingFinding
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from tests.integration.store.records import DETECTOR, NOON, a_coil, a_finding, a_frame, a_label

LINE, RECIPE, PERSON = "line-1", "default", "anna"
LATER = DETECTOR.replace("@3", "@4")
POINT = point_of(np.arange(7, dtype=np.float32)).tobytes()


def unknown(frame: str, *, left: int = 2) -> Finding:
    roi = Roi(top=1, left=left, bottom=30, right=left + 38)
    return replace(
        a_finding(frame), roi=roi, defect_type=UNKNOWN_TYPE, life_cycle=LifeCycle.CANDIDATE, downweb_m=left / 1000
    )


def waits(frame: str, ordinal: int, *, detector: str = DETECTOR, uncertainty: float = 0.5) -> WaitingFinding:
    return WaitingFinding(
        frame=frame,
        detector=detector,
        ordinal=ordinal,
        reason=Reason.UNKNOWN,
        uncertainty=uncertainty,
        space="space-1",
        point=POINT,
    )


def judged(frame: str, *lefts: int, detector: str = DETECTOR) -> FrameResult:
    findings = tuple(unknown(frame, left=left) for left in lefts)
    return FrameResult(frame=frame, verdict=decide(findings), detector=detector, findings=findings, heatmap="c.png")


def arrive(catalog: Catalog, *results: FrameResult, doubts: tuple[float, ...] = ()) -> int:
    """Every finding of the verdicts waits, with these uncertainties in their order (one half each without)."""
    every = [(result, at) for result in results for at in range(len(result.findings))]
    amounts = doubts or (0.5,) * len(every)
    waiting = [
        waits(result.frame, at, detector=result.detector, uncertainty=doubt)
        for (result, at), doubt in zip(every, amounts, strict=True)
    ]
    with catalog.transaction() as unit:
        unit.add_results("coil-1", results)
        return unit.reviews.add("coil-1", results, waiting)


def with_frames(catalog: Catalog, count: int = 2) -> None:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(number) for number in range(count)])


def group_all(catalog: Catalog) -> int:
    """Put all that has no group in one group, each as informative as it is uncertain."""
    with catalog.transaction() as unit:
        items = unit.reviews.ungrouped(LINE, RECIPE, limit=100)
        group = unit.reviews.add_group(items[0])
        unit.reviews.place([PlacedItem(key=one.key, group=group, informativeness=one.uncertainty) for one in items])
    return group


def keys(unit: CatalogUnit, group: int, *, person: str = PERSON) -> list[ItemKey]:
    return [item.key for item in unit.reviews.items(group, person=person, now=NOON)]


def ungrouped(catalog: Catalog) -> int:
    with catalog.transaction() as unit:
        return unit.reviews.groups(LINE, RECIPE, person=PERSON, now=NOON).ungrouped


def sizes(catalog: Catalog, *, person: str = PERSON) -> tuple[int, list[int]]:
    with catalog.transaction() as unit:
        page = unit.reviews.groups(LINE, RECIPE, person=person, now=NOON)
        return page.waiting, [group.size for group in page.groups]


def test_what_waits_is_counted_at_once_and_grouped_later(catalog: Catalog) -> None:
    with_frames(catalog)
    assert arrive(catalog, judged("coil-1/0", 2, 100), judged("coil-1/1")) == 2
    assert (sizes(catalog), ungrouped(catalog)) == ((2, []), 2)
    with catalog.transaction() as unit:
        one, _ = unit.reviews.ungrouped(LINE, RECIPE, limit=100)
        assert (one.nearest_type, one.uncertainty, one.point) == ("Kratzer", 0.5, POINT)
        assert (one.division.reason, one.division.name, one.division.space) == ("unknown", "unknown", "space-1")
        assert unit.reviews.ungrouped(LINE, "other", limit=100) == []
        assert len(unit.reviews.ungrouped(LINE, RECIPE, limit=1)) == 1
    group = group_all(catalog)
    assert (sizes(catalog), ungrouped(catalog)) == ((2, [2]), 0)
    with catalog.transaction() as unit:
        assert unit.reviews.ungrouped(LINE, RECIPE, limit=100) == []
        [leader] = unit.reviews.leaders(one.division)
        assert (leader.group, leader.point, leader.nearest_type) == (group, POINT, "Kratzer")
        assert unit.reviews.leaders(replace(one.division, name="Delle")) == []


def test_a_second_writer_of_the_same_verdicts_adds_nothing(catalog: Catalog) -> None:
    with_frames(catalog)
    assert arrive(catalog, judged("coil-1/0", 2)) == 1
    group = group_all(catalog)
    assert arrive(catalog, judged("coil-1/0", 2)) == 0
    with catalog.transaction() as unit:
        assert len(keys(unit, group)) == 1
    assert sizes(catalog) == (1, [1])


def test_items_come_by_informativeness_and_groups_by_their_value(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2, 100), doubts=(0.9, 0.2))
    first = group_all(catalog)
    arrive(catalog, judged("coil-1/1", 2, 100, 200), doubts=(0.3, 0.8, 0.5))
    second = group_all(catalog)
    with catalog.transaction() as unit:
        page = unit.reviews.groups(LINE, RECIPE, person=PERSON, now=NOON)
        assert [(group.id, group.size) for group in page.groups] == [(second, 3), (first, 2)]
        assert page.groups[0].value == pytest.approx(group_value(0.8, 3))
        assert (page.groups[0].lead.informativeness, page.groups[0].reason) == (0.8, Reason.UNKNOWN)
        assert [item.informativeness for item in unit.reviews.items(second, person=PERSON, now=NOON)] == [0.8, 0.5, 0.3]
        [lowest] = unit.reviews.items(second, person=PERSON, now=NOON, offset=2, limit=5)
        assert lowest.informativeness == 0.3
        [only] = unit.reviews.groups(LINE, RECIPE, person=PERSON, now=NOON, offset=1, limit=1).groups
        assert only.id == first
        assert unit.reviews.groups("line-2", RECIPE, person=PERSON, now=NOON).groups == ()


def test_an_item_says_all_that_the_catalog_knows_of_its_finding(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2))
    group = group_all(catalog)
    with catalog.transaction() as unit:
        [key] = keys(unit, group)
        item = unit.reviews.item(key)
        assert item is not None
        assert unit.reviews.item(ItemKey(result=99, ordinal=0)) is None
    finding = unknown("coil-1/0")
    assert (item.line, item.recipe, item.coil, item.frame) == (LINE, RECIPE, "coil-1", "coil-1/0")
    assert (item.detector, item.verdict, item.roi, item.name) == (DETECTOR, "UNKNOWN", finding.roi, "unknown")
    assert (item.explanation, item.nearest_type, item.runner_up) == (finding.explanation, "Kratzer", "Delle")
    assert (item.frame_height_px, item.frame_width_px, item.heatmap) == (2048, 4096, "c.png")
    assert (item.crossweb_mm, item.downweb_m, item.score) == (finding.crossweb_mm, finding.downweb_m, finding.score)
    assert (item.captured_at, item.group, item.state, item.label) == (NOON, group, ItemState.OPEN, None)


def test_a_label_closes_an_item_and_its_group_shrinks(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2, 100), doubts=(0.9, 0.2))
    group = group_all(catalog)
    with catalog.transaction() as unit:
        best, rest = keys(unit, group)
        unit.add_labels([a_label("l1", role=LabelRole.HELD_OUT)])
        unit.reviews.hold([best])
        unit.reviews.close([best], "l1")
    assert sizes(catalog) == (1, [1])
    with catalog.transaction() as unit:
        assert keys(unit, group) == [rest, best]
        [found] = unit.reviews.groups(LINE, RECIPE, person=PERSON, now=NOON).groups
        assert found.lead.key == rest
        assert found.value == pytest.approx(0.2)
        closed = unit.reviews.item(best)
        assert closed is not None
        assert closed.state is ItemState.CLOSED
        assert closed.label is not None
        assert closed.label.id == "l1"
        assert [one.key for one in unit.reviews.open_on("coil-1/0")] == [rest]
    with catalog.transaction() as unit:
        unit.reviews.close([rest, best], "l1")
    assert sizes(catalog) == (0, [])


def test_what_a_later_label_says_is_what_an_item_shows_until_it_is_withdrawn(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2))
    group = group_all(catalog)
    with catalog.transaction() as unit:
        [key] = keys(unit, group)
        unit.add_labels([a_label("l1", role=LabelRole.HELD_OUT)])
        unit.reviews.close([key], "l1")
        unit.add_labels([a_label("l2", supersedes="l1")])
        unit.add_labels([a_label("l3", supersedes="l2")])
    with catalog.transaction() as unit:
        item = unit.reviews.item(key)
        assert item is not None
        assert item.label is not None
        assert (item.label.id, unit.reviews.successor("l1").id) == ("l3", "l3")
        unit.add_labels([a_label("l4", supersedes="l3", role=LabelRole.WITHDRAWN)])
        assert unit.reviews.reopen(["l3", "l2", "l1"]) == 1
    with catalog.transaction() as unit:
        opened = unit.reviews.item(key)
        assert opened is not None
        assert (opened.label, opened.state) == (None, ItemState.OPEN)
    assert sizes(catalog) == (1, [1])
    with pytest.raises(NotFoundError, match="no label 'l9'"), catalog.transaction() as unit:
        unit.reviews.successor("l9")


def test_a_region_that_a_later_version_finds_again_waits_once(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2, 500))
    group = group_all(catalog)
    arrive(catalog, judged("coil-1/0", 10, detector=LATER))
    with catalog.transaction() as unit:
        [untouched] = keys(unit, group)
        item = unit.reviews.item(untouched)
        assert item is not None
        assert item.roi.left == 500
        [new] = unit.reviews.ungrouped(LINE, RECIPE, limit=9)
    assert new.key.result > untouched.result
    assert sizes(catalog) == (2, [1])


def test_a_region_that_a_later_version_knows_waits_no_more(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2))
    group_all(catalog)
    known = replace(unknown("coil-1/0"), defect_type="Kratzer", life_cycle=LifeCycle.APPROVED)
    result = FrameResult(frame="coil-1/0", verdict=decide([known]), detector=LATER, findings=(known,))
    with catalog.transaction() as unit:
        unit.add_results("coil-1", [result])
        assert unit.reviews.add("coil-1", [result], []) == 0
    assert sizes(catalog) == (0, [])


def test_what_was_labelled_before_it_was_found_arrives_closed(catalog: Catalog) -> None:
    with_frames(catalog)
    with catalog.transaction() as unit:
        unit.add_labels([a_label("l1"), a_label("l2", frame="coil-1/1")])
        unit.add_labels([a_label("l3", frame="coil-1/1", supersedes="l2", role=LabelRole.WITHDRAWN)])
    assert arrive(catalog, judged("coil-1/0", 2, 500), judged("coil-1/1", 2)) == 2
    with catalog.transaction() as unit:
        waiting = unit.reviews.ungrouped(LINE, RECIPE, limit=9)
        first = unit.reviews.item(replace(waiting[0].key, ordinal=0))
    assert [one.key.ordinal for one in waiting] == [1, 0]
    assert first is not None
    assert first.state is ItemState.CLOSED
    assert first.label is not None
    assert first.label.id == "l1"


def test_what_a_person_puts_behind_is_hidden_from_that_person_for_a_while(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2, 100), doubts=(0.9, 0.2))
    group = group_all(catalog)
    with catalog.transaction() as unit:
        best, rest = keys(unit, group)
        unit.reviews.skip(PERSON, best, until=NOON + timedelta(hours=1))
    with catalog.transaction() as unit:
        assert (keys(unit, group), keys(unit, group, person="ben")) == ([rest], [best, rest])
        [mine] = unit.reviews.groups(LINE, RECIPE, person=PERSON, now=NOON).groups
        assert (mine.lead.key, mine.size) == (rest, 1)
        unit.reviews.skip(PERSON, rest, until=NOON + timedelta(hours=1))
    assert (sizes(catalog), sizes(catalog, person="ben")) == ((2, []), (2, [2]))
    with catalog.transaction() as unit:
        unit.reviews.skip(PERSON, best, until=NOON)
        assert keys(unit, group) == [best]
        later = NOON + timedelta(hours=2)
        assert [one.size for one in unit.reviews.groups(LINE, RECIPE, person=PERSON, now=later).groups] == [2]


def test_a_finding_that_never_waited_can_be_labelled_and_does_not_begin_to_wait(catalog: Catalog) -> None:
    with_frames(catalog)
    with catalog.transaction() as unit:
        unit.add_results("coil-1", [judged("coil-1/0", 2)])
        key = ItemKey(result=1, ordinal=0)
        seen = unit.reviews.item(key)
        assert seen is not None
        assert (seen.state, seen.group, seen.reason, seen.informativeness) == (None, None, None, None)
        unit.add_labels([a_label("l1")])
        unit.reviews.hold([key])
        unit.reviews.close([key], "l1")
    assert sizes(catalog) == (0, [])
    with catalog.transaction() as unit:
        assert unit.reviews.reopen(["l1"]) == 0
        again = unit.reviews.item(key)
        assert again is not None
        assert again.label is None
    assert sizes(catalog) == (0, [])
    with pytest.raises(NotFoundError, match="no item 9-9"), catalog.transaction() as unit:
        unit.reviews.hold([ItemKey(result=9, ordinal=9)])


def test_findings_nearby_are_of_the_same_version_and_coil_nearest_first(catalog: Catalog) -> None:
    with_frames(catalog, 4)
    arrive(catalog, judged("coil-1/0", 2, 100, 300), judged("coil-1/1", 50), judged("coil-1/3", 3))
    arrive(catalog, judged("coil-1/0", 7, detector=LATER))
    with catalog.transaction() as unit:
        item = unit.reviews.item(ItemKey(result=1, ordinal=0))
        assert item is not None
        near = unit.reviews.nearby(item, lines=2048, limit=10)
        assert [one.downweb_m for one in near] == [0.05, 0.1, 0.3]
        assert len(unit.reviews.nearby(item, lines=2048, limit=1)) == 1


def test_labels_of_a_line_come_latest_first_and_types_are_counted(catalog: Catalog) -> None:
    with_frames(catalog)
    other = replace(a_label("l3", role=LabelRole.HELD_OUT), defect_type="Delle")
    with catalog.transaction() as unit:
        unit.add_labels([a_label("l1"), a_label("l2"), other])
        unit.add_labels([a_label("l4", supersedes="l2", role=LabelRole.WITHDRAWN)])
    with catalog.transaction() as unit:
        book = unit.reviews

        def ids(**chosen: object) -> list[str]:
            asked = {"defect_type": None, "role": None, "offset": 0, "limit": 9} | chosen
            return [one.id for one in book.labels(LINE, **asked)]  # type: ignore[arg-type]

        assert ids() == ["l3", "l1"]
        assert (ids(defect_type="Kratzer"), ids(role=LabelRole.HELD_OUT)) == (["l1"], ["l3"])
        assert (ids(role=LabelRole.WITHDRAWN), ids(offset=1), ids(limit=1)) == (["l4"], ["l1"], ["l3"])
        assert book.labels("line-2", defect_type=None, role=None, offset=0, limit=9) == []
        assert book.type_counts(LINE) == {
            "Kratzer": TypeCount(labels=1, supports=1),
            "Delle": TypeCount(labels=1, supports=0),
        }
        assert [one.id for one in book.labels_on("coil-1/0")] == ["l1", "l2", "l3", "l4"]
        assert (book.label("l9"), book.line_of("coil-1/0"), book.line_of("x")) == (None, (LINE, RECIPE), None)


def test_the_latest_heatmap_of_a_frame_is_found_and_that_of_a_version(catalog: Catalog) -> None:
    with_frames(catalog)
    newer = replace(judged("coil-1/0", 2, detector=LATER), heatmap="d.png")
    with catalog.transaction() as unit:
        unit.add_results("coil-1", [judged("coil-1/0", 2)])
        unit.add_results("coil-1", [newer])
        book = unit.reviews
        assert (book.heatmap("coil-1/0", None), book.heatmap("coil-1/0", DETECTOR)) == ("d.png", "c.png")
        assert (book.heatmap("coil-1/1", None), book.heatmap("coil-1/0", "x@1")) == (None, None)


def test_a_region_of_a_moved_box_is_not_the_same(catalog: Catalog) -> None:
    with_frames(catalog)
    arrive(catalog, judged("coil-1/0", 2))
    aside = replace(a_label("l1"), region=Region(frame="coil-1/0", roi=Roi(top=1, left=200, bottom=30, right=240)))
    with catalog.transaction() as unit:
        unit.add_labels([aside])
    arrive(catalog, judged("coil-1/0", 2, 201, detector=LATER))
    with catalog.transaction() as unit:
        assert [one.roi.left for one in unit.reviews.open_on("coil-1/0")] == [2]
