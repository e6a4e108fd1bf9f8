"""Figures over an axis of counts as a drawing: lines with whiskers, a legend, round scales, a level to compare with."""

import math
from collections.abc import Mapping, Sequence

from inspect_pipeline.domain.figures import Estimate, MeasuredEstimate
from inspect_pipeline.reporting.drawing import Dot, Drawing, Shape, Stroke, Words
from inspect_pipeline.reporting.scales import Scale

WIDTH, _BOTTOM, _TOP, _LEFT, _RIGHT = 380.0, 214.0, 34.0, 46.0, 370.0
_APART = 4.0  # whiskers of several lines at one point stand beside each other
_LEGEND_ROW, _LABEL_ROOM = 18.0, 24.0
_INKS = 7


def line_chart(
    name: str,
    title: str,
    axis: str,
    lines: Mapping[str, Sequence[MeasuredEstimate]],
    counts: Sequence[int],
    *,
    level: tuple[float, str] | None = None,
) -> Drawing | None:
    """Return the chart, values in percent, None where nothing was measured.

    ``counts`` are the points, placed by the logarithm of one more; ``level`` is a value to compare with and its name.
    """
    held = [value for values in lines.values() for value in values if isinstance(value, Estimate)]
    if not held:
        return None
    up = _up_scale(held, () if level is None else (level[0],))
    across = _across(counts)
    shapes: list[Shape] = [Words(x=_LEFT - 34.0, y=16.0, text=title, bold=True)]
    shapes += _frame(axis, up, across, counts)
    if level is not None:
        at = up(level[0])
        shapes.append(Stroke(points=((_LEFT, at), (_RIGHT, at)), ink="level", width=1.4))
        shapes.append(Words(x=_RIGHT, y=at - 4.0, text=level[1], anchor="end", ink="quiet"))
    numbered = list(enumerate(lines.items()))
    for number, (line, values) in reversed(numbered):  # the first line, the method itself, comes on top
        shapes += _line(line, f"type-{number % _INKS}", values, [x + _APART * number for x in across], up)
    legend = [part for number, (line, _) in numbered for part in _legend(line, number)]
    height = _BOTTOM + 44.0 + _LEGEND_ROW * len(lines)
    return Drawing(name=name, title=title, width=WIDTH, height=height, shapes=(*shapes, *legend))


def _up_scale(held: Sequence[Estimate], also: Sequence[float]) -> Scale:
    low = min([value.low for value in held] + list(also))
    high = max([value.high for value in held] + list(also))
    step = next((step for step in (0.005, 0.01, 0.02, 0.05) if high - low < 8 * step), 0.1)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Scale(low=low, high=max(high, low + step), start=_BOTTOM, end=_TOP)


def _across(counts: Sequence[int]) -> list[float]:
    places = [math.log1p(count) for count in counts]
    along = Scale(low=places[0], high=places[-1], start=_LEFT + 16.0, end=_RIGHT - 24.0)
    return [along(place) for place in places]


def _frame(axis: str, up: Scale, across: Sequence[float], counts: Sequence[int]) -> list[Shape]:
    shapes: list[Shape] = []
    for tick in up.ticks(about=6, factor=100.0):
        shapes.append(Stroke(points=((_LEFT, tick.at), (_RIGHT, tick.at)), ink="grid"))
        shapes.append(Words(x=_LEFT - 6.0, y=tick.at + 4.0, text=tick.text, anchor="end", ink="quiet"))
    if up.low < 0.0 < up.high:
        shapes.append(Stroke(points=((_LEFT, up(0.0)), (_RIGHT, up(0.0))), ink="zero", width=1.4))
    shapes.append(Stroke(points=((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)), ink="axis"))
    labelled = -math.inf
    for x, count in zip(across, counts, strict=True):
        shapes.append(Stroke(points=((x, _BOTTOM), (x, _BOTTOM + 4.0)), ink="axis"))
        if x - labelled >= _LABEL_ROOM:
            shapes.append(Words(x=x, y=_BOTTOM + 18.0, text=str(count), anchor="middle", ink="quiet"))
            labelled = x
    middle = (_LEFT + _RIGHT) / 2.0
    return [*shapes, Words(x=middle, y=_BOTTOM + 34.0, text=axis, anchor="middle", ink="quiet")]


def _line(line: str, ink: str, values: Sequence[MeasuredEstimate], across: Sequence[float], up: Scale) -> list[Shape]:
    held = [(x, value) for x, value in zip(across, values, strict=True) if isinstance(value, Estimate)]
    shapes: list[Shape] = [Stroke(points=tuple((x, up(value.value)) for x, value in held), ink=ink, width=2.0)]
    for x, value in held:
        title = f"{line}: {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
        shapes.append(Stroke(points=((x, up(value.low)), (x, up(value.high))), ink=ink, width=1.4))
        shapes.append(Dot(x=x, y=up(value.value), ink=ink, title=title))
    return shapes


def _legend(line: str, number: int) -> list[Shape]:
    y, ink = _BOTTOM + 54.0 + _LEGEND_ROW * number, f"type-{number % _INKS}"
    return [
        Stroke(points=((_LEFT, y), (_LEFT + 20.0, y)), ink=ink, width=2.0),
        Dot(x=_LEFT + 10.0, y=y, ink=ink),
        Words(x=_LEFT + 28.0, y=y + 4.0, text=line),
    ]
