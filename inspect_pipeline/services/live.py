"""What the pages show of coils, lines and their history, without reading whole coils where the catalog can count."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inspect_pipeline.domain.alarms import Alarm
from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.capture import QualityRange
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.geometry import StripLeft, strip_left
from inspect_pipeline.domain.grading import grade, outcomes
from inspect_pipeline.domain.labels import LabelRole, in_force
from inspect_pipeline.domain.ledger import Cover, Interval, Ledger, ledger
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.overview import CoilCounts, FindingColumns, SeenFrame
from inspect_pipeline.domain.records import Clock, Promotion, StageRun
from inspect_pipeline.domain.statistics import Rate, rate
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.monitoring import STAGE, LineLook, look_of
from inspect_pipeline.services.ports import Catalog, CatalogUnit, ImageStore

COILS_A_PAGE, FINDINGS_A_PAGE, LATEST_FRAMES = 25, 50, 12
_EDGE_FRAMES, _SCANNED = 40, 500
_NOT_JUDGED = (Cover.CAPTURED, Cover.UNUSABLE, Cover.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilPage:
    """One page of coils, newest first; ``page`` counts from 1."""

    coils: tuple[CoilCounts, ...]
    page: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the coil that was not judged: ``kind`` is missing, unusable or captured (not judged yet).

    ``start_m`` is its end nearer to the head; ``crossweb_mm`` and ``width_mm`` are its camera's lane.
    """

    kind: Cover
    camera: str
    start_m: float
    length_m: float
    crossweb_mm: float
    width_mm: float
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilView:
    """One coil: its counts, how much was judged, where it was not, and the size of its map."""

    counts: CoilCounts
    length_m: float
    width_mm: float
    inspected_m: float
    not_inspected_m: float
    stretches: tuple[Stretch, ...]
    quality: tuple[QualityRange, ...]
    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilTrend:
    """One coil of a trend; rates with exact 95% intervals. ``overkill`` None: no unit of it is known to be good."""

    counts: CoilCounts
    alarms: Rate
    unknown: Rate
    unusable: Rate
    overkill: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNow:
    """What a line does: its newest coil with its latest captures, the latest look of the watch."""

    line: str
    coil: CoilCounts | None
    frames: tuple[SeenFrame, ...]
    look: LineLook | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The use cases; ``excluding`` is how the names of coils begin that hold taught samples."""

    catalog: Catalog
    images: ImageStore
    clock: Clock
    excluding: str

    def lines(self) -> list[str]:
        """Return the lines that have coils, sorted."""
        return sorted({line for line, _ in self.recipes()})

    def recipes(self) -> list[tuple[str, str]]:
        """Return every (line, recipe) that has coils, sorted."""
        with self.catalog.transaction() as unit:
            return unit.overview.recipes(excluding=self.excluding)

    def coils(self, *, line: str | None, page: int = 1, size: int = COILS_A_PAGE) -> CoilPage:
        """Return a page of coils, newest first. Raises BadDataError for a page below 1."""
        if page < 1 or size < 1:
            raise BadDataError(f"page {page} of {size} coils cannot be; pages count from 1")
        with self.catalog.transaction() as unit:
            total = unit.overview.coil_total(line=line, excluding=self.excluding)
            found = unit.overview.coil_page(line=line, excluding=self.excluding, offset=(page - 1) * size, limit=size)
            counted = unit.overview.counts(found)
        return CoilPage(coils=tuple(counted), page=page, pages=max(1, -(-total // size)), total=total)

    def coil(self, coil_id: str, *, detector: str | None = None) -> CoilView:
        """Return one coil by the detector version that judged it last, or by the one named.

        Raises NotFoundError for a coil that is not there, or that ``detector`` never judged.
        """
        with self.catalog.transaction() as unit:
            coil, judges = self._coil(unit, coil_id, detector)
            (counts,) = unit.overview.counts([coil], detector=detector)
            book = _ledger(unit, coil, counts.detector)
            frames = unit.overview.first_usable(coil_id, limit=_EDGE_FRAMES)
            quality = unit.quality(coil_id)
        scale_m = counts.mm_per_line / 1000.0
        total_m, lost_m = book.expected_lines * scale_m, book.not_inspected_lines * scale_m
        lanes = _lanes(frames)
        return CoilView(
            counts=counts,
            length_m=max(total_m, coil.offset_m) if coil.reversed else coil.offset_m + total_m,
            width_mm=max((left + width for left, width in lanes.values()), default=1.0),
            inspected_m=total_m - lost_m,
            not_inspected_m=lost_m,
            stretches=tuple(_stretch(one, coil, counts.mm_per_line, lanes) for one in book.of(*_NOT_JUDGED)),
            quality=tuple(quality),
            detectors=tuple(judges),
        )

    def findings(
        self, coil_id: str, *, detector: str | None = None, offset: int = 0, limit: int | None = None
    ) -> FindingColumns:
        """Return the findings of a coil by place, head first; none where nothing judged it. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            _, judges = self._coil(unit, coil_id, detector)
            judge = detector or next(iter(judges), "")
            return unit.overview.findings(coil_id, detector=judge, offset=offset, limit=limit)

    def coil_pareto(self, coil_id: str, *, detector: str | None) -> list[tuple[str, int]]:
        """Return (type, findings) of a detector on a coil, most frequent first; none where nothing judged it."""
        with self.catalog.transaction() as unit:
            return unit.overview.types_found(coil_id, detector=detector or "")

    def unjudged_coils(self) -> list[CoilCounts]:
        """Return those of the newest coils on which captures wait for their verdict."""
        return [one for one in self.coils(line=None).coils if one.captured and not one.complete]

    def pareto(self, *, line: str, since: datetime, until: datetime) -> list[tuple[str, int]]:
        """Return (type, findings) over the coils of a line that began in a period, most frequent first."""
        with self.catalog.transaction() as unit:
            return unit.overview.pareto(line=line, since=since, until=until, excluding=self.excluding)

    def recent_pareto(self, *, line: str, days: float) -> list[tuple[str, int]]:
        """Return the Pareto of the last days."""
        now = self.clock()
        return self.pareto(line=line, since=now - timedelta(days=days), until=now + timedelta(seconds=1))

    def trends(self, *, line: str, coils: int) -> list[CoilTrend]:
        """Return the newest coils of a line, oldest first, each by the detector that judged it last."""
        page = self.coils(line=line, size=coils)
        judged = [one for one in reversed(page.coils) if one.judged]
        return [self._trend(one) for one in judged]

    def _trend(self, counts: CoilCounts) -> CoilTrend:
        unknown, unusable = counts.verdicts.get(Verdict.UNKNOWN, 0), counts.verdicts.get(Verdict.UNUSABLE, 0)
        return CoilTrend(
            counts=counts,
            alarms=rate(counts.alarmed, counts.judged),
            unknown=rate(unknown, counts.judged),
            unusable=rate(unusable, counts.judged + unusable),
            overkill=self._overkill(counts),
        )

    def _overkill(self, counts: CoilCounts) -> Rate | None:
        """Return how many known-good held-out units alarmed; only coils that have such labels are read for it."""
        with self.catalog.transaction() as unit:
            labels = in_force(unit.labels(coil=counts.coil.id, role=LabelRole.HELD_OUT), role=LabelRole.HELD_OUT)
            if not labels or counts.detector is None:
                return None
            graded = grade(outcomes(labels, unit.results(counts.coil.id, detector=counts.detector)))
        return graded.overkill if graded.overkill.trials else None

    def promotions(self, line: str) -> list[Promotion]:
        """Return every change of the versions in force on a line, newest first."""
        models = [detector_name(name, recipe) for name, recipe in self.recipes() if name == line]
        with self.catalog.transaction() as unit:
            found = [promotion for model in models for promotion in unit.promotions(model)]
        return sorted(found, key=lambda one: one.at)[::-1]

    def now(self, line: str) -> LineNow:
        """Return what a line does. Raises NotFoundError for a line that has no coil."""
        at = self.clock()
        with self.catalog.transaction() as unit:
            newest = unit.overview.coil_page(line=line, excluding=self.excluding, offset=0, limit=1)
            if not newest:
                raise NotFoundError(f"line {line!r} has no coil yet; ingest one")
            (counts,) = unit.overview.counts(newest)
            frames = unit.overview.latest_frames(newest[0].id, detector=counts.detector, limit=LATEST_FRAMES)
        look = next(iter(self.looks(line, limit=1)), None)
        return LineNow(line=line, coil=counts, frames=tuple(frames), look=look, at=at)

    def looks(self, line: str, *, limit: int) -> list[LineLook]:
        """Return the latest looks of the watch at a line, newest first."""
        with self.catalog.transaction() as unit:
            runs = [run for run in unit.overview.last_stages(STAGE, limit=_SCANNED) if run.model is not None]
        found = [look_of(run) for run in runs]
        return [look for look in found if look.line == line][:limit]

    def alarms(self) -> list[Alarm]:
        """Return the alarms of the latest look at every line and at the stores."""
        with self.catalog.transaction() as unit:
            runs = unit.overview.last_stages(STAGE, limit=_SCANNED)
        latest: dict[tuple[str, str] | None, StageRun] = {}
        for run in runs:
            place = None if run.model is None else (str(run.detail["line"]), str(run.detail["recipe"]))
            latest.setdefault(place, run)
        return [alarm for run in latest.values() for alarm in alarms_of(run)]

    def last_stages(self, *, limit: int) -> list[StageRun]:
        """Return what was done last, of any kind, newest first."""
        with self.catalog.transaction() as unit:
            return unit.overview.last_stages(None, limit=limit)

    def thumbnail(self, frame: str) -> bytes:
        """Return the thumbnail of a frame. Raises NotFoundError where there is none, or retention removed it."""
        with self.catalog.transaction() as unit:
            address = unit.overview.thumbnail_of(frame)
        if address is None:
            raise NotFoundError(f"frame {frame!r} has no thumbnail")
        return self.images.get(address)

    def _coil(self, unit: CatalogUnit, coil_id: str, detector: str | None) -> tuple[Coil, list[str]]:
        coil = unit.coil(coil_id)
        if coil is None or coil_id.startswith(self.excluding):
            raise NotFoundError(f"coil {coil_id!r} is not in the catalog")
        judges = unit.detectors_of(coil_id)
        if detector is not None and detector not in judges:
            raise NotFoundError(f"detector {detector!r} never judged coil {coil_id!r}")
        return coil, judges


def alarms_of(run: StageRun) -> list[Alarm]:
    """Return the alarms that a look of the watch keeps."""
    return [Alarm.from_document(one) for one in json.loads(str(run.detail["alarms"]))]


def _ledger(unit: CatalogUnit, coil: Coil, detector: str | None) -> Ledger:
    said = [] if detector is None else unit.overview.verdicts(coil.id, detector=detector)
    book = ledger(
        unit.spans(coil.id),
        expected_lines=coil.expected_lines,
        cameras=coil.cameras,
        judged={one.frame: one.verdict is not Verdict.UNUSABLE for one in said},
        unjudged_reasons={one.frame: one.reason for one in said if one.reason is not None},
    )
    book.check()
    return book


def _lanes(frames: Sequence[CapturedFrame]) -> dict[str, tuple[float, float]]:
    """Return (left, width) of each camera's view across the strip in mm, by the strip's edge near the head."""
    edge: StripLeft = strip_left(frames)
    lanes: dict[str, tuple[float, float]] = {}
    for frame in frames:
        left = frame.offset_mm - edge.at(frame.first_line + frame.line_count / 2.0)
        lanes.setdefault(frame.camera, (left, frame.width_mm))
    return lanes


def _stretch(interval: Interval, coil: Coil, scale_mm: float, lanes: Mapping[str, tuple[float, float]]) -> Stretch:
    ends = [coil.downweb_m(line, mm_per_line=scale_mm) for line in (interval.first_line, interval.end)]
    whole = (0.0, max((left + width for left, width in lanes.values()), default=1.0))
    left, width = lanes.get(interval.camera, whole)
    return Stretch(
        kind=interval.cover,
        camera=interval.camera,
        start_m=min(ends),
        length_m=max(ends) - min(ends),
        crossweb_mm=left,
        width_mm=width,
        reason=interval.reason,
    )
