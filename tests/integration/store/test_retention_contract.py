"""Which rows retention may prune; the same tests on the fake, SQLite and PostgreSQL, held against the domain's rule."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import create_engine, text

from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures
from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.retention import PRUNED_CLASSES, FrameUse, ImageClass, class_of
from inspect_pipeline.services.ports import Catalog
from inspect_pipeline.services.retention import RetentionUnit
from inspect_pipeline.store.catalog import open_catalog
from tests.integration.store.records import NOON, a_coil, a_finding, a_frame, a_label

LATER = NOON + timedelta(days=1)
NOTHING_OLD = NOON - timedelta(days=1)
PRUNED = NOON + timedelta(days=2)


def address(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest() + ".png"


def result(frame: str, verdict: Verdict, *, detector: str = "d@1", heatmap: str | None = None) -> FrameResult:
    found = (a_finding(frame),) if verdict is Verdict.DEFECT else ()
    if verdict is Verdict.UNKNOWN:
        found = (replace(a_finding(frame), defect_type="unknown", runner_up=None),)
    reason = "too dark" if verdict is Verdict.UNUSABLE else None
    return FrameResult(frame=frame, verdict=verdict, detector=detector, findings=found, reason=reason, heatmap=heatmap)


def fill(catalog: Catalog, uses: list[FrameUse]) -> None:
    """Add a frame for each use, with an image, a thumbnail and a heatmap a verdict."""
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        for number, use in enumerate(uses):
            name = f"coil-1/{number}"
            measures = FrameMeasures(thumbnail=address("thumbnail", number))
            frame = replace(a_frame(number), image=address("image", number), measures=measures)
            unit.add_frames([frame if use.usable else replace(frame, reason="too dark")])
            if use.labelled:
                unit.add_labels([a_label(f"label-{number}", frame=name)])
            for order, verdict in enumerate(use.verdicts):
                heat = address("heatmap", number, order)
                unit.add_results("coil-1", [result(name, verdict, detector=f"d@{order}", heatmap=heat)])


def all_uses() -> list[FrameUse]:
    verdicts = [(), *((one,) for one in Verdict), (Verdict.PASS, Verdict.UNUSABLE), (Verdict.PASS, Verdict.DEFECT)]
    return [
        FrameUse(usable=usable, labelled=labelled, verdicts=each)
        for usable, labelled, each in product([True, False], [False, True], verdicts)
    ]


def found(catalog: Catalog, kind: ImageClass, *, before: datetime = LATER, limit: int = 1000) -> list[str]:
    with catalog.transaction() as unit:
        return [address for _, address in unit.prunable(kind, before=before, after=None, limit=limit)]


def mark(catalog: Catalog, kind: ImageClass) -> list[str]:
    with catalog.transaction() as unit:
        keys = [key for key, _ in unit.prunable(kind, before=LATER, after=None, limit=1000)]
    with catalog.transaction() as unit:
        return unit.mark_pruned(kind, keys, before=LATER, at=PRUNED)


@pytest.mark.parametrize("kind", [ImageClass.PASSED, ImageClass.UNUSABLE, ImageClass.UNJUDGED])
def test_frames_of_a_class_may_go_exactly_where_the_rule_of_the_domain_says(catalog: Catalog, kind: ImageClass) -> None:
    uses = all_uses()
    fill(catalog, uses)
    expected = {address("image", number) for number, use in enumerate(uses) if class_of(use) is kind}
    assert expected
    assert sorted(found(catalog, kind)) == sorted(expected)
    assert sorted(mark(catalog, kind)) == sorted(expected)
    assert found(catalog, kind) == []
    with catalog.transaction() as unit:
        pruned = {frame.image for frame in unit.frames("coil-1") if frame.pruned_at == PRUNED}
        assert {frame.pruned_at for frame in unit.frames("coil-1")} == {None, PRUNED}
    assert pruned == expected


def test_heatmaps_and_thumbnails_may_go_exactly_where_nothing_rests_on_the_frame(catalog: Catalog) -> None:
    uses = all_uses()
    fill(catalog, uses)
    free = [(number, use) for number, use in enumerate(uses) if class_of(use) is not ImageClass.FOUND]
    heatmaps = {address("heatmap", number, order) for number, use in free for order in range(len(use.verdicts))}
    thumbnails = {address("thumbnail", number) for number, _ in free}
    assert sorted(mark(catalog, ImageClass.HEATMAP)) == sorted(heatmaps)
    assert sorted(mark(catalog, ImageClass.THUMBNAIL)) == sorted(thumbnails)
    assert found(catalog, ImageClass.HEATMAP) == found(catalog, ImageClass.THUMBNAIL) == []
    with catalog.transaction() as unit:
        left = {frame.measures.thumbnail for frame in unit.frames("coil-1") if frame.measures is not None}
        assert left == {None, *(address("thumbnail", number) for number in range(len(uses)))} - thumbnails
        assert unit.addresses_in_use(heatmaps | thumbnails) == set()


@pytest.mark.parametrize("kind", PRUNED_CLASSES)
def test_rows_come_in_batches_by_key_and_each_once(catalog: Catalog, kind: ImageClass) -> None:
    fill(catalog, [*all_uses(), *all_uses()])
    whole, batched, after = found(catalog, kind), [], None
    while True:
        with catalog.transaction() as unit:
            batch = unit.prunable(kind, before=LATER, after=after, limit=3)
        if not batch:
            break
        after = batch[-1][0]
        batched += [address for _, address in batch]
    assert len(whole) > 3
    assert batched == whole


@pytest.mark.parametrize("kind", PRUNED_CLASSES)
def test_neither_a_young_capture_nor_an_old_one_of_a_coil_entered_since_may_go(
    catalog: Catalog, kind: ImageClass
) -> None:
    fill(catalog, all_uses())
    assert found(catalog, kind, before=NOTHING_OLD) == []
    with catalog.transaction() as unit:  # captured before, entered after the moment
        unit.add_coil(a_coil("archive", minutes=60))
        old = replace(a_frame(0, coil="archive"), captured_at=NOTHING_OLD, image=address("archive"))
        unit.add_frames([old])
    assert address("archive") not in found(catalog, kind, before=NOON + timedelta(minutes=59))


def test_a_row_on_which_something_rests_by_now_is_not_marked(catalog: Catalog) -> None:
    fill(catalog, [FrameUse(usable=True, verdicts=(Verdict.PASS,))] * 3)
    with catalog.transaction() as unit:
        keys = [key for key, _ in unit.prunable(ImageClass.PASSED, before=LATER, after=None, limit=10)]
        unit.add_labels([a_label("late", frame="coil-1/0")])
        unit.add_results("coil-1", [result("coil-1/1", Verdict.DEFECT, detector="other@1")])
    with catalog.transaction() as unit:
        marked = unit.mark_pruned(ImageClass.PASSED, keys, before=LATER, at=PRUNED)
    assert marked == [address("image", 2)]


def test_a_superseded_label_still_keeps_its_frame(catalog: Catalog) -> None:
    fill(catalog, [FrameUse(usable=True, labelled=True), FrameUse(usable=True, verdicts=(Verdict.PASS,))])
    with catalog.transaction() as unit:
        unit.add_labels([a_label("second", frame="coil-1/1", supersedes="label-0")])
    assert [found(catalog, kind) for kind in PRUNED_CLASSES] == [[]] * 5


def test_an_address_is_in_use_while_any_row_points_at_it(catalog: Catalog) -> None:
    version = FlatFieldVersion(
        id="f",
        camera="camera-0",
        built_at=NOON,
        settings=CaptureSettings(),
        width_px=4096,
        lines=2048,
        target=200.0,
        residual=0.1,
        address=address("flat field"),
        operator="operator-7",
    )
    fill(catalog, [FrameUse(usable=True, labelled=True, verdicts=(Verdict.PASS,)), FrameUse(usable=False)])
    with catalog.transaction() as unit:
        unit.add_flat_field(version)
        mask = unit.labels()[0].region.mask
    used = {address("image", 0), address("thumbnail", 0), address("heatmap", 0, 0), address("flat field"), mask}
    others = {address("nobody", number) for number in range(1200)}
    with catalog.transaction() as unit:
        assert unit.addresses_in_use({*used, *others, address("image", 1)}) == {*used, address("image", 1)}
    mark(catalog, ImageClass.UNUSABLE)
    with catalog.transaction() as unit:
        assert unit.addresses_in_use({*used, *others, address("image", 1)}) == used


def test_the_catalog_is_what_retention_asks_for(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        as_asked: RetentionUnit = unit
        assert as_asked.prunable(ImageClass.PASSED, before=LATER, after=None, limit=1) == []


@pytest.mark.required_in_ci
def test_on_postgresql_a_frame_that_is_being_labelled_is_left_for_the_next_run(postgres_url: str) -> None:
    catalog = open_catalog(postgres_url)
    fill(catalog, [FrameUse(usable=True, verdicts=(Verdict.PASS,))] * 2)
    keys = [("coil-1/0", ""), ("coil-1/1", "")]
    with catalog.transaction() as labelling:
        labelling.add_labels([a_label("being given", frame="coil-1/0")])
        with catalog.transaction() as unit:
            assert unit.mark_pruned(ImageClass.PASSED, keys, before=LATER, at=PRUNED) == [address("image", 1)]
    with catalog.transaction() as unit:
        assert unit.mark_pruned(ImageClass.PASSED, keys, before=LATER, at=PRUNED) == []
    catalog.close()


def test_an_alarm_without_its_findings_still_keeps_the_frame(database_url: str) -> None:
    catalog = open_catalog(database_url)
    fill(catalog, [FrameUse(usable=True, verdicts=(Verdict.PASS, Verdict.DEFECT))])
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM findings"))
    engine.dispose()
    assert [found(catalog, kind) for kind in PRUNED_CLASSES] == [[]] * 5
    catalog.close()
