"""Paired differences as a drawing: one whisker a row around zero, the mean over the rows at the end."""

from collections.abc import Sequence

from inspect_pipeline.domain.figures import Estimate, MeasuredEstimate
from inspect_pipeline.reporting.drawing import Dot, Drawing, Shape, Stroke, Words
from inspect_pipeline.reporting.scales import Scale

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 620.0, 200.0, 606.0, 34.0, 22.0


def forest_chart(
    name: str, title: str, rows: Sequence[tuple[str, MeasuredEstimate]], *, total: tuple[str, MeasuredEstimate] | None
) -> Drawing | None:
    """Return the chart, differences in points, None where nothing was measured; ``total`` stands apart, below."""
    every = [*rows, *([] if total is None else [total])]
    held = [value for _, value in every if isinstance(value, Estimate)]
    if not held:
        return None
    low, high = min(0.0, *(value.low for value in held)), max(0.0, *(value.high for value in held))
    margin = 0.05 * (high - low) or 0.01
    along = Scale(low=low - margin, high=high + margin, start=_LEFT, end=_RIGHT)
    bottom = _TOP + _ROW * len(every) + (8.0 if total is not None else 0.0)
    shapes: list[Shape] = [Words(x=8.0, y=16.0, text=title, bold=True), *_scale(along, bottom)]
    for number, (row, value) in enumerate(rows):
        shapes += _whisker(row, value, _TOP + _ROW * (number + 0.5), along, ink="type-0")
    if total is not None:
        shapes += _whisker(total[0], total[1], bottom - _ROW / 2.0, along, ink="type-1", bold=True)
    return Drawing(name=name, title=title, width=_WIDTH, height=bottom + 40.0, shapes=tuple(shapes))


def _scale(along: Scale, bottom: float) -> list[Shape]:
    shapes: list[Shape] = []
    for tick in along.ticks(about=7, factor=100.0):
        shapes.append(Stroke(points=((tick.at, _TOP), (tick.at, bottom)), ink="grid"))
        shapes.append(Words(x=tick.at, y=bottom + 16.0, text=tick.text, anchor="middle", ink="quiet"))
    shapes.append(Stroke(points=((along(0.0), _TOP), (along(0.0), bottom)), ink="level", width=1.4))
    middle = (_LEFT + _RIGHT) / 2.0
    return [*shapes, Words(x=middle, y=bottom + 34.0, text="points gained", anchor="middle", ink="quiet")]


def _whisker(row: str, value: MeasuredEstimate, y: float, along: Scale, *, ink: str, bold: bool = False) -> list[Shape]:
    name = Words(x=8.0, y=y + 4.0, text=row, bold=bold)
    if not isinstance(value, Estimate):
        return [name, Words(x=_LEFT, y=y + 4.0, text="not measured", ink="quiet")]
    title = f"{row}: {100 * value.value:+.2f} points [{100 * value.low:+.2f}, {100 * value.high:+.2f}]"
    return [
        name,
        Stroke(points=((along(value.low), y), (along(value.high), y)), ink=ink, width=2.0),
        Dot(x=along(value.value), y=y, ink=ink, radius=4.0, title=title),
    ]
