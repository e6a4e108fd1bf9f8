"""Ingest: every capture of a source becomes an image file and a row, or an unusable row with its reason."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from inspect_pipeline.domain.labels import Label
from inspect_pipeline.domain.material import CapturedFrame, Coil, Frame, Gap, UnusableCapture, missing_lines
from inspect_pipeline.domain.records import Capture, Clock, Progress, StageRun
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.capture_quality import QualityLimits, judge
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.imaging.flatfield import FlatField, correct
from inspect_pipeline.services.ports import Catalog, FrameSource, ImageStore, WaitsForFiles

_ROWS_A_TRANSACTION = 16

LabelFrame = Callable[[CapturedFrame], Sequence[Label]]
"""Returns the labels that came with a frame (ground truth, imported labels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What one ingest did.

    ``captured``, ``unusable`` (source, reason) and ``missing`` speak of the whole coil; ``new`` and ``duplicates`` of
    this run. Counts are frames; gaps are in lines. ``incomplete`` are files that were still being written: not in the
    ledger yet, the next run takes them.
    """

    coil: str
    captured: int
    new: int
    duplicates: int
    unusable: tuple[tuple[str, str], ...]
    missing: tuple[Gap, ...]
    labels: int
    seconds: float
    incomplete: tuple[str, ...] = ()

    @property
    def nothing_new(self) -> bool:
        """Whether every capture was there before."""
        return self.new == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """The ingest use case with the adapters it needs."""

    catalog: Catalog
    images: ImageStore
    limits: QualityLimits
    clock: Clock
    progress: Progress
    flat_field: FlatField | None = None
    label_frame: LabelFrame | None = None

    def run(self, source: FrameSource, coil: Coil) -> IngestSummary:
        """Take in all captures of ``source`` as frames of ``coil``; a second run adds nothing.

        The image file is written before its row. Rows go in small transactions, so a killed run keeps what it
        had and the next one goes on from there.
        """
        started = self.clock()
        with self.catalog.transaction() as unit:
            unit.add_coil(coil)
        captured = new = labelled = 0
        for batch in _batches(self._rows(source, coil), _ROWS_A_TRANSACTION):
            labels = self._labels(batch)
            with self.catalog.transaction() as unit:
                new += unit.add_frames(batch)
                labelled += unit.add_labels(labels)
            captured += len(batch)
            self.progress(f"ingest {coil.id}", captured, 0)
        return self._close(source, coil, captured=captured, new=new, labelled=labelled, started_at=started)

    def _labels(self, batch: Sequence[CapturedFrame]) -> list[Label]:
        if self.label_frame is None:
            return []
        return [label for row in batch for label in self.label_frame(row)]

    def _rows(self, source: FrameSource, coil: Coil) -> Iterator[CapturedFrame]:
        next_line = 0
        for sequence, capture in enumerate(source):
            row = self._row(capture, coil, sequence=sequence, next_line=next_line)
            next_line = max(next_line, row.first_line + row.line_count)
            yield row

    def _row(self, capture: Capture, coil: Coil, *, sequence: int, next_line: int) -> CapturedFrame:
        if isinstance(capture, UnusableCapture):
            return _unusable_row(capture, coil, sequence=sequence, next_line=next_line, now=self.clock)
        try:
            reasons = self._reasons(capture)
            pixels = capture.pixels if self.flat_field is None else correct(capture.pixels, self.flat_field)
        except BadImageError as error:
            # A frame of another width than its flat field: kept as it came, and not judged.
            reasons, pixels = (str(error),), capture.pixels
        address = self.images.put(encode_png(pixels), suffix="png")
        return CapturedFrame(
            id=_frame_id(coil.id, capture.camera, capture.source, address),
            coil=coil.id,
            camera=capture.camera,
            sequence=capture.sequence,
            source=capture.source,
            first_line=capture.first_line,
            line_count=capture.line_count,
            width_px=capture.width_px,
            captured_at=capture.captured_at,
            mm_per_px_across=capture.mm_per_px_across,
            mm_per_px_along=capture.mm_per_px_along,
            image=address,
            reason="; ".join(reasons) or None,
        )

    def _reasons(self, frame: Frame) -> tuple[str, ...]:
        reasons = tuple(judge(frame.pixels, self.limits).reasons)
        if frame.valid_lines is not None and frame.valid_lines < frame.line_count:
            torn = f"torn: only {frame.valid_lines} of {frame.line_count} lines arrived"
            return (torn, *reasons)
        return reasons

    def _close(
        self, source: FrameSource, coil: Coil, *, new: int, labelled: int, captured: int, started_at: datetime
    ) -> IngestSummary:
        """Write the ledger of the coil: what is missing between and after its frames."""
        seconds = (self.clock() - started_at).total_seconds()
        with self.catalog.transaction() as unit:
            frames = unit.frames(coil.id)
            spans = [(frame.first_line, frame.line_count) for frame in frames]
            gaps = missing_lines(spans, expected_lines=source.expected_lines)
            unit.replace_gaps(coil.id, gaps)
            if new:
                detail = {"frames": new, "labels": labelled}
                unit.add_stage(
                    StageRun(stage="ingest", started_at=started_at, seconds=seconds, coil=coil.id, detail=detail)
                )
        return IngestSummary(
            coil=coil.id,
            captured=len(frames),
            new=new,
            duplicates=captured - new,
            unusable=tuple((frame.source, frame.reason) for frame in frames if frame.reason is not None),
            missing=tuple(gaps),
            labels=labelled,
            seconds=seconds,
            incomplete=tuple(source.incomplete) if isinstance(source, WaitsForFiles) else (),
        )


def _frame_id(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _unusable_row(capture: UnusableCapture, coil: Coil, *, sequence: int, next_line: int, now: Clock) -> CapturedFrame:
    return CapturedFrame(
        id=_frame_id(coil.id, capture.camera, capture.source, capture.reason),
        coil=coil.id,
        camera=capture.camera,
        sequence=sequence if capture.sequence is None else capture.sequence,
        source=capture.source,
        first_line=next_line if capture.first_line is None else capture.first_line,
        line_count=capture.line_count,
        width_px=0,
        captured_at=capture.captured_at or now(),
        mm_per_px_across=1.0,
        mm_per_px_along=1.0,
        image=None,
        reason=capture.reason,
    )


def _batches(rows: Iterator[CapturedFrame], size: int) -> Iterator[list[CapturedFrame]]:
    batch: list[CapturedFrame] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
