"""A control chart as a drawing: coils from left to right, values as dots, limits as steps, what is beyond is marked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.control_charts import ChartPoint, ControlChart
from inspect_pipeline.reporting.drawing import Cell, Dot, Drawing, Shape, Stroke, Words
from inspect_pipeline.reporting.scales import Scale

WIDTH, HEIGHT = 520.0, 236.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 508.0, 34.0, 176.0
_LEGEND_Y = 224.0
_LABELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartTexts:
    """The words of a chart in the reader's language; ``percent``: values are shares."""

    title: str
    reference: str
    value: str
    average: str
    limits: str
    beyond: str
    percent: bool = False


def control_drawing(name: str, chart: ControlChart, coils: Sequence[str], texts: ChartTexts) -> Drawing:
    """Return the chart of ``coils`` in their order; each dot says its coil and value under the pointer."""
    up, across = _up(chart), Scale(low=-0.5, high=len(coils) - 0.5, start=_LEFT, end=_RIGHT)
    factor = 100.0 if texts.percent else 1.0
    shapes: list[Shape] = [Words(x=_LEFT, y=18.0, text=texts.title, bold=True)]
    shapes.append(
        Cell(
            x=_LEFT,
            y=_TOP,
            width=across(chart.reference - 0.5) - _LEFT,
            height=_BOTTOM - _TOP,
            ink="heat",
            strength=0.1,
            title=texts.reference,
        )
    )
    for tick in up.ticks(about=5, factor=factor):
        shapes.append(Stroke(points=((_LEFT, tick.at), (_RIGHT, tick.at)), ink="grid"))
        unit = "%" if texts.percent else ""
        shapes.append(Words(x=_LEFT - 6.0, y=tick.at + 4.0, text=tick.text + unit, anchor="end", ink="quiet"))
    shapes.append(Stroke(points=((_LEFT, up(chart.centre)), (_RIGHT, up(chart.centre))), ink="zero", width=1.4))
    shapes += [Stroke(points=_steps(chart, side, up, across), ink="level", width=1.4) for side in ("low", "high")]
    shapes += _averages(chart, up, across)
    shapes += _values(chart, coils, up, across, texts)
    return Drawing(
        name=name,
        title=texts.title,
        width=WIDTH,
        height=HEIGHT,
        shapes=(*shapes, *_axis(coils, across), *_legend(texts)),
    )


def _up(chart: ControlChart) -> Scale:
    seen = [number for point in chart.points for number in _numbers(point)]
    low, high = min(seen), max(seen)
    margin = 0.08 * (high - low) or 0.01
    return Scale(low=low - (margin if low > 0.0 else 0.0), high=high + margin, start=_BOTTOM, end=_TOP)


def _numbers(point: ChartPoint) -> list[float]:
    own = [point.low, point.high] if point.value is None else [point.low, point.high, point.value]
    return own if point.average is None else [*own, point.average]


def _steps(chart: ControlChart, side: str, up: Scale, across: Scale) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for at, point in enumerate(chart.points):
        y = up(point.low if side == "low" else point.high)
        points += [(across(at - 0.5), y), (across(at + 0.5), y)]
    return tuple(points)


def _averages(chart: ControlChart, up: Scale, across: Scale) -> list[Shape]:
    held = [(at, point) for at, point in enumerate(chart.points) if point.average is not None]
    line = tuple((across(at), up(point.average or 0.0)) for at, point in held)
    shapes: list[Shape] = [Stroke(points=line, ink="type-1", width=2.0)] if len(line) > 1 else []
    return shapes + [
        Dot(x=across(at), y=up(point.average or 0.0), ink="type-1", radius=5.0) for at, point in held if point.crept
    ]


def _values(chart: ControlChart, coils: Sequence[str], up: Scale, across: Scale, texts: ChartTexts) -> list[Shape]:
    held = [(at, point) for at, point in enumerate(chart.points) if point.value is not None]
    shapes: list[Shape] = [
        Stroke(points=tuple((across(at), up(point.value or 0.0)) for at, point in held), ink="type-0", width=1.0)
    ]
    unit, factor = ("%", 100.0) if texts.percent else ("", 1.0)
    for at, point in held:
        x, y = across(at), up(point.value or 0.0)
        numbers = [f"{factor * number:.4g}{unit}" for number in (point.value or 0.0, point.low, point.high)]
        said = f"{coils[at]}: {numbers[0]} [{numbers[1]}, {numbers[2]}]"
        if point.beyond:
            shapes.append(Dot(x=x, y=y, ink="level", radius=7.0, title=f"{said} — {texts.beyond}"))
            shapes.append(Words(x=x, y=y - 11.0, text="!", anchor="middle", bold=True))
        shapes.append(Dot(x=x, y=y, ink="type-0", radius=3.4, title=said))
    return shapes


def _axis(coils: Sequence[str], across: Scale) -> list[Shape]:
    shapes: list[Shape] = [Stroke(points=((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)), ink="axis")]
    step = max(1, math.ceil(len(coils) / _LABELS))
    for at in range(0, len(coils), step):
        x = across(at)
        shapes.append(Stroke(points=((x, _BOTTOM), (x, _BOTTOM + 4.0)), ink="axis"))
        shapes.append(Words(x=x, y=_BOTTOM + 19.0, text=_short(coils[at]), anchor="middle", ink="quiet"))
    return shapes


def _short(coil: str) -> str:
    return coil if len(coil) <= 10 else "…" + coil[-9:]


def _legend(texts: ChartTexts) -> list[Shape]:
    entries = [("type-0", texts.value), ("type-1", texts.average), ("level", texts.limits)]
    shapes: list[Shape] = []
    for number, (ink, text) in enumerate(entries):
        x = _LEFT + 158.0 * number
        shapes.append(Stroke(points=((x, _LEGEND_Y - 4.0), (x + 20.0, _LEGEND_Y - 4.0)), ink=ink, width=2.0))
        shapes.append(Words(x=x + 28.0, y=_LEGEND_Y, text=text, ink="quiet"))
    return shapes
