"""What the templates show beyond the data itself: counts, the list of what was not inspected, order, drawings."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.report import (
    CoilReport,
    Exhibit,
    MetaTraining,
    MissedDefect,
    ModelFacts,
    OriginTruth,
    PairedDifference,
    Pictures,
    StageTime,
    StartingPoint,
    Truth,
)
from inspect_pipeline.reporting.charts import Pareto, draw_pareto
from inspect_pipeline.reporting.coil_map import MapDrawing, draw_map
from inspect_pipeline.reporting.symbols import Symbol, symbols

_ROUNDING_M = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInspected:
    """A stretch of the coil that was not inspected: gap, unusable frame or frame not judged."""

    kind: str
    frame: str | None
    start_m: float
    length_m: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonTotal:
    """All stretches of one kind and reason; ``metres`` is their sum, frames that overlap counted twice."""

    kind: str
    reason: str
    count: int
    metres: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The report with all that is derived from it. ``verdicts`` counts frames, also those with none."""

    report: CoilReport
    verdicts: dict[Verdict, int]
    not_judged: int
    not_inspected: tuple[NotInspected, ...]
    reasons: tuple[ReasonTotal, ...]
    incomplete: bool
    unaccounted_m: float
    symbols: dict[str, Symbol]
    drawing: MapDrawing
    pareto: Pareto | None
    exhibits: tuple[Exhibit, ...]
    escapes_shown: tuple[MissedDefect, ...]
    missed: tuple[MissedDefect, ...]
    simulated: tuple[str, ...]

    @property
    def captured(self) -> int:
        """Frames captured."""
        return len(self.report.coil_map.frames)

    @property
    def judged(self) -> int:
        """Frames judged: PASS, DEFECT or UNKNOWN."""
        return self.captured - self.not_judged - self.verdicts[Verdict.UNUSABLE]


def lay_out(report: CoilReport) -> Page:
    """Return the page of a report."""
    coil = report.coil_map
    counted = Counter(frame.verdict for frame in coil.frames)
    stretches = tuple(sorted(_not_inspected(report), key=lambda one: (one.start_m, one.kind)))
    missed = report.truth.missed if isinstance(report.truth, Truth) else ()
    styles = symbols(_type_names(report))
    unaccounted_m = _unaccounted_m(report)
    return Page(
        report=report,
        verdicts={verdict: counted[verdict] for verdict in Verdict},
        not_judged=counted[None],
        not_inspected=stretches,
        reasons=_totals(stretches),
        incomplete=bool(stretches) or not coil.frames or _metres_missing(report) or unaccounted_m != 0.0,
        unaccounted_m=unaccounted_m,
        symbols=styles,
        drawing=draw_map(coil, missed, styles),
        pareto=draw_pareto(coil.findings, styles),
        exhibits=tuple(sorted(report.exhibits, key=lambda exhibit: -exhibit.shown.finding.score)),
        escapes_shown=tuple(one for one in sorted(missed, key=_clearest_miss) if isinstance(one.pictures, Pictures)),
        missed=missed,
        simulated=_simulated(report),
    )


def comparison(paired: PairedDifference) -> str:
    """Return in a sentence what a paired difference shows; an interval that holds zero shows no difference."""
    if isinstance(paired.difference, NotMeasured):
        return f"{paired.first} against {paired.second} was not measured: {paired.difference.reason}"
    if paired.difference.low > 0:
        return f"{paired.first} is better than {paired.second}"
    if paired.difference.high < 0:
        return f"{paired.second} is better than {paired.first}"
    return f"no difference between {paired.first} and {paired.second} is shown: the interval holds zero"


def outcome(training: MetaTraining) -> str:
    """Return which head has the highest accuracy, in plain words where that is a baseline."""
    held = [(h.accuracy.value, h) for h in training.heads if isinstance(h.accuracy, Estimate)]
    if not held:
        return "No accuracy was measured."
    best = max(held, key=lambda pair: pair[0])[1]
    if best.starting_point is StartingPoint.META_TRAINED:
        return f"The highest accuracy on these episodes is that of {best.name}."
    return f"A baseline wins here: the highest accuracy on these episodes is that of {best.name}, not of meta-training."


def _not_inspected(report: CoilReport) -> Iterable[NotInspected]:
    for gap in report.coil_map.gaps:
        yield NotInspected(kind="gap", frame=None, start_m=gap.downweb_m, length_m=gap.length_m, reason=gap.reason)
    for frame in report.coil_map.frames:
        if frame.verdict is Verdict.UNUSABLE or frame.verdict is None:
            yield NotInspected(
                kind="frame not judged" if frame.verdict is None else "unusable frame",
                frame=frame.id,
                start_m=frame.downweb_m,
                length_m=frame.length_m,
                reason=frame.reason or "captured, but no verdict is recorded",
            )


def _totals(stretches: tuple[NotInspected, ...]) -> tuple[ReasonTotal, ...]:
    found: dict[tuple[str, str], list[float]] = {}
    for one in stretches:
        found.setdefault((one.kind, one.reason), []).append(one.length_m)
    totals = [
        ReasonTotal(kind=kind, reason=reason, count=len(lengths), metres=sum(lengths))
        for (kind, reason), lengths in found.items()
    ]
    return tuple(sorted(totals, key=lambda total: -total.metres))


def _metres_missing(report: CoilReport) -> bool:
    return isinstance(report.head.not_inspected_m, NotMeasured) or report.head.not_inspected_m > 0.0


def _unaccounted_m(report: CoilReport) -> float:
    """Return the metres that are neither inspected nor not inspected (negative: both), 0.0 within a line's rounding."""
    head = report.head
    if isinstance(head.inspected_m, NotMeasured) or isinstance(head.not_inspected_m, NotMeasured):
        return 0.0
    missing_m = report.coil_map.in_pass_m - head.inspected_m - head.not_inspected_m
    return missing_m if abs(missing_m) > _ROUNDING_M else 0.0


def _clearest_miss(missed: MissedDefect) -> float:
    """Worst first: the lower the highest score on the defect, the further it was from being seen."""
    return -1.0 if isinstance(missed.best_score, NotMeasured) else missed.best_score


def _type_names(report: CoilReport) -> set[str]:
    names = {shown.finding.defect_type for shown in report.coil_map.findings}
    names |= {exhibit.shown.finding.defect_type for exhibit in report.exhibits}
    if isinstance(report.model, ModelFacts):
        names |= {known.name for known in report.model.types}
    if isinstance(report.truth, Truth):
        names |= {missed.true_type for missed in report.truth.missed}
        for side in (report.truth.real, report.truth.simulated):
            names |= {row.name for row in side.types} if isinstance(side, OriginTruth) else set()
    return names


def _simulated(report: CoilReport) -> tuple[str, ...]:
    """Return where simulated defects are shown or counted, for the notice at the top."""
    parts = []
    on_map = sum(shown.origin is Origin.SIMULATED for shown in report.coil_map.findings)
    if on_map or any(exhibit.shown.origin is Origin.SIMULATED for exhibit in report.exhibits):
        parts.append("findings (hollow marks on the map)")
    if isinstance(report.truth, Truth):
        if isinstance(report.truth.simulated, OriginTruth):
            parts.append("escapes and overkill (a table of their own)")
        if any(missed.origin is Origin.SIMULATED for missed in report.truth.missed):
            parts.append("missed defects")
    if isinstance(report.model, ModelFacts) and any(t.origin is Origin.SIMULATED for t in report.model.types):
        parts.append("the samples of some types")
    return tuple(parts)


def total_seconds(stages: Iterable[StageTime]) -> float:
    """Return the sum of the stages that were measured."""
    return sum(stage.seconds for stage in stages if not isinstance(stage.seconds, NotMeasured))


def measured_rates(side: OriginTruth) -> list[ShownRate]:
    """Return every rate of a side that was measured, so that its intervals share one scale."""
    rates = [side.escapes, side.overkill, *(r for row in side.types for r in (row.escapes, row.overkill))]
    return [rate for rate in rates if isinstance(rate, ShownRate)]
