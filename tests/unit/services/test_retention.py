"""Old images go in an order that leaves no row without its file, whenever the process dies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.labels import Label, LabelKind, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Roi
from inspect_pipeline.domain.retention import ImageClass, RetentionRules
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.retention import Pruned, Retention
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.images import InMemoryImages

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)
RULES = RetentionRules(passed_days=30.0)
ALL = RetentionRules(
    passed_days=30.0, unusable_days=30.0, unjudged_days=30.0, heatmap_days=30.0, thumbnail_days=30.0, sweep=True
)


class Plant:
    """A catalog and images filled by hand; everything is 100 days old unless told otherwise."""

    def __init__(self) -> None:
        self.catalog = InMemoryCatalog()
        self.put_at = LONG_AGO
        self.images = InMemoryImages(now_s=self._put_at_s)
        with self.catalog.transaction() as unit:
            unit.add_coil(Coil(id="c", line="l", recipe="default", family="steel", created_at=LONG_AGO))

    def _put_at_s(self) -> float:
        return self.put_at.timestamp()

    def frame(
        self,
        name: str,
        *,
        content: bytes | None = None,
        passed: bool = True,
        reason: str | None = None,
        thumbnail: bytes | None = None,
        captured_at: datetime = LONG_AGO,
    ) -> str:
        image = self.images.put(name.encode() if content is None else content, suffix="png")
        small = None if thumbnail is None else self.images.put(thumbnail, suffix="png")
        frame = CapturedFrame(
            id=name,
            coil="c",
            camera="camera-0",
            sequence=0,
            source=name,
            first_line=0,
            line_count=10,
            width_px=10,
            captured_at=captured_at,
            mm_per_px_across=1.0,
            mm_per_px_along=1.0,
            image=image,
            reason=reason,
            measures=FrameMeasures(thumbnail=small),
        )
        with self.catalog.transaction() as unit:
            unit.add_frames([frame])
            if passed:
                unit.add_results("c", [FrameResult(frame=name, verdict=Verdict.PASS, detector="d@1")])
        return image

    def heatmap(self, name: str, content: bytes) -> str:
        address = self.images.put(content, suffix="png")
        result = FrameResult(frame=name, verdict=Verdict.PASS, detector="d@2", heatmap=address)
        with self.catalog.transaction() as unit:
            unit.add_results("c", [result])
        return address

    def label(self, name: str, *, mask: str | None = None) -> None:
        roi = Roi(top=0, left=0, bottom=5, right=5)
        label = Label(
            id=f"label of {name}",
            region=Region(frame=name, roi=roi, mask=mask),
            kind=LabelKind.NOT_A_DEFECT,
            operator="operator-7",
            labelled_at=NOW,
        )
        with self.catalog.transaction() as unit:
            unit.add_labels([label])

    def retention(self, rules: RetentionRules = RULES, *, batch: int = 2) -> Retention:
        return Retention(catalog=self.catalog, images=self.images, rules=rules, clock=lambda: NOW, batch=batch)

    def pruned_at(self, name: str) -> datetime | None:
        with self.catalog.transaction() as unit:
            frame = unit.frame(name)
        assert frame is not None
        return frame.pruned_at


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_old_passed_frames_lose_their_files_and_keep_their_rows_in_every_batch(plant: Plant) -> None:
    old = [plant.frame(f"old-{number}") for number in range(5)]
    young = plant.frame("young", captured_at=NOW - timedelta(days=1))
    done = plant.retention().run()
    assert not any(plant.images.has(address) for address in old)
    assert plant.images.has(young)
    assert [plant.pruned_at(f"old-{number}") for number in range(5)] == [NOW] * 5
    assert plant.pruned_at("young") is None
    assert done.by_class == {ImageClass.PASSED: Pruned(rows=5, files=5, size_bytes=25)}
    assert plant.retention().run().by_class[ImageClass.PASSED] == Pruned()


def test_a_plan_says_what_would_go_and_changes_nothing(plant: Plant) -> None:
    address = plant.frame("old", thumbnail=b"small")
    plant.frame("dark", passed=False, reason="dark")
    plant.images.put(b"orphan", suffix="png")
    planned = plant.retention(replace(ALL, most_swept_share=1.0)).plan()
    assert plant.pruned_at("old") is None
    assert plant.images.has(address)
    assert planned.by_class == {
        ImageClass.PASSED: Pruned(rows=1, files=1, size_bytes=3),
        ImageClass.UNUSABLE: Pruned(rows=1, files=1, size_bytes=4),
        ImageClass.UNJUDGED: Pruned(),
        ImageClass.HEATMAP: Pruned(),
        ImageClass.THUMBNAIL: Pruned(rows=1, files=1, size_bytes=5),
    }
    assert planned.swept == Pruned(files=1, size_bytes=6)
    with plant.catalog.transaction() as unit:
        assert unit.stages() == []
    done = plant.retention(replace(ALL, most_swept_share=1.0)).run()
    assert done == planned


def test_a_file_that_another_row_needs_stays(plant: Plant) -> None:
    shared = plant.frame("old", content=b"same")
    plant.frame("young", content=b"same", captured_at=NOW)
    as_mask = plant.frame("masked", content=b"mask")
    plant.frame("labelled", captured_at=NOW)
    plant.label("labelled", mask=as_mask)
    done = plant.retention().run()
    assert done.by_class[ImageClass.PASSED] == Pruned(rows=2)
    assert plant.images.has(shared)
    assert plant.images.has(as_mask)


def test_a_labelled_frame_keeps_image_heatmap_and_thumbnail(plant: Plant) -> None:
    kept = [plant.frame("taught", thumbnail=b"small"), plant.heatmap("taught", b"heat")]
    plant.label("taught")
    done = plant.retention(ALL).run()
    assert all(plant.images.has(address) for address in kept)
    assert len(plant.images.contents) == 3
    assert sum(one.rows for one in done.by_class.values()) == 0


def test_heatmaps_and_thumbnails_of_passed_frames_go_by_their_own_age(plant: Plant) -> None:
    image = plant.frame("old", thumbnail=b"small")
    heat = plant.heatmap("old", b"heat")
    done = plant.retention(RetentionRules(heatmap_days=30.0, thumbnail_days=30.0)).run()
    assert plant.images.has(image)
    assert list(plant.images.contents) == [image]
    assert not plant.images.has(heat)
    assert done.by_class[ImageClass.HEATMAP] == Pruned(rows=1, files=1, size_bytes=4)
    assert done.by_class[ImageClass.THUMBNAIL] == Pruned(rows=1, files=1, size_bytes=5)


def test_a_file_put_within_the_grace_period_stays_though_its_row_is_marked(plant: Plant) -> None:
    address = plant.frame("old")
    plant.put_at = NOW - timedelta(hours=1)
    plant.images.put(b"old", suffix="png")
    done = plant.retention().run()
    assert done.by_class[ImageClass.PASSED] == Pruned(rows=1)
    assert plant.images.has(address)


def test_a_label_given_between_the_look_and_the_mark_keeps_the_frame(plant: Plant) -> None:
    address = plant.frame("old")
    retention = plant.retention()
    batches = retention._batches(ImageClass.PASSED, NOW - timedelta(days=30))
    found = next(batches)
    plant.label("old")
    with plant.catalog.transaction() as unit:
        marked = unit.mark_pruned(ImageClass.PASSED, [key for key, _ in found], before=NOW - timedelta(days=30), at=NOW)
    assert marked == []
    assert plant.images.has(address)


class _Killed(BaseException):
    """The process ends here."""


def test_what_a_killed_run_left_behind_is_swept_by_the_next(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [plant.frame(f"old-{number}") for number in range(3)]

    def die(address: str, *, older_than_s: float, now_s: float) -> bool:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(plant.images, "delete", die)
        with pytest.raises(_Killed):
            plant.retention(batch=3).run()
    assert all(plant.images.has(address) for address in addresses)
    assert plant.pruned_at("old-0") == NOW
    done = plant.retention(replace(ALL, most_swept_share=1.0)).run()
    assert done.swept == Pruned(files=3, size_bytes=15)
    assert plant.images.contents == {}


def test_a_young_file_without_a_row_is_not_swept(plant: Plant) -> None:
    plant.put_at = NOW - timedelta(hours=1)
    address = plant.images.put(b"its row comes soon", suffix="png")
    assert plant.retention(replace(RULES, sweep=True)).run().swept == Pruned()
    assert plant.images.has(address)


def test_without_sweep_files_of_no_row_stay(plant: Plant) -> None:
    address = plant.images.put(b"of another catalog", suffix="png")
    assert plant.retention().run().swept == Pruned()
    assert plant.images.has(address)


def test_a_catalog_that_knows_too_few_of_the_files_is_refused_and_the_stage_recorded(plant: Plant) -> None:
    strangers = [plant.images.put(bytes([number]), suffix="png") for number in range(10)]
    plant.frame("kept", captured_at=NOW)
    with pytest.raises(RefusedError, match="10 of 11 stored images belong to no row"):
        plant.retention(replace(RULES, sweep=True)).run()
    assert all(plant.images.has(address) for address in strangers)
    with plant.catalog.transaction() as unit:
        assert [run.stage for run in unit.stages()] == ["retention"]


def test_the_stage_records_rows_by_class_files_and_bytes(plant: Plant) -> None:
    plant.frame("old")
    plant.frame("new", captured_at=NOW)
    plant.retention(replace(RULES, sweep=True)).run()
    with plant.catalog.transaction() as unit:
        (run,) = unit.stages()
    assert (run.stage, run.started_at) == ("retention", NOW)
    assert run.detail == {"passed": 1, "swept": 0, "files": 1, "bytes": 3}
