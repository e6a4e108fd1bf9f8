"""Ingest on in-memory stores: nothing lost, nothing twice, every refusal in the ledger with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from inspect_pipeline.domain.labels import Label, LabelKind, Region
from inspect_pipeline.domain.material import CapturedFrame, Coil, Frame, Pixels, Roi, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import StorageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.flatfield import FlatField
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.services.ingest import Ingest, IngestSummary, LabelFrame, LineSetup
from inspect_pipeline.services.pipeline import IntakeSettings
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

    def put(self, content: bytes | bytearray | memoryview, *, suffix: str) -> str:
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
