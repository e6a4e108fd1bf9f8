"""The report of a coil, filled from the catalog and the registry; what was not measured says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from inspect_pipeline.domain.figures import MeasuredNumber, NotMeasured, ShownRate
from inspect_pipeline.domain.findings import Finding, FrameResult, Verdict
from inspect_pipeline.domain.geometry import StripLeft, place_on_strip, strip_left
from inspect_pipeline.domain.grading import Grade, Outcome, grade, outcomes
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, in_force
from inspect_pipeline.domain.ledger import Cover, Interval, Ledger, judged_ledger, spans_of
from inspect_pipeline.domain.material import CapturedFrame, Coil, Place, mm_per_line
from inspect_pipeline.domain.records import Clock, StageRun
from inspect_pipeline.domain.report import (
    CoilMap,
    CoilReport,
    Exhibit,
    Fact,
    Footer,
    Head,
    MapFrame,
    MapGap,
    MissedDefect,
    OriginTruth,
    Pictures,
    ShownFinding,
    StageTime,
    Truth,
    TruthMark,
    TypeTruth,
)
from inspect_pipeline.domain.statistics import Rate, rate
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import Catalog, ImageStore, ModelRegistry
from inspect_pipeline.services.report_model import initialization_of, meta_training, model_facts
from inspect_pipeline.services.report_pictures import PictureRoom

_EXHIBITS, _MISSED_PICTURES = 12, 12


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """All that the catalog knows of a coil and one detector version."""

    coil: Coil
    frames: list[CapturedFrame]
    book: Ledger
    results: list[FrameResult]
    labels: list[Label]
    stages: list[StageRun]
    detector: str | None

    @property
    def mm_per_line(self) -> float:
        """Resolution downweb of the coil, as its lengths are counted everywhere."""
        return mm_per_line(self.frames)

    @cached_property
    def edge(self) -> StripLeft:
        """The left edge of the strip, from which crossweb places count where it was seen."""
        return strip_left(self.frames)

    def metres(self, lines: int) -> float:
        """Return the length of some lines along the coil."""
        return lines * self.mm_per_line / 1000.0

    def head_m(self, first_line: int, line_count: int) -> float:
        """Return the end of some lines that is nearer to the head of the coil."""
        ends = (
            self.coil.downweb_m(line, mm_per_line=self.mm_per_line) for line in (first_line, first_line + line_count)
        )
        return min(ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """The report use case with the adapters it needs."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    clock: Clock
    version: str
    command: str
    machine: tuple[Fact, ...]

    def build(self, coil_id: str, *, detector: str | None = None, same_run: bool = False) -> CoilReport:
        """Return the report of a coil by the detector version that judged it last, or by the one named.

        Raises NotFoundError for an unknown coil.
        """
        facts = self._facts(coil_id, detector)
        graded = outcomes(facts.labels, facts.results)
        pictures = PictureRoom(
            images=self.images,
            frames={frame.id: frame for frame in facts.frames},
            heatmaps={result.frame: result.heatmap for result in facts.results},
        )
        shown = _shown(facts.results, graded)
        worst = sorted(shown, key=lambda item: -item.finding.score)[:_EXHIBITS]
        sources = {frame.id: frame.source for frame in facts.frames}
        return CoilReport(
            head=self._head(facts),
            model=model_facts(self.registry, facts.detector),
            coil_map=_coil_map(facts, [_by_source(item, sources) for item in shown]),
            exhibits=tuple(
                Exhibit(shown=_by_source(item, sources), pictures=pictures.of(item.finding.frame, item.finding.roi))
                for item in worst
            ),
            truth=_truth(graded, facts, pictures),
            meta_training=meta_training(self.registry, facts.detector),
            stages=_stages(facts.stages),
            machine=self.machine,
            footer=Footer(command=self.command, version=self.version, created_at=self.clock(), same_run=same_run),
        )

    def _facts(self, coil_id: str, detector: str | None) -> _Facts:
        with self.catalog.transaction() as unit:
            coil = unit.coil(coil_id)
            if coil is None:
                raise NotFoundError(f"coil {coil_id!r} is not in the catalog; ingest it first")
            judged_by = detector or next(iter(unit.detectors_of(coil_id)), None)
            frames = unit.frames(coil_id)
            results = [] if judged_by is None else unit.results(coil_id, detector=judged_by)
            return _Facts(
                coil=coil,
                frames=frames,
                book=judged_ledger(coil, spans_of(frames), results),
                results=results,
                labels=in_force(unit.labels(coil=coil_id), role=LabelRole.HELD_OUT),
                stages=_relevant(
                    unit.stages(),
                    coil_id,
                    detector=judged_by,
                    initialization=initialization_of(self.registry, judged_by),
                ),
                detector=judged_by,
            )

    def _head(self, facts: _Facts) -> Head:
        facts.book.check()
        total_m, lost_m = facts.metres(facts.book.expected_lines), facts.metres(facts.book.not_inspected_lines)
        return Head(
            coil=facts.coil.id,
            line=facts.coil.line,
            recipe=facts.coil.recipe,
            family=facts.coil.family,
            scored_at=_scored_at(facts),
            inspected_m=total_m - lost_m,
            not_inspected_m=lost_m,
        )


def _relevant(
    stages: Sequence[StageRun], coil: str, *, detector: str | None, initialization: str | None
) -> list[StageRun]:
    """Return the training and the teaching that led to the detector, and the stages of this coil."""
    origins = [name for name in (initialization, detector) if name is not None]
    led_here = [run for run in stages if run.coil is None and run.model in origins]
    own = [run for run in stages if run.coil == coil and run.model in (None, detector)]
    return [*led_here, *own]


def _scored_at(facts: _Facts) -> datetime | NotMeasured:
    runs = [run for run in facts.stages if run.stage == "score"]
    return runs[-1].started_at if runs else NotMeasured(reason="this coil has not been scored yet")


def _stages(runs: Sequence[StageRun]) -> tuple[StageTime, ...] | NotMeasured:
    if not runs:
        return NotMeasured(reason="no stage was recorded")
    return tuple(
        StageTime(
            stage=run.stage, seconds=run.seconds, detail=", ".join(f"{v} {k}" for k, v in run.detail.items()) or None
        )
        for run in runs
    )


def _shown(results: Sequence[FrameResult], graded: Sequence[Outcome]) -> list[ShownFinding]:
    """Return every finding with what the reference labels say of it; findings outside them have no truth."""
    truth: dict[int, Outcome] = {}
    for outcome in graded:
        for finding in outcome.findings:
            known = truth.get(id(finding))
            if known is None or known.label.defect_type is None:
                truth[id(finding)] = outcome
    return [_marked(finding, truth.get(id(finding))) for result in results for finding in result.findings]


def _marked(finding: Finding, outcome: Outcome | None) -> ShownFinding:
    if outcome is None:
        return ShownFinding(finding=finding)
    true_type = outcome.label.defect_type
    if true_type is None:
        return ShownFinding(finding=finding, mark=TruthMark.FALSE_ALARM)
    mark = TruthMark.HIT if finding.defect_type == true_type else TruthMark.WRONG_TYPE
    return ShownFinding(finding=finding, mark=mark, origin=outcome.label.origin, true_type=true_type)


def _by_source(shown: ShownFinding, sources: Mapping[str, str]) -> ShownFinding:
    """Return the finding with its frame named as it was captured, which people know, not by its id."""
    return replace(shown, finding=replace(shown.finding, frame=sources[shown.finding.frame]))


def _coil_map(facts: _Facts, shown: Sequence[ShownFinding]) -> CoilMap:
    verdicts = {result.frame: result for result in facts.results}
    total_m, offset_m = facts.metres(facts.book.expected_lines), facts.coil.offset_m
    ends_mm = [_left_mm(frame, facts) + frame.width_mm for frame in facts.frames if frame.usable]
    return CoilMap(
        length_m=max(total_m, offset_m) if facts.coil.reversed else offset_m + total_m,
        width_mm=max(ends_mm, default=1.0),
        passed_m=total_m,
        lanes=max(len(facts.book.cameras), 1),
        frames=tuple(_map_frame(frame, verdicts.get(frame.id), facts) for frame in facts.frames),
        gaps=tuple(_map_gap(gap, facts) for gap in facts.book.of(Cover.MISSING)),
        findings=tuple(shown),
    )


def _map_gap(gap: Interval, facts: _Facts) -> MapGap:
    several = len(facts.book.cameras) > 1
    seen = next((frame for frame in facts.frames if several and frame.usable and frame.camera == gap.camera), None)
    return MapGap(
        downweb_m=facts.head_m(gap.first_line, gap.line_count),
        length_m=facts.metres(gap.line_count),
        reason=f"{gap.camera}: {gap.reason}" if several else gap.reason or "",
        crossweb_mm=0.0 if seen is None else _left_mm(seen, facts),
        width_mm=None if seen is None else seen.width_mm,
    )


def _left_mm(frame: CapturedFrame, facts: _Facts) -> float:
    """Return where the view of a frame begins across the strip."""
    return frame.offset_mm - facts.edge.at(frame.first_line + frame.line_count / 2.0)


def _map_frame(frame: CapturedFrame, result: FrameResult | None, facts: _Facts) -> MapFrame:
    verdict = Verdict.UNUSABLE if frame.reason is not None else None if result is None else result.verdict
    return MapFrame(
        id=frame.source,
        downweb_m=facts.head_m(frame.first_line, frame.line_count),
        length_m=facts.metres(frame.line_count),
        verdict=verdict,
        reason=frame.reason if result is None else result.reason or frame.reason,
        crossweb_mm=_left_mm(frame, facts),
        width_mm=frame.width_mm if frame.usable else None,
    )


def _truth(graded: Sequence[Outcome], facts: _Facts, pictures: PictureRoom) -> Truth | NotMeasured:
    if not graded:
        return NotMeasured(reason="no held-out label says what is true on this coil")
    if not facts.results:
        return NotMeasured(reason="this coil has not been scored yet")
    graded_all = grade(graded)
    frames = {frame.id: frame for frame in facts.frames}
    whole = all(_is_whole_frame(outcome.label, frames[outcome.label.region.frame]) for outcome in graded)
    return Truth(
        unit="frame" if whole else "labelled region",
        unit_means=_unit_means(whole=whole, not_judged=graded_all.not_judged),
        real=_origin_truth(graded_all, Origin.REAL, graded),
        simulated=_origin_truth(graded_all, Origin.SIMULATED, graded),
        missed=_missed(graded, facts, pictures),
    )


def _unit_means(*, whole: bool, not_judged: int) -> str:
    piece = "whole frame" if whole else "labelled region of a frame, such as one cell,"
    means = f"A unit is one {piece} whose truth is known."
    return f"{means} {not_judged} more were not judged because their frame was unusable." if not_judged else means


def _is_whole_frame(label: Label, frame: CapturedFrame) -> bool:
    return label.region.roi.height == frame.line_count and label.region.roi.width == frame.width_px


def _origin_truth(total: Grade, origin: Origin, graded: Sequence[Outcome]) -> OriginTruth | NotMeasured:
    if total.escapes[origin].trials == 0:
        return NotMeasured(reason=f"no judged unit holds a {origin.value} defect")
    return OriginTruth(
        escapes=_rate(total.escapes[origin]),
        overkill=_rate(total.overkill),
        types=tuple(
            TypeTruth(name=t.defect_type, escapes=_rate(t.escapes), overkill=_rate(_named_so(graded, t.defect_type)))
            for t in total.per_type
            if t.origin is origin
        ),
    )


def _named_so(graded: Sequence[Outcome], defect_type: str) -> Rate:
    """Return the share of judged defect-free units that were given this type."""
    good = [outcome for outcome in graded if outcome.judged and outcome.label.kind is LabelKind.NOT_A_DEFECT]
    wrong = sum(any(finding.defect_type == defect_type for finding in outcome.findings) for outcome in good)
    return rate(wrong, len(good))


def _rate(measured: Rate) -> ShownRate | NotMeasured:
    if measured.trials == 0:
        return NotMeasured(reason="there is no such unit")
    return ShownRate(count=measured.count, total=measured.trials, low=measured.low, high=measured.high)


def _missed(graded: Sequence[Outcome], facts: _Facts, pictures: PictureRoom) -> tuple[MissedDefect, ...]:
    """Return every escape; the clearest misses, furthest below the threshold, are the ones with pictures."""
    frames = {frame.id: frame for frame in facts.frames}
    escaped = [o for o in graded if o.judged and o.label.defect_type is not None and not o.alarmed]
    scored = [(pictures.best_score(o.label.region.frame, o.label.region.roi), o) for o in escaped]
    ranked = sorted(scored, key=lambda item: item[0] if isinstance(item[0], float) else 0.0)
    chosen = {id(outcome) for _, outcome in ranked[:_MISSED_PICTURES]}
    return tuple(
        _miss(
            outcome,
            best,
            frame := frames[outcome.label.region.frame],
            place_on_strip(frame, outcome.label.region.roi, facts.edge),
            pictures if id(outcome) in chosen else None,
        )
        for best, outcome in scored
    )


def _miss(
    outcome: Outcome, best: MeasuredNumber, frame: CapturedFrame, place: Place, pictures: PictureRoom | None
) -> MissedDefect:
    shown: Pictures | NotMeasured = NotMeasured(reason="only the clearest misses have pictures")
    return MissedDefect(
        frame=frame.source,
        true_type=outcome.label.defect_type or "",
        origin=outcome.label.origin,
        crossweb_mm=place.crossweb_mm,
        downweb_m=place.downweb_m,
        best_score=best,
        pictures=shown if pictures is None else pictures.of(frame.id, outcome.label.region.roi),
    )
