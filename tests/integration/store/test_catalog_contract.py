"""What every catalog promises; the same tests on the fake, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures, QualityRange, StripEdges
from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.ledger import spans_of
from inspect_pipeline.domain.material import Coil, Roi
from inspect_pipeline.domain.records import CameraExtent, Promotion, StageRun
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle, TypeMove
from inspect_pipeline.errors import BadDataError, NotFoundError, StorageError
from inspect_pipeline.services.ports import Catalog
from tests.integration.store.records import (
    DETECTOR,
    NOON,
    a_coil,
    a_finding,
    a_flat_field,
    a_frame,
    a_label,
    a_result,
)


def _with_frames(catalog: Catalog, count: int = 3, *, coil: str = "coil-1", line: str = "line-1") -> None:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil(coil, line=line))
        unit.add_frames([a_frame(number, coil=coil) for number in range(count)])


def test_a_coil_is_added_once_and_comes_back_as_it_was(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        assert unit.add_coil(a_coil()) is True
        assert unit.add_coil(a_coil()) is False
    with catalog.transaction() as unit:
        assert unit.coil("coil-1") == a_coil()
        assert unit.coil("coil-2") is None


def test_a_coil_of_another_line_is_refused(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
    with pytest.raises(BadDataError, match="line-1"), catalog.transaction() as unit:
        unit.add_coil(a_coil(line="line-2"))


def test_coils_come_oldest_first_and_by_line(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        for coil, line, minutes in (("c", "line-1", 5), ("a", "line-2", 9), ("b", "line-1", 1), ("B", "line-1", 1)):
            unit.add_coil(a_coil(coil, line=line, minutes=minutes))
        assert [coil.id for coil in unit.coils()] == ["B", "b", "c", "a"]
        assert [coil.id for coil in unit.coils(line="line-1")] == ["B", "b", "c"]


def test_a_time_in_another_zone_comes_back_as_the_same_moment_in_utc(catalog: Catalog) -> None:
    east = datetime(2024, 5, 17, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=9)))
    with catalog.transaction() as unit:
        unit.add_coil(Coil(id="c", line="l", recipe="r", family="f", created_at=east))
        unit.add_frames([a_frame(0, coil="c")])
    with catalog.transaction() as unit:
        coil = unit.coil("c")
        assert coil is not None
        assert coil.created_at == east
        assert coil.created_at.astimezone(UTC).isoformat() == "2024-05-16T16:02:03.000004+00:00"


def test_a_time_without_a_zone_is_refused(catalog: Catalog) -> None:
    naive = Coil(id="c", line="l", recipe="r", family="f", created_at=NOON.replace(tzinfo=None))
    with pytest.raises(BadDataError, match="time zone"), catalog.transaction() as unit:
        unit.add_coil(naive)


def test_frames_are_added_once_and_come_by_first_line_unusable_ones_included(catalog: Catalog) -> None:
    torn = a_frame(1, reason="torn: only 3 of 2048 lines arrived")
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        assert unit.add_frames([a_frame(2), torn]) == 2
        assert unit.add_frames([a_frame(2), a_frame(0), torn]) == 1
    with catalog.transaction() as unit:
        assert unit.frames("coil-1") == [a_frame(0), torn, a_frame(2)]
        assert unit.frame("coil-1/1") == torn
        assert unit.frame("coil-1/9") is None
        assert unit.frames("coil-2") == []
        assert unit.add_frames([]) == 0


def test_a_frame_twice_in_one_batch_counts_once(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        assert unit.add_frames([a_frame(0), a_frame(0)]) == 1


def test_a_frame_of_another_coil_with_the_same_id_is_refused_not_dropped(catalog: Catalog) -> None:
    _with_frames(catalog)
    stolen = replace(a_frame(0, coil="coil-2"), id="coil-1/0")
    with pytest.raises(BadDataError, match="coil-1/0"), catalog.transaction() as unit:
        unit.add_coil(a_coil("coil-2"))
        unit.add_frames([stolen])


def test_a_frame_of_an_unknown_coil_is_refused(catalog: Catalog) -> None:
    with pytest.raises(StorageError, match="do not belong together"), catalog.transaction() as unit:
        unit.add_frames([a_frame(0)])


def test_a_file_name_that_is_no_unicode_is_bad_data_and_leaves_nothing(catalog: Catalog) -> None:
    strange = replace(a_frame(1), source=b"Blech-\xff.png".decode("utf-8", "surrogateescape"))
    with pytest.raises(BadDataError, match="rename the file"), catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0), strange])
    with catalog.transaction() as unit:
        assert unit.coils() == []


def test_a_coil_keeps_its_direction_length_and_cameras(catalog: Catalog) -> None:
    rewound = replace(a_coil(), expected_lines=2**33, cameras=("a", "b"), reversed=True, offset_m=812.5)
    with catalog.transaction() as unit:
        unit.add_coil(rewound)
    with catalog.transaction() as unit:
        assert unit.coil("coil-1") == rewound
    with pytest.raises(BadDataError, match="id of its own"), catalog.transaction() as unit:
        unit.add_coil(a_coil())


def test_what_is_expected_of_a_coil_is_set_once_more_and_its_cameras_add_up(catalog: Catalog) -> None:
    _with_frames(catalog)
    with catalog.transaction() as unit:
        unit.expect("coil-1", lines=9000, cameras=["left"])
        unit.expect("coil-1", lines=None, cameras=["right", "left"])
    with catalog.transaction() as unit:
        coil = unit.coil("coil-1")
        assert coil is not None
        assert (coil.expected_lines, coil.cameras) == (9000, ("left", "right"))
        unit.expect("coil-1", lines=9500, cameras=[])
        changed = unit.coil("coil-1")
        assert changed is not None
        assert (changed.expected_lines, changed.cameras) == (9500, ("left", "right"))
    with pytest.raises(NotFoundError, match="coil-9"), catalog.transaction() as unit:
        unit.expect("coil-9", lines=1, cameras=[])


def test_a_frame_comes_back_with_everything_that_was_measured(catalog: Catalog) -> None:
    flat = a_flat_field()
    measures = FrameMeasures(
        mean=0.5,
        contrast=0.1,
        saturated_share=0.001,
        dropped_lines=3,
        focus=0.02,
        stripes=0.003,
        clipped_share=0.0,
        edges=StripEdges(left_px=12.25, right_px=None, left_slope=-0.01),
        zone_left_px=15,
        settings=CaptureSettings(exposure_us=40.0, gain_db=1.5, temperature_c=38.5, reverse=True, bits=12),
        encoder=2**40,
        flat_field=flat.id,
        thumbnail="d" * 64 + ".png",
    )
    rich = replace(
        a_frame(0),
        torn_lines=100,
        note="out of order: came after frame 3",
        fingerprint="f" * 64,
        downweb_m=12.5,
        reversed=True,
        offset_mm=390.0,
        mirrored=True,
        pruned_at=NOON,
        measures=measures,
    )
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_flat_field(flat)
        unit.add_frames([rich, a_frame(1)])
        unit.add_frames([rich])
    with catalog.transaction() as unit:
        assert unit.frames("coil-1") == [rich, a_frame(1)]
        assert unit.frame("coil-1/0") == rich


def test_the_ledger_is_made_of_the_spans_of_all_captures(catalog: Catalog) -> None:
    torn = replace(a_frame(1), line_count=2000, torn_lines=48)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0, reason="dark"), torn])
        assert sorted(unit.spans("coil-1"), key=lambda span: span.first_line) == list(
            spans_of([a_frame(0, reason="dark"), torn])
        )
        assert unit.spans("coil-2") == []
        assert unit.count_frames("coil-1") == 2
        assert unit.mm_per_line("coil-1") == 0.25
        assert unit.mm_per_line("coil-2") == 1.0


def test_keys_of_captures_tell_which_ids_a_fingerprint_made(catalog: Catalog) -> None:
    old, new = a_frame(0), replace(a_frame(1), fingerprint="f" * 64)
    unreadable = a_frame(2, reason="truncated")
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([old, new, unreadable])
        keys = sorted(unit.frame_keys("coil-1"))
    assert keys == [
        (old.id, "camera-0", old.source, False),
        (new.id, "camera-0", new.source, True),
        (unreadable.id, "camera-0", unreadable.source, True),
    ]


def test_only_captures_that_are_unusable_or_odd_are_remarked(catalog: Catalog) -> None:
    odd = replace(a_frame(2), note="out of order: came after frame 3")
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([odd, a_frame(1), a_frame(0, reason="dark")])
        assert unit.remarks("coil-1") == [
            (a_frame(0).source, "dark", None),
            (odd.source, None, "out of order: came after frame 3"),
        ]


def test_the_first_frame_of_each_camera_with_an_encoder_is_found(catalog: Catalog) -> None:
    counted = replace(a_frame(1), measures=FrameMeasures(encoder=500))
    later = replace(a_frame(2), measures=FrameMeasures(encoder=900))
    other = replace(a_frame(3), camera="right", measures=FrameMeasures(encoder=7))
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0), later, counted, other])
        assert unit.first_frames("coil-1") == [counted, other]
        assert unit.first_frames("coil-2") == []


def test_extents_say_how_far_each_camera_came(catalog: Catalog) -> None:
    torn = replace(a_frame(2), line_count=2000, torn_lines=48)
    right = replace(a_frame(3), camera="right")
    nothing = replace(a_frame(9, reason="a folder, no image"), line_count=0)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(1), torn, right, nothing])
        left_extent, right_extent = unit.extents("coil-1")
        assert unit.extents("coil-2") == []
    assert left_extent == CameraExtent(
        camera="camera-0",
        first_line=2048,
        first_at=NOON + timedelta(seconds=1),
        last_line=4096,
        last_at=NOON + timedelta(seconds=2),
        end_line=6144,
        last_sequence=2,
    )
    assert left_extent.lines_per_s == 2048.0
    assert (right_extent.camera, right_extent.lines_per_s) == ("right", None)


def test_quality_gives_the_range_of_what_was_measured_by_camera(catalog: Catalog) -> None:
    frames = [replace(a_frame(at), measures=FrameMeasures(mean=mean)) for at, mean in enumerate((0.25, 0.75, 0.5))]
    right = replace(a_frame(3), camera="right", measures=FrameMeasures(dropped_lines=4))
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([*frames, right, a_frame(4)])
        assert unit.quality("coil-1") == [
            QualityRange(camera="camera-0", measure="mean", low=0.25, mean=0.5, high=0.75),
            QualityRange(camera="right", measure="dropped_lines", low=4, mean=4, high=4),
        ]
        assert unit.quality("coil-2") == []


def test_flat_fields_are_added_once_and_come_newest_first(catalog: Catalog) -> None:
    old, new = a_flat_field("aa"), a_flat_field("bb", minutes=5)
    other = a_flat_field("cc", camera="right")
    with catalog.transaction() as unit:
        assert [unit.add_flat_field(one) for one in (old, new, other, old)] == [True, True, True, False]
    with catalog.transaction() as unit:
        assert list(unit.flat_fields("camera-0")) == [new, old]
        assert {one.id for one in unit.flat_fields()} == {"aa", "bb", "cc"}


def test_labels_keep_the_order_of_appending_and_are_never_replaced(catalog: Catalog) -> None:
    _with_frames(catalog)
    with catalog.transaction() as unit:
        assert unit.add_labels([a_label("z"), a_label("a"), a_label("m", supersedes="z")]) == 3
        assert unit.add_labels([a_label("b"), a_label("z", frame="coil-1/2")]) == 1
    with catalog.transaction() as unit:
        assert unit.labels() == [a_label("z"), a_label("a"), a_label("m", supersedes="z"), a_label("b")]


def test_labels_are_found_by_line_coil_and_role(catalog: Catalog) -> None:
    _with_frames(catalog)
    _with_frames(catalog, coil="coil-2", line="line-2")
    with catalog.transaction() as unit:
        unit.add_labels([
            a_label("1"),
            a_label("2", frame="coil-2/0"),
            a_label("3", role=LabelRole.HELD_OUT),
            a_label("4", frame="coil-2/1", role=LabelRole.HELD_OUT),
        ])  # fmt: skip
        assert [label.id for label in unit.labels(line="line-2")] == ["2", "4"]
        assert [label.id for label in unit.labels(coil="coil-1")] == ["1", "3"]
        assert [label.id for label in unit.labels(role=LabelRole.HELD_OUT)] == ["3", "4"]
        assert [label.id for label in unit.labels(line="line-2", coil="coil-2", role=LabelRole.SUPPORT)] == ["2"]
        assert unit.labels(line="line-1", coil="coil-2") == []


def test_a_label_on_an_unknown_frame_or_replacing_an_unknown_label_is_refused(catalog: Catalog) -> None:
    _with_frames(catalog)
    for label in (a_label("x", frame="coil-1/99"), a_label("x", supersedes="nowhere")):
        with pytest.raises(StorageError, match="do not belong together"), catalog.transaction() as unit:
            unit.add_labels([label])


def test_a_type_moves_in_its_life_cycle_on_its_own_line(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        unit.put_type("line-1", DefectType(name="scratch"))
        unit.put_type("line-1", DefectType(name="Öl"))
        unit.put_type("line-2", DefectType(name="scratch"))
        before = unit.types("line-1")
        unit.put_type("line-1", DefectType(name="scratch", life_cycle=LifeCycle.APPROVED))
        assert before == [DefectType(name="scratch"), DefectType(name="Öl")]
        assert unit.types("line-1") == [DefectType(name="scratch", life_cycle=LifeCycle.APPROVED), before[1]]
        assert unit.types("line-2") == [DefectType(name="scratch")]


def test_verdicts_come_with_their_findings_by_first_line_and_by_detector(catalog: Catalog) -> None:
    _with_frames(catalog)
    unusable = FrameResult(frame="coil-1/1", verdict=Verdict.UNUSABLE, detector=DETECTOR, reason="torn")
    mine = [a_result("coil-1/2", findings=2), a_result("coil-1/0", findings=1), unusable]
    with catalog.transaction() as unit:
        assert unit.add_results("coil-1", mine) == 3
        assert unit.add_results("coil-1", [a_result("coil-1/2", detector="other")]) == 1
    with catalog.transaction() as unit:
        assert unit.results("coil-1", detector=DETECTOR) == [mine[1], unusable, mine[0]]
        assert unit.results("coil-1", detector="other") == [a_result("coil-1/2", detector="other")]
        assert unit.results("coil-1", detector="none") == []


def test_a_second_verdict_on_the_same_frame_by_the_same_detector_changes_nothing(catalog: Catalog) -> None:
    _with_frames(catalog)
    first = a_result("coil-1/0", findings=2)
    with catalog.transaction() as unit:
        assert unit.add_results("coil-1", [first, a_result("coil-1/0")]) == 1
    with catalog.transaction() as unit:
        assert unit.add_results("coil-1", [a_result("coil-1/0", findings=3), a_result("coil-1/1")]) == 1
        assert unit.results("coil-1", detector=DETECTOR) == [first, a_result("coil-1/1")]


def test_numbers_out_of_arrays_are_stored_as_they_are(catalog: Catalog) -> None:
    _with_frames(catalog)
    plain = a_finding("coil-1/0")
    box = np.array([1, 2, 30, 40])
    roi = Roi(top=box[0], left=box[1], bottom=box[2], right=box[3])
    found = replace(plain, roi=roi, score=np.float32(1.5))  # type: ignore[arg-type]  # what arrays give
    result = FrameResult(frame="coil-1/0", verdict=Verdict.DEFECT, detector=DETECTOR, findings=(found,))
    with catalog.transaction() as unit:
        unit.add_results("coil-1", [result])
    with catalog.transaction() as unit:
        assert unit.results("coil-1", detector=DETECTOR)[0].findings == (plain,)


def test_a_verdict_on_a_frame_of_another_coil_is_refused(catalog: Catalog) -> None:
    _with_frames(catalog)
    _with_frames(catalog, coil="coil-2")
    for frame in ("coil-2/0", "coil-1/99"):
        with pytest.raises(StorageError, match="do not belong together"), catalog.transaction() as unit:
            unit.add_results("coil-1", [a_result(frame)])


def test_a_verdict_with_a_finding_of_another_frame_is_refused(catalog: Catalog) -> None:
    _with_frames(catalog)
    wrong = FrameResult(
        frame="coil-1/0", verdict=Verdict.DEFECT, detector=DETECTOR, findings=(a_finding("coil-1/1"),)
    )  # fmt: skip
    with pytest.raises(BadDataError, match="coil-1/0"), catalog.transaction() as unit:
        unit.add_results("coil-1", [wrong])


def test_the_detector_that_judged_last_comes_first(catalog: Catalog) -> None:
    _with_frames(catalog)
    with catalog.transaction() as unit:
        for frame, detector in (("coil-1/0", "b"), ("coil-1/0", "a"), ("coil-1/1", "b"), ("coil-1/1", "c")):
            unit.add_results("coil-1", [a_result(frame, detector=detector)])
        assert unit.detectors_of("coil-1") == ["c", "b", "a"]
        assert unit.detectors_of("coil-2") == []


def test_ten_thousand_findings_go_in_at_once_and_come_back_in_order(catalog: Catalog) -> None:
    _with_frames(catalog, 2500)
    results = [a_result(f"coil-1/{number}", findings=4) for number in range(2500)]
    with catalog.transaction() as unit:
        assert unit.add_results("coil-1", results) == 2500
    with catalog.transaction() as unit:
        assert unit.results("coil-1", detector=DETECTOR) == results


def test_stages_come_oldest_first_with_their_detail(catalog: Catalog) -> None:
    _with_frames(catalog)
    score = StageRun(stage="score", started_at=NOON + timedelta(seconds=9), seconds=1.25, coil="coil-1", model="m")
    ingest = StageRun(
        stage="ingest", started_at=NOON, seconds=3.5, coil="coil-1", detail={"frames": 3, "rate": 0.5, "note": "ü"}
    )
    train = StageRun(stage="train", started_at=NOON, seconds=60.0)
    with catalog.transaction() as unit:
        for run in (score, ingest, train):
            unit.add_stage(run)
        assert unit.stages() == [ingest, train, score]
        assert unit.stages(coil="coil-1") == [ingest, score]


def test_a_stage_of_an_unknown_coil_is_refused(catalog: Catalog) -> None:
    with pytest.raises(StorageError, match="do not belong together"), catalog.transaction() as unit:
        unit.add_stage(StageRun(stage="score", started_at=NOON, seconds=1.0, coil="coil-9"))


def test_steps_of_types_come_in_the_order_of_appending_each_line_its_own(catalog: Catalog) -> None:
    first = TypeMove(
        line="line-1",
        defect_type="Kratzer ü",
        before=None,
        after=LifeCycle.CANDIDATE,
        operator="teach",
        reason="2 samples",
        at=NOON,
    )
    second = replace(first, before=LifeCycle.CANDIDATE, after=LifeCycle.RETIRED, operator="night shift", reason="gone")
    other = replace(first, line="line-2")
    stain = replace(first, defect_type="stain")
    with catalog.transaction() as unit:
        for move in (first, other, second, stain):
            unit.add_type_move(move)
    with catalog.transaction() as unit:
        assert unit.type_moves("line-1") == [first, second, stain]
        assert unit.type_moves("line-1", defect_type="Kratzer ü") == [first, second]
        assert unit.type_moves("line-2") == [other]
        assert unit.type_moves("line-3") == []


def test_promotions_come_in_the_order_of_appending(catalog: Catalog) -> None:
    first, second = (
        Promotion(model="m", from_version=old, to_version=new, operator="o", reason="r", at=NOON)
        for old, new in ((None, "1"), ("1", "2"))
    )
    with catalog.transaction() as unit:
        unit.add_promotion(first)
        unit.add_promotion(second)
        assert unit.promotions("m") == [first, second]
        assert unit.promotions("other") == []


def test_an_exception_in_the_block_leaves_nothing(catalog: Catalog) -> None:
    def fail_half_way() -> None:
        with catalog.transaction() as unit:
            unit.add_coil(a_coil())
            unit.add_frames([a_frame(0)])
            unit.add_results("coil-1", [a_result("coil-1/0", findings=2)])
            unit.put_type("line-1", DefectType(name="scratch"))
            raise RuntimeError("the camera fell off")

    with pytest.raises(RuntimeError, match="camera"):
        fail_half_way()
    with catalog.transaction() as unit:
        assert unit.coils() == []
        assert unit.frame("coil-1/0") is None
        assert unit.types("line-1") == []
        assert unit.add_coil(a_coil()) is True


def test_what_a_unit_wrote_it_reads(catalog: Catalog) -> None:
    with catalog.transaction() as unit:
        assert unit.coils() == []
        unit.add_coil(a_coil())
        assert unit.coils() == [a_coil()]
