"""Curves as places to draw: a figure over the number of samples or good images, with whiskers, on round scales."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.figures import Estimate, MeasuredEstimate
from inspect_pipeline.reporting.detect_rows import Row, estimate_of, ranked_of
from inspect_pipeline.reporting.scales import Scale, Tick
from inspect_pipeline.reporting.wording import plural

WIDTH, HEIGHT = 380.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 370.0, 12.0, 212.0
_BESIDE = ("normality_only", "nearest_prototype", "logistic_regression")
_APART = 5.0  # whiskers of several lines at one point stand beside each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point of a line: its place, and its whisker from ``low`` to ``high``."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One scorer's points, joined; ``colour`` is a class of the style sheet."""

    name: str
    colour: str
    dots: tuple[Dot, ...]

    @property
    def path(self) -> str:
        """The points of the line as a polyline has them."""
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing: lines over an axis of counts; ``mark`` is the height of what was promised."""

    title: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    mark: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The drawings over one axis, and its table: one row a point, with the gain over the point before."""

    axis: str
    types: tuple[str, ...]
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...]


def draw_curves(document: Mapping[str, Any]) -> tuple[Curves, ...]:
    """Return the curves of an answer; none where none were asked for or the data carry no point."""
    return tuple(
        Curves(
            axis="samples of a type" if axis == "shots" else "good images",
            types=tuple(curve["types"]),
            panels=_panels(
                curve["points"],
                "shot" if axis == "shots" else "normals",
                promised=document["promised_overkill"],
                false_regions=document["false_regions"],
            ),
            rows=tuple(_row(point) for point in curve["points"]),
        )
        for axis, curve in (document["curves"] or {}).items()
        if curve["points"]
    )


def _row(point: Mapping[str, Any]) -> Row:
    figures, gained = point["figures"], point["gained"]
    names = ("image_auroc", "escape_at_0.05", "escape", "overkill", "region_recall")
    first = None if gained is None else gained["image_auroc"]
    return Row(
        name=f"{plural(point['shot'], 'sample')}, {point['normals']} good",
        cells=(*(estimate_of(figures[name], name) for name in names), estimate_of(first)),
        counts=(point["shot"], point["normals"]),
    )


def _panels(
    points: Sequence[Mapping[str, Any]], axis: str, *, promised: float, false_regions: float
) -> tuple[Panel, ...]:
    counts = [int(point[axis]) for point in points]
    beside = [name for name in _BESIDE if name in points[0]["baselines"]]
    ranked = {"detector": [estimate_of(point["figures"]["image_auroc"]) for point in points]}
    ranked |= {name.replace("_", " "): [ranked_of(point["baselines"][name]) for point in points] for name in beside}
    drawings = (
        ("image AUROC, %", ranked, None),
        (f"region recall at {false_regions} false regions, %", _own(points, "region_recall"), None),
        ("overkill at the own threshold, %", _own(points, "overkill"), promised),
    )
    panels = [_panel(title, lines, counts, mark) for title, lines, mark in drawings]
    return tuple(panel for panel in panels if panel is not None)


def _own(points: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[MeasuredEstimate]]:
    return {"detector": [estimate_of(point["figures"][name], name) for point in points]}


def _panel(
    title: str, lines: Mapping[str, Sequence[MeasuredEstimate]], counts: Sequence[int], mark: float | None
) -> Panel | None:
    held = [e for values in lines.values() for e in values if isinstance(e, Estimate)]
    if not held:
        return None
    low, high = min(e.low for e in held), max([e.high for e in held] + ([] if mark is None else [mark]))
    step = 0.05 if high - low < 0.4 else 0.1
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    up = Scale(low=low, high=max(high, low + step), start=_BOTTOM, end=_TOP)
    across = _across(counts)
    return Panel(
        title=title,
        lines=tuple(_line(name, number, values, across, up) for number, (name, values) in enumerate(lines.items())),
        across=tuple(Tick(at=x, text=str(count)) for x, count in zip(across, counts, strict=True)),
        up=tuple(up.ticks(about=6, factor=100.0)),
        mark=None if mark is None else up(mark),
    )


def _across(counts: Sequence[int]) -> list[float]:
    """Return where each count stands: by its logarithm, as doubling the samples is about what one more step costs."""
    along = Scale(low=math.log(counts[0]), high=math.log(counts[-1]), start=_LEFT + 20.0, end=_RIGHT - 20.0)
    return [along(math.log(count)) for count in counts]


def _line(name: str, number: int, values: Sequence[MeasuredEstimate], across: Sequence[float], up: Scale) -> Line:
    dots = [
        Dot(
            x=x + _APART * number,
            y=up(value.value),
            low=up(value.low),
            high=up(value.high),
            title=f"{name}: {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]",
        )
        for x, value in zip(across, values, strict=True)
        if isinstance(value, Estimate)
    ]
    return Line(name=name, colour=f"type-{number}", dots=tuple(dots))
