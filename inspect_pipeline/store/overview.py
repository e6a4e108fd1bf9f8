"""Counts over coils in SQL: what pages show, without reading whole coils."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.overview import CoilCounts, FindingColumns, FrameVerdict, GoodFrame, SeenFrame
from inspect_pipeline.domain.records import StageRun
from inspect_pipeline.store.frames import coil_of, first_usable, mm_per_line_of
from inspect_pipeline.store.tables import CoilRow, FindingRow, FrameMeasuresRow, FrameResultRow, FrameRow, StageRunRow

_COILS_A_QUERY = 200


class SqlOverview:
    """Counts within one transaction; see ``services.overview_ports`` for what each method promises."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def recipes(self, *, excluding: str) -> list[tuple[str, str]]:
        """Return every (line, recipe) that has coils, sorted."""
        query = select(CoilRow.line, CoilRow.recipe).where(*_material(None, excluding)).distinct()
        return sorted((line, recipe) for line, recipe in self._session.execute(query))

    def coil_total(self, *, line: str | None, excluding: str) -> int:
        """Return how many coils there are."""
        query = select(func.count()).select_from(CoilRow).where(*_material(line, excluding))
        return self._session.scalars(query).one()

    def coil_page(self, *, line: str | None, excluding: str, offset: int, limit: int) -> list[Coil]:
        """Return coils newest first."""
        query = select(CoilRow).where(*_material(line, excluding))
        query = query.order_by(CoilRow.created_at.desc(), CoilRow.id.desc()).offset(offset).limit(limit)
        return [coil_of(row) for row in self._session.scalars(query)]

    def coils_judged_by(self, detector: str, *, line: str, recipe: str, excluding: str) -> list[Coil]:
        """Return the coils that a detector version has a verdict on, oldest first."""
        judged = select(FrameResultRow.seq).where(
            FrameResultRow.coil == CoilRow.id, FrameResultRow.detector == detector
        )
        query = select(CoilRow).where(*_material(line, excluding), CoilRow.recipe == recipe, judged.exists())
        return sorted(map(coil_of, self._session.scalars(query)), key=lambda coil: (coil.created_at, coil.id))

    def counts(self, coils: Sequence[Coil], *, detector: str | None = None) -> list[CoilCounts]:
        """Return each coil in numbers, in the order given."""
        found: list[CoilCounts] = []
        for at in range(0, len(coils), _COILS_A_QUERY):
            found += self._counts(coils[at : at + _COILS_A_QUERY], detector)
        return found

    def _counts(self, coils: Sequence[Coil], detector: str | None) -> list[CoilCounts]:
        ids = [coil.id for coil in coils]
        captures = self._captures(ids)
        judges = dict.fromkeys(ids, detector) if detector is not None else self._last_judges(ids)
        verdicts, findings = self._verdict_counts(ids), self._finding_counts(ids)
        counted = []
        for coil in coils:
            captured, unusable, end_line = captures.get(coil.id, (0, 0, 0))
            judge = judges.get(coil.id)
            counted.append(
                CoilCounts(
                    coil=coil,
                    captured=captured,
                    unusable=unusable,
                    end_line=end_line,
                    mm_per_line=mm_per_line_of(self._session, coil.id),
                    detector=judge,
                    verdicts=verdicts.get((coil.id, judge), {}),
                    findings=findings.get((coil.id, judge), 0),
                )
            )
        return counted

    def _captures(self, coils: Sequence[str]) -> dict[str, tuple[int, int, int]]:
        end = func.max(FrameRow.first_line + FrameRow.line_count + FrameRow.torn_lines)
        query = select(FrameRow.coil, func.count(), func.count(FrameRow.reason), end)
        rows = self._session.execute(query.where(FrameRow.coil.in_(coils)).group_by(FrameRow.coil))
        return {coil: (captured, unusable, int(end_line)) for coil, captured, unusable, end_line in rows}

    def _last_judges(self, coils: Sequence[str]) -> dict[str, str]:
        query = select(FrameResultRow.coil, FrameResultRow.detector, func.max(FrameResultRow.seq))
        query = query.where(FrameResultRow.coil.in_(coils)).group_by(FrameResultRow.coil, FrameResultRow.detector)
        last: dict[str, tuple[int, str]] = {}
        for coil, judge, seq in self._session.execute(query):
            last[coil] = max(last.get(coil, (-1, "")), (seq, judge))
        return {coil: judge for coil, (_, judge) in last.items()}

    def _verdict_counts(self, coils: Sequence[str]) -> dict[tuple[str, str | None], dict[Verdict, int]]:
        columns = (FrameResultRow.coil, FrameResultRow.detector, FrameResultRow.verdict)
        query = select(*columns, func.count()).where(FrameResultRow.coil.in_(coils)).group_by(*columns)
        found: dict[tuple[str, str | None], dict[Verdict, int]] = defaultdict(dict)
        for coil, judge, verdict, count in self._session.execute(query):
            found[coil, judge][Verdict(verdict)] = count
        return found

    def _finding_counts(self, coils: Sequence[str]) -> dict[tuple[str, str | None], int]:
        columns = (FrameResultRow.coil, FrameResultRow.detector)
        query = select(*columns, func.count()).join(FindingRow, FindingRow.result == FrameResultRow.seq)
        rows = self._session.execute(query.where(FrameResultRow.coil.in_(coils)).group_by(*columns))
        return {(coil, judge): count for coil, judge, count in rows}

    def verdicts(self, coil: str, *, detector: str) -> list[FrameVerdict]:
        """Return what a detector version said of each frame of a coil."""
        query = select(FrameResultRow.frame, FrameResultRow.verdict, FrameResultRow.reason)
        rows = self._session.execute(query.where(FrameResultRow.coil == coil, FrameResultRow.detector == detector))
        return [FrameVerdict(frame=frame, verdict=Verdict(verdict), reason=reason) for frame, verdict, reason in rows]

    def findings(self, coil: str, *, detector: str, offset: int = 0, limit: int | None = None) -> FindingColumns:
        """Return a detector version's findings on a coil by place."""
        columns = (
            FindingRow.result, FindingRow.ordinal, FrameResultRow.frame, FindingRow.defect_type, FindingRow.life_cycle,
            FindingRow.downweb_m, FindingRow.crossweb_mm, FindingRow.width_mm, FindingRow.length_mm, FindingRow.score,
        )  # fmt: skip
        query = select(*columns).join(FrameResultRow, FrameResultRow.seq == FindingRow.result)
        query = query.where(FrameResultRow.coil == coil, FrameResultRow.detector == detector)
        order = (FindingRow.downweb_m, FindingRow.crossweb_mm, FindingRow.result, FindingRow.ordinal)
        return _columns(self._session.execute(query.order_by(*order).offset(offset).limit(limit)).all())

    def types_found(self, coil: str, *, detector: str) -> list[tuple[str, int]]:
        """Return (type, findings) of a detector version on a coil, most frequent first."""
        query = select(FindingRow.defect_type, func.count()).join(
            FrameResultRow, FrameResultRow.seq == FindingRow.result
        )
        query = query.where(FrameResultRow.coil == coil, FrameResultRow.detector == detector)
        rows = self._session.execute(query.group_by(FindingRow.defect_type))
        return sorted(((name, count) for name, count in rows), key=lambda pair: (-pair[1], pair[0]))

    def pareto(self, *, line: str, since: datetime, until: datetime, excluding: str) -> list[tuple[str, int]]:
        """Return (type, findings) over a line's coils of a period, most frequent first."""
        period = (CoilRow.created_at >= since, CoilRow.created_at < until)
        ids = list(self._session.scalars(select(CoilRow.id).where(*_material(line, excluding), *period)))
        totals: dict[str, int] = defaultdict(int)
        for at in range(0, len(ids), _COILS_A_QUERY):
            some = ids[at : at + _COILS_A_QUERY]
            judges = self._last_judges(some)
            columns = (FrameResultRow.coil, FrameResultRow.detector, FindingRow.defect_type)
            query = select(*columns, func.count()).join(FindingRow, FindingRow.result == FrameResultRow.seq)
            query = query.where(FrameResultRow.coil.in_(some)).group_by(*columns)
            for coil, judge, name, count in self._session.execute(query):
                totals[name] += count if judges[coil] == judge else 0
        return sorted(((name, n) for name, n in totals.items() if n), key=lambda pair: (-pair[1], pair[0]))

    def mean_measures(self, coils: Sequence[str], *, measures: Sequence[str]) -> dict[tuple[str, str, str], float]:
        """Return the mean of each measure over the usable frames, by (coil, camera, measure)."""
        found: dict[tuple[str, str, str], float] = {}
        means = [func.avg(getattr(FrameMeasuresRow, name)) for name in measures]
        query = select(FrameRow.coil, FrameRow.camera, *means)
        query = query.join(FrameMeasuresRow, FrameMeasuresRow.frame == FrameRow.id).where(FrameRow.reason.is_(None))
        for at in range(0, len(coils), _COILS_A_QUERY):
            some = query.where(FrameRow.coil.in_(coils[at : at + _COILS_A_QUERY]))
            for coil, camera, *values in self._session.execute(some.group_by(FrameRow.coil, FrameRow.camera)):
                pairs = zip(measures, values, strict=True)
                found |= {(coil, camera, name): float(value) for name, value in pairs if value is not None}
        return found

    def good_frames(self, coil: str, *, detector: str, limit: int) -> list[GoodFrame]:
        """Return at most ``limit`` frames that passed and kept a heatmap, evenly over the order of their verdicts."""
        passed = (
            FrameResultRow.coil == coil,
            FrameResultRow.detector == detector,
            FrameResultRow.verdict == Verdict.PASS.value,
            FrameResultRow.heatmap.is_not(None),
        )
        seqs = list(self._session.scalars(select(FrameResultRow.seq).where(*passed).order_by(FrameResultRow.seq)))
        chosen = [seqs[at * len(seqs) // limit] for at in range(limit)] if len(seqs) > limit else seqs
        zone = (FrameMeasuresRow.zone_left_px, FrameMeasuresRow.zone_right_px)
        query = select(FrameResultRow.frame, FrameResultRow.heatmap, FrameRow.width_px, *zone)
        query = query.join(FrameRow, FrameRow.id == FrameResultRow.frame)
        query = query.outerjoin(FrameMeasuresRow, FrameMeasuresRow.frame == FrameRow.id)
        rows = self._session.execute(query.where(FrameResultRow.seq.in_(chosen)).order_by(FrameResultRow.seq))
        return [
            GoodFrame(
                frame=row.frame,
                heatmap=row.heatmap,
                width_px=row.width_px,
                zone_left_px=row.zone_left_px,
                zone_right_px=row.zone_right_px,
            )
            for row in rows
        ]

    def latest_frames(self, coil: str, *, detector: str | None, limit: int) -> list[SeenFrame]:
        """Return the captures of a coil with the highest first lines, those first."""
        columns = (FrameRow.id, FrameRow.camera, FrameRow.source, FrameRow.first_line, FrameRow.captured_at)
        judged = and_(FrameResultRow.frame == FrameRow.id, FrameResultRow.detector == (detector or ""))
        said = (FrameResultRow.verdict, FrameResultRow.reason.label("judged_reason"))
        query = select(*columns, FrameRow.reason, FrameMeasuresRow.thumbnail, *said)
        query = query.outerjoin(FrameMeasuresRow, FrameMeasuresRow.frame == FrameRow.id)
        query = query.outerjoin(FrameResultRow, judged).where(FrameRow.coil == coil)
        order = (FrameRow.first_line.desc(), FrameRow.camera, FrameRow.sequence.desc(), FrameRow.id)
        return [
            SeenFrame(
                frame=row.id,
                camera=row.camera,
                source=row.source,
                first_line=row.first_line,
                captured_at=row.captured_at,
                verdict=None if row.verdict is None else Verdict(row.verdict),
                reason=row.reason or row.judged_reason,
                thumbnail=row.thumbnail,
            )
            for row in self._session.execute(query.order_by(*order).limit(limit))
        ]

    def first_usable(self, coil: str, *, limit: int) -> list[CapturedFrame]:
        """Return the usable frames of a coil with the lowest first lines, those first."""
        return first_usable(self._session, coil, limit=limit)

    def thumbnail_of(self, frame: str) -> str | None:
        """Return the address of a frame's thumbnail."""
        query = select(FrameMeasuresRow.thumbnail).where(FrameMeasuresRow.frame == frame)
        return self._session.scalars(query).first()

    def images(self, coil: str, *, limit: int) -> list[str]:
        """Return addresses of stored images of a coil, last ones first."""
        kept = (FrameRow.coil == coil, FrameRow.image.is_not(None), FrameRow.pruned_at.is_(None))
        query = select(FrameRow.image).where(*kept).order_by(FrameRow.first_line.desc(), FrameRow.camera)
        return [address for address in self._session.scalars(query.limit(limit)) if address is not None]

    def last_stages(self, stage: str | None, *, model: str | None = None, limit: int) -> list[StageRun]:
        """Return the latest runs of a stage, newest first."""
        query: Select[tuple[StageRunRow]] = select(StageRunRow)
        if stage is not None:
            query = query.where(StageRunRow.stage == stage)
        if model is not None:
            query = query.where(StageRunRow.model == model)
        order = (StageRunRow.started_at.desc(), StageRunRow.seq.desc())
        return [
            StageRun(
                stage=row.stage,
                started_at=row.started_at,
                seconds=row.seconds,
                coil=row.coil,
                model=row.model,
                detail=row.detail,
            )
            for row in self._session.scalars(query.order_by(*order).limit(limit))
        ]


def _material(line: str | None, excluding: str) -> list[ColumnElement[bool]]:
    """Return the conditions of coils that passed the line; equality, since LIKE differs between databases."""
    of_line = [] if line is None else [CoilRow.line == line]
    return [*of_line, func.substr(CoilRow.id, 1, len(excluding)) != excluding] if excluding else of_line


def _columns(rows: Sequence[object]) -> FindingColumns:
    turned = list(zip(*rows, strict=True)) if rows else [()] * 10
    results, ordinals, frames, names, stages, downweb, crossweb, width, length, score = turned
    types = tuple(sorted(set(names)))
    number = {name: at for at, name in enumerate(types)}
    return FindingColumns(
        items=tuple(f"{result}-{ordinal}" for result, ordinal in zip(results, ordinals, strict=True)),
        frames=frames,
        types=types,
        type_of=tuple(number[name] for name in names),
        life_cycles=stages,
        downweb_m=downweb,
        crossweb_mm=crossweb,
        width_mm=width,
        length_mm=length,
        score=score,
    )
