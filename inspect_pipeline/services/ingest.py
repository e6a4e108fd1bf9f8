"""Ingest: every capture of a source becomes an image file and a row, or an unusable row with its reason."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from inspect_pipeline.domain.geometry import CameraMount
from inspect_pipeline.domain.labels import Label
from inspect_pipeline.domain.ledger import Cover, Interval, judged_ledger
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.imaging.capture_quality import QualityLimits
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.services.continued import Continued
from inspect_pipeline.services.intake_rate import IntakeRate, Rates
from inspect_pipeline.services.pipeline import IntakeSettings, in_order
from inspect_pipeline.services.placing import Placing
from inspect_pipeline.services.ports import (
    AlreadyCorrected,
    Catalog,
    CatalogUnit,
    FrameSource,
    ImageStore,
    NamesCameras,
    TellsNotes,
    WaitsForFiles,
)
from inspect_pipeline.services.preparing import CorrectionFor, Known, Prepared, Preparing, uncorrected

_ROWS_A_TRANSACTION = 16

LabelFrame = Callable[[CapturedFrame], Sequence[Label]]
"""Returns the labels that came with a frame (ground truth, imported labels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What one ingest did.

    ``captured``, ``unusable`` (source, reason), ``noted`` (source, what was odd) and ``missing`` speak of the whole
    coil; ``new`` and ``duplicates`` of this run. Counts are frames; ``missing`` is in lines. ``incomplete`` are files
    that were still being written: not in the ledger yet, the next run takes them. ``source_notes``: what the
    source told of itself.
    """

    coil: str
    captured: int
    new: int
    duplicates: int
    unusable: tuple[tuple[str, str], ...]
    noted: tuple[tuple[str, str], ...]
    missing: tuple[Interval, ...]
    expected_lines: int
    labels: int
    seconds: float
    rates: Rates
    incomplete: tuple[str, ...] = ()
    source_notes: tuple[str, ...] = ()

    @property
    def nothing_new(self) -> bool:
        """Whether every capture was there before."""
        return self.new == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSetup:
    """How the frames of a recipe and its cameras are taken in."""

    limits: QualityLimits = field(default_factory=QualityLimits)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    trim_mm: float = 0.0
    mounts: Callable[[str], CameraMount] = field(default=lambda _camera: CameraMount())


@dataclass(slots=True, kw_only=True)
class _Counts:
    taken: int = 0
    new: int = 0
    labelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """The ingest use case with the adapters it needs; ``seconds`` measures how fast it goes."""

    catalog: Catalog
    images: ImageStore
    setup: LineSetup
    clock: Clock
    progress: Progress
    correction_for: CorrectionFor = uncorrected
    label_frame: LabelFrame | None = None
    seconds: Callable[[], float] = time.monotonic

    def run(self, source: FrameSource, coil: Coil, *, live: bool = False) -> IngestSummary:
        """Take in all captures of ``source`` as frames of ``coil``; a second run adds nothing.

        A ``live`` camera has no earlier captures to give again: what it sends comes after what the coil has by then.

        The image file is written before its row. Rows go in small transactions, so a killed run keeps what it
        had and the next one goes on from there. At the end the ledger must balance: captured and missing lines are
        what was expected, or InspectError is raised.
        """
        started = self.clock()
        if live:
            source = self._continued(source, coil, started)
        placing = Placing(coil=coil, mounts=self.setup.mounts, most_wander_px=self.setup.edges.most_wander_px)
        known = self._opened(source, coil, placing)
        prepare = self._preparing(source, coil, known)
        rate = IntakeRate(seconds=self.seconds)
        counts = _Counts()
        for batch in self._batches(source, prepare):
            self._write(batch, placing, counts)
            for prepared in batch:
                rate.add(prepared)
            self.progress(f"ingest {coil.id}", rate.lines, source.expected_lines or 0, rate.shown())
        return self._close(source, coil, placing.cameras, counts=counts, rates=rate.rates(), started_at=started)

    def _continued(self, source: FrameSource, coil: Coil, now: datetime) -> FrameSource:
        with self.catalog.transaction() as unit:
            earlier = {extent.camera: extent for extent in unit.extents(coil.id)}
        if not earlier:
            return source
        return Continued(source=source, earlier=earlier, session=f"{now:%Y%m%dT%H%M%SZ}")

    def _opened(self, source: FrameSource, coil: Coil, placing: Placing) -> Known:
        """Add the coil with what is expected of it; return what is there of it already."""
        cameras = tuple(source.expected_cameras) if isinstance(source, NamesCameras) else ()
        with self.catalog.transaction() as unit:
            new = unit.add_coil(coil)
            if source.expected_lines is not None or cameras:
                unit.expect(coil.id, lines=source.expected_lines, cameras=cameras)
            if new:
                return Known()
            placing.resume(unit.first_frames(coil.id))
            return _known(unit, coil.id)

    def _preparing(self, source: FrameSource, coil: Coil, known: Known) -> Preparing:
        corrected = isinstance(source, AlreadyCorrected) and source.corrected
        return Preparing(
            coil=coil,
            images=self.images,
            limits=self.setup.limits,
            intake=self.setup.intake,
            edges=self.setup.edges,
            trim_mm=self.setup.trim_mm,
            clock=self.clock,
            mounts=self.setup.mounts,
            correction_for=uncorrected if corrected else self.correction_for,
            known=known,
        )

    def _batches(self, source: FrameSource, prepare: Preparing) -> Iterator[list[Prepared]]:
        """Yield captures for one transaction each: as many as fit, or those that waited long enough."""
        batch: list[Prepared] = []
        waiting_since = 0.0
        for done in in_order(source, prepare, settings=self.setup.intake):
            if done.result is not None:
                waiting_since = waiting_since if batch else self.seconds()
                batch.append(done.result)
            overdue = batch and self.seconds() - waiting_since >= self.setup.intake.flush_s
            if len(batch) == _ROWS_A_TRANSACTION or overdue or (batch and done.result is None):
                yield batch
                batch = []
        if batch:
            yield batch

    def _write(self, batch: Sequence[Prepared], placing: Placing, counts: _Counts) -> None:
        """Write the rows that are new, and the labels that came with all of them."""
        placed = [placing(prepared) for prepared in batch]
        rows = [row for row in placed if row is not None]
        counts.taken += len(batch)
        labels: list[Label] = []
        if self.label_frame is not None:
            for row in self._labelled(batch, placed):
                labels += self.label_frame(row)
        if not rows and not labels:
            return
        with self.catalog.transaction() as unit:
            counts.new += unit.add_frames(rows)
            counts.labelled += unit.add_labels(labels)

    def _labelled(self, batch: Sequence[Prepared], placed: Sequence[CapturedFrame | None]) -> Iterator[CapturedFrame]:
        """Yield every row of the batch as the source has it now: what was there before may come with new labels."""
        with self.catalog.transaction() as unit:
            for prepared, row in zip(batch, placed, strict=True):
                known = unit.frame(prepared.id) if row is None else row
                if known is not None:
                    yield known if prepared.sequence is None else replace(known, sequence=prepared.sequence)

    def _close(
        self,
        source: FrameSource,
        coil: Coil,
        cameras: Sequence[str],
        *,
        counts: _Counts,
        rates: Rates,
        started_at: datetime,
    ) -> IngestSummary:
        """Balance the ledger of the coil, and record the stage."""
        seconds = (self.clock() - started_at).total_seconds()
        with self.catalog.transaction() as unit:
            # A camera knows how long the coil was only when it has passed.
            unit.expect(coil.id, lines=source.expected_lines, cameras=cameras)
            book = judged_ledger(unit.coil(coil.id) or coil, unit.spans(coil.id), ())
            listed = unit.remarks(coil.id)
            captured = unit.count_frames(coil.id)
            if counts.new:
                detail = {"frames": counts.new, "labels": counts.labelled, "megabytes": round(rates.megabytes, 1)}
                unit.add_stage(
                    StageRun(stage="ingest", started_at=started_at, seconds=seconds, coil=coil.id, detail=detail)
                )
        book.check()
        return IngestSummary(
            coil=coil.id,
            captured=captured,
            new=counts.new,
            duplicates=counts.taken - counts.new,
            unusable=tuple((source, reason) for source, reason, _ in listed if reason is not None),
            noted=tuple((source, note) for source, _, note in listed if note is not None),
            missing=tuple(book.of(Cover.MISSING)),
            expected_lines=book.expected_lines,
            labels=counts.labelled,
            seconds=seconds,
            rates=rates,
            incomplete=tuple(source.incomplete) if isinstance(source, WaitsForFiles) else (),
            source_notes=tuple(source.notes) if isinstance(source, TellsNotes) else (),
        )


def _known(unit: CatalogUnit, coil_id: str) -> Known:
    ids: set[str] = set()
    sources: dict[tuple[str, str], str] = {}
    for frame_id, camera, source, fingerprinted in unit.frame_keys(coil_id):
        ids.add(frame_id)
        if not fingerprinted:
            sources[camera, source] = frame_id
    return Known(ids=ids, sources=sources)
