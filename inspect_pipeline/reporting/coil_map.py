"""The coil map as strips to draw: metres downweb from left to right, millimetres crossweb from top to bottom."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.report import CoilMap, MapFrame, MapGap, MissedDefect, ShownFinding
from inspect_pipeline.reporting.scales import Scale, Tick, round_length
from inspect_pipeline.reporting.symbols import Symbol
from inspect_pipeline.reporting.wording import metres, millimetres, multiples, position

LEFT = 58.0
TOP = 8.0
WIDTH = 946.0
_AXIS = 26.0
_MOST_STRIPS = 10
_LOWEST, _HIGHEST = 76.0, 220.0
_CROWDED = 400
_NARROWEST_HATCH = 2.5
_DENSE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One symbol on the map: place and radius in drawing units, and the text shown on hovering."""

    x: float
    y: float
    radius: float
    symbol: Symbol
    simulated: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hatch:
    """A stretch that was not inspected; ``kind`` is gap, unusable or not-judged."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One row of the map, ``start_m`` to ``end_m``; ``width`` is shorter than the row where the coil ends."""

    start_m: float
    end_m: float
    width: float
    height: float
    view_height: float
    frame_borders: str
    dense: bool
    hatches: tuple[Hatch, ...]
    marks: tuple[Mark, ...]
    missed: tuple[Mark, ...]
    downweb_ticks: tuple[Tick, ...]
    crossweb_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDrawing:
    """The strips, and how far crossweb is stretched against downweb (1.0: to scale)."""

    strips: tuple[Strip, ...]
    stretch: float


def strip_length_m(length_m: float, width_mm: float) -> float:
    """Return the metres in one strip: as few strips as stay legible at true scale, at most ten."""
    for strips in range(1, _MOST_STRIPS + 1):
        strip_m = length_m if strips == 1 else round_length(length_m / strips)
        if WIDTH * width_mm / (1000.0 * strip_m) >= _LOWEST:
            return strip_m
    return round_length(length_m / _MOST_STRIPS)


def finding_text(shown: ShownFinding) -> str:
    """Return everything known of a finding in one line."""
    finding = shown.finding
    parts = [
        f"{finding.defect_type} ({finding.life_cycle})",
        f"{multiples(finding.score)} threshold",
        position(finding.downweb_m, finding.crossweb_mm),
        f"{millimetres(finding.length_mm)} long, {millimetres(finding.width_mm)} wide",
        f"evidence: {finding.evidence}",
        f"runner-up: {finding.runner_up}" if finding.runner_up else "no runner-up",
        f"truth: {shown.mark}" if shown.mark else "truth not known",
        f"true type: {shown.true_type}" if shown.true_type else "",
        "SIMULATED defect" if shown.origin is Origin.SIMULATED else "",
        f"frame {finding.frame}",
    ]
    return " · ".join(part for part in parts if part)


def missed_text(missed: MissedDefect) -> str:
    """Return everything known of an escape in one line."""
    parts = [
        f"MISSED: {missed.true_type}",
        position(missed.downweb_m, missed.crossweb_mm),
        f"highest score {multiples(missed.best_score)} threshold"
        if isinstance(missed.best_score, float | int)
        else f"score not measured: {missed.best_score.reason}",
        "SIMULATED defect" if missed.origin is Origin.SIMULATED else "",
        f"frame {missed.frame}",
    ]
    return " · ".join(part for part in parts if part)


def draw_map(coil: CoilMap, missed: Iterable[MissedDefect], symbols: dict[str, Symbol]) -> MapDrawing:
    """Return the map; without any length there are no strips. Every finding and every escape has its mark."""
    if coil.length_m <= 0.0:
        return MapDrawing(strips=(), stretch=1.0)
    strip_m = strip_length_m(coil.length_m, coil.width_mm)
    true_height = WIDTH * coil.width_mm / (1000.0 * strip_m)
    height = min(max(true_height, _LOWEST), _HIGHEST)
    escapes = tuple(missed)
    strips = tuple(
        _strip(coil, escapes, symbols, start_m=index * strip_m, strip_m=strip_m, height=height)
        for index in range(max(1, math.ceil(coil.length_m / strip_m - 1e-9)))
    )
    return MapDrawing(strips=strips, stretch=height / true_height)


def _strip(
    coil: CoilMap,
    missed: tuple[MissedDefect, ...],
    symbols: dict[str, Symbol],
    *,
    start_m: float,
    strip_m: float,
    height: float,
) -> Strip:
    end_m = min(start_m + strip_m, coil.length_m)
    last = end_m >= coil.length_m * (1 - 1e-9)
    along = Scale(low=start_m, high=start_m + strip_m, start=LEFT, end=LEFT + WIDTH)
    across = Scale(low=0.0, high=coil.width_mm, start=TOP, end=TOP + height)

    def holds(downweb_m: float) -> bool:
        """Whether the place belongs to this strip; what lies beyond the ends is kept at the ends, never dropped."""
        return (start_m <= downweb_m or start_m == 0.0) and (downweb_m < end_m or last)

    return Strip(
        start_m=start_m,
        end_m=end_m,
        width=along(end_m) - LEFT,
        height=height,
        view_height=TOP + height + _AXIS,
        frame_borders=(borders := _borders(coil, along, across, end_m=end_m)),
        dense=borders.count("M") > _DENSE,
        hatches=tuple(_hatches(coil, along, across, end_m=end_m)),
        marks=tuple(_marks([s for s in coil.findings if holds(s.finding.downweb_m)], coil, along, across, symbols)),
        missed=tuple(_missed([m for m in missed if holds(m.downweb_m)], along, across, symbols)),
        downweb_ticks=tuple(along.ticks(about=10, until=end_m)),
        crossweb_ticks=tuple(across.ticks(about=3 if height < 140 else 5)),
    )


def _borders(coil: CoilMap, along: Scale, across: Scale, *, end_m: float) -> str:
    """Return the frame borders of a strip as one path."""
    lines = []
    for frame in coil.frames:
        if frame.downweb_m < end_m and frame.downweb_m + frame.length_m > along.low:
            x, wide = along(frame.downweb_m), along(frame.downweb_m + frame.length_m) - along(frame.downweb_m)
            top, bottom = _sides(coil, frame, across)
            lines.append(f"M{x:.1f} {top:.1f}h{wide:.1f}v{bottom - top:.1f}h{-wide:.1f}z")
    return "".join(lines)


def _sides(coil: CoilMap, part: MapFrame | MapGap, across: Scale) -> tuple[float, float]:
    width_mm = coil.width_mm if part.width_mm is None else part.width_mm
    return across(part.crossweb_mm), across(part.crossweb_mm + width_mm)


def _hatches(coil: CoilMap, along: Scale, across: Scale, *, end_m: float) -> Iterable[Hatch]:
    stretches = [
        (gap.downweb_m, gap.length_m, _sides(coil, gap, across), "gap", f"Gap: {gap.reason}") for gap in coil.gaps
    ]
    for frame in coil.frames:
        sides = _sides(coil, frame, across)
        if frame.verdict is Verdict.UNUSABLE:
            text = f"UNUSABLE frame {frame.id}: {frame.reason}"
            stretches.append((frame.downweb_m, frame.length_m, sides, "unusable", text))
        elif frame.verdict is None:
            text = f"Frame {frame.id} was captured but not judged"
            stretches.append((frame.downweb_m, frame.length_m, sides, "not-judged", text))
    last = end_m >= coil.length_m * (1 - 1e-9)
    for start_m, length_m, (top, bottom), kind, text in stretches:
        begins, ends = start_m >= along.low, start_m + length_m > along.low
        if (begins or ends) and (start_m < end_m or last):
            x = along(start_m)
            yield Hatch(
                x=x,
                y=top,
                width=max(along(min(start_m + length_m, end_m)) - x, _NARROWEST_HATCH),
                height=bottom - top,
                kind=kind,
                title=f"{text} · {metres(start_m)} to {metres(start_m + length_m)}",
            )


def _radius(score: float, crowd: int) -> float:
    """Return 4 to 10 drawing units, growing with each doubling of the score; smaller where there are many."""
    radius = min(4.0 + 2.0 * math.log2(max(score, 1.0)), 10.0)
    return radius if crowd <= _CROWDED else 0.6 * radius


def _marks(
    findings: list[ShownFinding], coil: CoilMap, along: Scale, across: Scale, symbols: dict[str, Symbol]
) -> Iterable[Mark]:
    """Yield the marks, largest first, so that a small one is never hidden beneath a large one."""
    for shown in sorted(findings, key=lambda one: -one.finding.score):
        finding = shown.finding
        yield Mark(
            x=along(finding.downweb_m),
            y=across(finding.crossweb_mm),
            radius=_radius(finding.score, len(coil.findings)),
            symbol=symbols[finding.defect_type],
            simulated=shown.origin is Origin.SIMULATED,
            title=finding_text(shown),
        )


def _missed(missed: list[MissedDefect], along: Scale, across: Scale, symbols: dict[str, Symbol]) -> Iterable[Mark]:
    for escape in missed:
        yield Mark(
            x=along(escape.downweb_m),
            y=across(escape.crossweb_mm),
            radius=6.0,
            symbol=symbols[escape.true_type],
            simulated=escape.origin is Origin.SIMULATED,
            title=missed_text(escape),
        )
