"""How accuracy depends on two things that were searched, as a drawing: cells of the mean over trials."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inspect_pipeline.reporting.drawing import Cell, Drawing, Shape, Words

Trials = Sequence[Mapping[str, Any]]
_LEFT, _TOP, _SIDE, _HEIGHT = 120.0, 34.0, 74.0, 34.0
_BINS = 6


def heat_chart(trials: Trials, *, across: str, up: str) -> Drawing | None:
    """Return mean accuracy (%) and count of complete trials over the values of two axes; None without any."""
    complete = [trial for trial in trials if trial["state"] == "complete"]
    if not complete:
        return None
    columns, column_of = _bins([trial["values"][across] for trial in complete])
    rows, row_of = _bins([trial["values"][up] for trial in complete])
    cells: dict[tuple[int, int], list[float]] = {}
    for trial in complete:
        place = (column_of(trial["values"][across]), row_of(trial["values"][up]))
        cells.setdefault(place, []).append(float(trial["accuracy"]))
    bottom = _TOP + _HEIGHT * len(rows)
    right = _LEFT + _SIDE * len(columns)
    title = f"Validation accuracy, %: {up} over {across}"
    shapes: list[Shape] = [Words(x=8.0, y=16.0, text=title, bold=True), *_cells(cells, len(rows))]
    shapes += [
        Words(x=_LEFT + _SIDE * (place + 0.5), y=bottom + 18.0, text=text, anchor="middle", ink="quiet")
        for place, text in enumerate(columns)
    ]
    shapes += [
        Words(x=_LEFT - 8.0, y=bottom - _HEIGHT * (place + 0.5) + 4.0, text=text, anchor="end", ink="quiet")
        for place, text in enumerate(rows)
    ]
    shapes.append(Words(x=(_LEFT + right) / 2.0, y=bottom + 38.0, text=across, anchor="middle", ink="quiet"))
    return Drawing(
        name="sensitivity", title=title, width=max(right + 16.0, 420.0), height=bottom + 48.0, shapes=tuple(shapes)
    )


def _cells(cells: Mapping[tuple[int, int], Sequence[float]], rows: int) -> list[Shape]:
    means = {place: sum(values) / len(values) for place, values in cells.items()}
    low, high = min(means.values()), max(means.values())
    shapes: list[Shape] = []
    for (column, row), mean in means.items():
        strength = 0.15 + 0.85 * (mean - low) / (high - low) if high > low else 0.5
        x, y = _LEFT + _SIDE * column, _TOP + _HEIGHT * (rows - 1 - row)
        count = len(cells[column, row])
        title = f"{100 * mean:.2f}% over {count} trials"
        shapes.append(Cell(x=x, y=y, width=_SIDE - 2, height=_HEIGHT - 2, ink="heat", strength=strength, title=title))
        ink, text = ("page" if strength > 0.55 else "text"), f"{100 * mean:.1f} ({count})"
        shapes.append(Words(x=x + _SIDE / 2 - 1, y=y + _HEIGHT / 2 + 3.5, text=text, anchor="middle", ink=ink))
    return shapes


def _bins(values: Sequence[Any]) -> tuple[list[str], Callable[[Any], int]]:
    """Return the names of the bins and the bin of a value: each value its own where they are few or no numbers."""
    kinds = sorted(set(values), key=lambda value: (str(type(value)), value))
    numbers = [float(value) for value in kinds if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(kinds) <= _BINS or len(numbers) < len(kinds):
        return [_text(value) for value in kinds], kinds.index
    log = numbers[0] > 0.0 and numbers[-1] / numbers[0] >= 20.0
    ends = [math.log(value) if log else value for value in (numbers[0], numbers[-1])]
    width = (ends[1] - ends[0]) / _BINS
    middles = [ends[0] + width * (place + 0.5) for place in range(_BINS)]

    def bin_of(value: Any) -> int:
        at = math.log(float(value)) if log else float(value)
        return min(int((at - ends[0]) / width), _BINS - 1)

    return [_text(math.exp(middle) if log else middle) for middle in middles], bin_of


def _text(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
