"""Ingest on in-memory stores: nothing lost, nothing twice, every refusal in the ledger with its reason."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.geometry import CameraMount
from inspect_pipeline.domain.labels import Label, LabelKind, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Frame, Pixels, Roi, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import StorageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.flatfield import FlatField
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.services.ingest import Ingest, IngestSummary, LabelFrame, LineSetup
from inspect_pipeline.services.pipeline import IntakeSettings, WhenFull
from inspect_pipeline.services.preparing import Correction, CorrectionFor, uncorrected
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.images import InMemoryImages

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
COIL = Coil(id="coil-1", line="line-1", recipe="default", family="steel", created_at=NOON)
LINES, COLUMNS = 32, 48


# Rows wait for a full transaction however slow the machine is.
SETUP = LineSetup(edges=EdgeSettings(enabled=False), intake=IntakeSettings(flush_s=60.0))


class PowerCut(BaseException):
    """What no code catches."""


@dataclass
class Camera:
    """Captures in order; ``dies_at`` ends the run there as a killed process would."""

    captures: Sequence[Capture]
    expected_lines: int | None = None
    dies_at: int | None = None

    def __iter__(self) -> Iterator[Capture]:
        for number, capture in enumerate(self.captures):
            if number == self.dies_at:
                raise PowerCut
            yield capture


class FailingImages(InMemoryImages):
    """A disk that is full from the start."""

    def put(self, content: bytes | bytearray | memoryview, *, suffix: str, derived: bool = False) -> str:
        raise StorageError("no space left")


@dataclass
class Plant:
    """The stores of one plant, and a clock that a second passes at each look."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    images: InMemoryImages = field(default_factory=InMemoryImages)
    seconds: int = 0

    def clock(self) -> datetime:
        self.seconds += 1
        return NOON + timedelta(seconds=self.seconds)

    def ingest(
        self,
        camera: Camera,
        *,
        correction_for: CorrectionFor = uncorrected,
        label_frame: LabelFrame | None = None,
        coil: Coil = COIL,
        setup: LineSetup = SETUP,
        live: bool = False,
    ) -> IngestSummary:
        work = Ingest(
            catalog=self.catalog,
            images=self.images,
            setup=setup,
            clock=self.clock,
            progress=lambda _stage, _done, _total, _note="": None,
            correction_for=correction_for,
            label_frame=label_frame,
        )
        return work.run(camera, coil, live=live)

    def frames(self) -> list[CapturedFrame]:
        with self.catalog.transaction() as unit:
            return unit.frames(COIL.id)


def texture(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(60, 200, (LINES, COLUMNS), dtype=np.uint8)


def shot(number: int, *, pixels: Pixels | None = None, valid_lines: int | None = None) -> Frame:
    return Frame(
        id=f"shot-{number}",
        pixels=texture(number) if pixels is None else pixels,
        first_line=number * LINES,
        captured_at=NOON,
        mm_per_px_across=0.1,
        mm_per_px_along=0.25,
        sequence=number,
        source=f"shot-{number}.png",
        valid_lines=valid_lines,
    )


def shots(count: int) -> list[Capture]:
    return [shot(number) for number in range(count)]


def mark(frame: CapturedFrame) -> list[Label]:
    """One known-good region in every frame, the same on every run."""
    region = Region(frame=frame.id, roi=Roi(top=0, left=0, bottom=4, right=4))
    return [
        Label(id=f"{frame.id}/0", region=region, kind=LabelKind.NOT_A_DEFECT, operator="operator-7", labelled_at=NOON)
    ]


def test_every_capture_becomes_an_image_and_a_row_that_agree() -> None:
    plant = Plant()
    summary = plant.ingest(Camera(shots(3), expected_lines=3 * LINES))
    assert (summary.captured, summary.new, summary.duplicates, summary.unusable, summary.missing) == (3, 3, 0, (), ())
    for number, frame in enumerate(plant.frames()):
        assert (frame.first_line, frame.line_count, frame.width_px) == (number * LINES, LINES, COLUMNS)
        assert (frame.mm_per_px_across, frame.mm_per_px_along, frame.coil) == (0.1, 0.25, COIL.id)
        assert frame.usable
        np.testing.assert_array_equal(decode(plant.images.get(frame.image or ""), name="stored"), texture(number))


def test_a_second_run_adds_nothing_and_says_so() -> None:
    plant = Plant()
    captures = [*shots(20), UnusableCapture(source="notes.txt", reason="no image")]
    first = plant.ingest(Camera(captures), label_frame=mark)
    before, written = plant.frames(), plant.images.written
    again = plant.ingest(Camera(captures), label_frame=mark)
    assert not first.nothing_new
    assert again.nothing_new
    assert (again.captured, again.new, again.duplicates, again.labels) == (21, 0, 21, 0)
    assert again.unusable == first.unusable
    assert plant.frames() == before
    assert plant.images.written == written
    with plant.catalog.transaction() as unit:
        assert [run.stage for run in unit.stages(coil=COIL.id)] == ["ingest"]


def test_a_capture_that_could_not_be_read_is_a_row_with_its_reason() -> None:
    plant = Plant()
    bad = UnusableCapture(
        source="b.png", reason="b.png: truncated PNG", first_line=LINES, line_count=LINES, sequence=1, captured_at=NOON
    )
    summary = plant.ingest(Camera([shot(0), bad, shot(2)], expected_lines=3 * LINES))
    assert (summary.captured, summary.unusable) == (3, (("b.png", "b.png: truncated PNG"),))
    row = plant.frames()[1]
    assert (row.source, row.image, row.usable, row.line_count) == ("b.png", None, False, LINES)
    assert summary.missing == ()


def test_a_capture_of_no_known_place_stands_after_the_one_before_it() -> None:
    plant = Plant()
    plant.ingest(Camera([shot(0), UnusableCapture(source="notes.txt", reason="no image")]))
    row = plant.frames()[-1]
    assert (row.first_line, row.line_count, row.sequence) == (LINES, 0, 1)
    assert row.captured_at > NOON


def test_of_a_torn_frame_the_lines_that_came_are_kept_and_the_others_are_missing() -> None:
    plant = Plant()
    summary = plant.ingest(Camera([shot(0, valid_lines=20), shot(1, valid_lines=LINES)]))
    assert summary.unusable == ()
    torn, whole = plant.frames()
    assert (torn.line_count, torn.torn_lines, torn.usable, whole.torn_lines) == (20, LINES - 20, True, 0)
    stored = decode(plant.images.get(torn.image or ""), name="stored")
    np.testing.assert_array_equal(stored, texture(0)[:20])
    assert [(gap.first_line, gap.line_count, gap.reason) for gap in summary.missing] == [
        (20, LINES - 20, "torn: only 20 of 32 lines arrived")
    ]


def test_a_torn_frame_of_hardly_any_lines_is_unusable_as_a_whole() -> None:
    plant = Plant()
    summary = plant.ingest(Camera([shot(0, valid_lines=3)]))
    assert summary.unusable == (("shot-0.png", "torn: only 3 of 32 lines arrived"),)
    [row] = plant.frames()
    assert (row.image, row.line_count, row.torn_lines) == (None, LINES, 0)


def test_a_torn_black_frame_is_unusable_and_its_missing_lines_are_missing() -> None:
    plant = Plant()
    summary = plant.ingest(Camera([shot(0, pixels=np.zeros((LINES, COLUMNS), np.uint8), valid_lines=20)]))
    [(_, reason)] = summary.unusable
    assert reason.startswith("dark: mean 0.00%")
    assert [gap.line_count for gap in summary.missing] == [LINES - 20]


def test_lines_that_no_frame_holds_are_gaps_in_the_ledger() -> None:
    plant = Plant()
    summary = plant.ingest(Camera([shot(1), shot(3)], expected_lines=5 * LINES))
    spans = [(gap.first_line, gap.line_count) for gap in summary.missing]
    assert spans == [(0, LINES), (2 * LINES, LINES), (4 * LINES, LINES)]
    reasons = [gap.reason for gap in summary.missing]
    assert reasons == ["no frame holds these lines", "no frame holds these lines", "the coil ended before these lines"]


def test_frames_that_arrive_later_close_their_gap() -> None:
    plant = Plant()
    plant.ingest(Camera([shot(0), shot(2)], expected_lines=3 * LINES))
    summary = plant.ingest(Camera(shots(3), expected_lines=3 * LINES))
    assert (summary.new, summary.duplicates, summary.missing) == (1, 2, ())


def test_labels_come_in_with_their_frames() -> None:
    plant = Plant()
    summary = plant.ingest(Camera(shots(3)), label_frame=mark)
    assert summary.labels == 3
    with plant.catalog.transaction() as unit:
        assert [label.region.frame for label in unit.labels()] == [frame.id for frame in plant.frames()]


def test_the_image_is_written_before_its_row() -> None:
    plant = Plant(images=FailingImages())
    with pytest.raises(StorageError, match="no space left"):
        plant.ingest(Camera(shots(1)))
    assert plant.frames() == []


@pytest.mark.parametrize("dies_at", [0, 1, 16, 17, 39])
def test_a_run_killed_in_mid_coil_is_finished_by_the_next_with_nothing_twice(dies_at: int) -> None:
    captures = [*shots(38), UnusableCapture(source="notes.txt", reason="no image"), shot(39)]
    never_killed, plant = Plant(), Plant()
    whole = never_killed.ingest(Camera(captures, expected_lines=41 * LINES), label_frame=mark)
    with pytest.raises(PowerCut):
        plant.ingest(Camera(captures, expected_lines=41 * LINES, dies_at=dies_at), label_frame=mark)
    kept = len(plant.frames())
    # Whole transactions of 16 rows are kept, half of one never is.
    assert kept == dies_at // 16 * 16
    summary = plant.ingest(Camera(captures, expected_lines=41 * LINES), label_frame=mark)
    assert (summary.captured, summary.new, summary.duplicates) == (40, 40 - kept, kept)
    assert summary.missing == whole.missing
    assert [frame.id for frame in plant.frames()] == [frame.id for frame in never_killed.frames()]
    assert plant.images.contents == never_killed.images.contents
    with plant.catalog.transaction() as unit:
        assert len(unit.labels()) == 40


def test_the_flat_field_is_taken_out_before_the_image_is_kept() -> None:
    plant = Plant()
    flat = FlatField(dark=np.full(COLUMNS, 10, np.float32), gain=np.full(COLUMNS, 1.5, np.float32))
    plant.ingest(Camera([shot(0)]), correction_for=lambda _frame: Correction(flat=flat))
    [frame] = plant.frames()
    expected = np.clip(np.rint((texture(0).astype(np.float64) - 10) * 1.5), 0, 255)
    np.testing.assert_array_equal(decode(plant.images.get(frame.image or ""), name="stored"), expected)


def test_a_frame_of_another_width_than_its_flat_field_is_kept_as_it_came_and_not_judged() -> None:
    plant = Plant()
    flat = FlatField(dark=np.zeros(COLUMNS + 1, np.float32), gain=np.ones(COLUMNS + 1, np.float32))
    summary = plant.ingest(Camera([shot(0)]), correction_for=lambda _frame: Correction(flat=flat))
    [(source, reason)] = summary.unusable
    assert source == "shot-0.png"
    assert "take new references" in reason
    [frame] = plant.frames()
    np.testing.assert_array_equal(decode(plant.images.get(frame.image or ""), name="stored"), texture(0))


def test_the_same_picture_under_two_names_is_two_frames_and_stored_once() -> None:
    plant = Plant()
    same = texture(0)
    summary = plant.ingest(Camera([shot(0, pixels=same), shot(1, pixels=same.copy())]))
    assert (summary.new, plant.images.written) == (2, 2)  # the frame and its thumbnail


def test_two_cameras_may_use_the_same_name() -> None:
    plant = Plant()
    same = texture(0)
    left, right = shot(0, pixels=same), replace(shot(0, pixels=same.copy()), camera="camera-1")
    assert plant.ingest(Camera([left, right])).new == 2


@dataclass
class DropFolder(Camera):
    """A folder in which a file is still being written."""

    incomplete: tuple[str, ...] = ("2.png.part",)


def test_files_still_being_written_are_told_and_a_camera_has_none() -> None:
    plant = Plant()
    assert plant.ingest(DropFolder(shots(1))).incomplete == ("2.png.part",)
    assert plant.ingest(Camera(shots(1))).incomplete == ()


def test_a_new_flat_field_or_another_image_form_adds_no_frame_twice() -> None:
    plant = Plant()
    plant.ingest(Camera(shots(3)))
    flat = FlatField(dark=np.full(COLUMNS, 10, np.float32), gain=np.full(COLUMNS, 1.5, np.float32))
    form = replace(SETUP, intake=replace(SETUP.intake, image_form="png"))
    again = plant.ingest(Camera(shots(3)), correction_for=lambda _frame: Correction(flat=flat), setup=form)
    assert (again.new, again.duplicates, again.captured) == (0, 3, 3)


def test_rows_from_before_fingerprints_are_known_by_camera_and_source() -> None:
    plant = Plant()
    plant.ingest(Camera(shots(2)))
    old = [replace(row, id=f"old-{row.sequence}", fingerprint=None, coil="coil-0") for row in plant.frames()]
    before = replace(COIL, id="coil-0")
    with plant.catalog.transaction() as unit:
        unit.add_coil(before)
        unit.add_frames(old)
    again = plant.ingest(Camera(shots(3)), coil=before, label_frame=mark)
    assert (again.new, again.duplicates, again.captured) == (1, 2, 3)
    with plant.catalog.transaction() as unit:
        assert {label.region.frame for label in unit.labels(coil="coil-0")} >= {"old-0", "old-1"}


def test_what_was_there_before_can_come_with_new_labels() -> None:
    plant = Plant()
    plant.ingest(Camera(shots(2)))
    summary = plant.ingest(Camera(shots(2)), label_frame=mark)
    assert (summary.new, summary.labels) == (0, 2)


def test_frames_out_of_order_are_judged_and_noted_and_repeated_ones_are_not_judged() -> None:
    plant = Plant()
    twice = replace(shot(1), source="shot-1-again.png", pixels=texture(99))
    summary = plant.ingest(Camera([shot(0), shot(2), shot(1), twice]))
    assert summary.noted == (("shot-1.png", "out of order: came after frame 2"),)
    assert summary.unusable == (("shot-1-again.png", "repeated: frame counter 1 and its lines came before"),)
    assert summary.missing == ()


def test_the_encoder_places_a_frame_where_lines_were_lost_before_it() -> None:
    plant = Plant()
    late = replace(shot(1), encoder=(LINES + 20) * 4)
    setup = replace(SETUP, mounts=lambda _camera: CameraMount(encoder_mm_per_count=0.25 / 4))
    summary = plant.ingest(Camera([replace(shot(0), encoder=0), late]), setup=setup)
    assert [(gap.first_line, gap.line_count) for gap in summary.missing] == [(LINES, 20)]
    # The next session of the same coil knows the encoder's zero.
    later = replace(shot(2), encoder=(3 * LINES + 20) * 4)
    assert plant.ingest(Camera([later]), setup=setup).missing[-1].line_count == LINES


def test_a_camera_that_should_have_seen_the_coil_and_delivered_nothing_is_missing_throughout() -> None:
    @dataclass
    class Two(Camera):
        expected_cameras: tuple[str, ...] = ("camera-0", "camera-1")

    plant = Plant()
    summary = plant.ingest(Two(shots(2)))
    assert [(gap.camera, gap.line_count, gap.reason) for gap in summary.missing] == [
        ("camera-1", 2 * LINES, "this camera delivered nothing")
    ]


def test_a_live_camera_goes_on_behind_what_the_coil_has() -> None:
    plant = Plant()
    plant.ingest(Camera(shots(2)), live=True)
    later = [
        replace(shot(number), captured_at=NOON + timedelta(hours=1), pixels=texture(50 + number)) for number in (0, 1)
    ]
    summary = plant.ingest(Camera(later), live=True)
    # Two frames, and a row that says that nobody knows how far the strip went.
    assert (summary.new, summary.captured) == (3, 5)
    assert [row.first_line for row in plant.frames() if row.usable] == [0, LINES, 2 * LINES, 3 * LINES]
    [(_, reason)] = summary.unusable
    assert "neither an encoder nor a line rate" in reason


def test_frames_that_come_while_the_intake_is_full_are_dropped_and_every_line_of_them_is_booked() -> None:
    class SlowImages(InMemoryImages):
        """A disk that does not follow until the camera has sent everything."""

        def put(self, content: bytes | bytearray | memoryview, *, suffix: str, derived: bool = False) -> str:
            sent.wait(5.0)
            return super().put(content, suffix=suffix)

    @dataclass
    class Fast(Camera):
        def __iter__(self) -> Iterator[Capture]:
            yield from super().__iter__()
            sent.set()

    sent = threading.Event()
    plant = Plant(images=SlowImages())
    setup = replace(SETUP, intake=IntakeSettings(in_flight=2, when_full=WhenFull.DROP, flush_s=60.0))
    summary = plant.ingest(Fast(shots(30), expected_lines=30 * LINES), setup=setup)
    rows = plant.frames()
    assert sum(row.line_count for row in rows) == 30 * LINES
    assert (summary.missing, sum(row.usable for row in rows)) == ((), 2)
    [(_, reason)] = summary.unusable
    assert reason.startswith("dropped: 28 frames came while the intake was full (policy drop)")


def test_a_frame_whose_strip_is_all_trim_is_not_judged() -> None:
    pixels = np.full((LINES, COLUMNS), 20, np.uint8) + texture(0) % 4
    pixels[:, 12:36] += 150
    edges = EdgeSettings(enabled=True)
    plant = Plant()
    good = plant.ingest(Camera([shot(0, pixels=pixels)]), setup=replace(SETUP, edges=edges, trim_mm=0.3))
    assert good.unusable == ()
    [row] = plant.frames()
    assert row.measures is not None
    assert row.measures.zone_left_px in (15, 16)
    assert row.measures.zone_right_px in (32, 33)
    other = Plant()
    summary = other.ingest(Camera([shot(0, pixels=pixels.copy())]), setup=replace(SETUP, edges=edges, trim_mm=2.0))
    assert len(summary.unusable) == 1


def test_saturation_is_judged_against_the_bits_of_the_camera() -> None:
    twelve = replace(shot(0, pixels=np.full((LINES, COLUMNS), 4095, np.uint16)), settings=CaptureSettings(bits=12))
    [(_, reason)] = Plant().ingest(Camera([twelve])).unusable
    assert reason.startswith("over-exposed: 100.0% of the pixels are saturated")
