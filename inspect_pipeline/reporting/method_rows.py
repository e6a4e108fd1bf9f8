"""Figures of few-shot methods as rows of a page: numbers with intervals, beside what was gained over each baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.figures import Estimate, MeasuredEstimate, NotMeasured

Document = Mapping[str, Any]
FEW_MATERIALS = NotMeasured(reason="an interval over materials needs 3 of them")
ITSELF = NotMeasured(reason="it is the method that is measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table: its name and one figure a column; ``count`` is how many episodes stand behind it."""

    name: str
    cells: tuple[MeasuredEstimate, ...]
    count: int | None = None


def figure(row: Document | None, key: str, missing: NotMeasured = FEW_MATERIALS) -> MeasuredEstimate:
    """Return the figure of that key with the interval beside it, ``missing`` where there is none."""
    if row is None:
        return missing
    value, (low, high) = row[key], row["interval"]
    return Estimate(value=value, low=min(low, value), high=max(high, value))


def shown_name(name: str) -> str:
    """Return a method's name for people."""
    return name.replace("_", " ")


def method_rows(document: Document) -> tuple[Row, ...]:
    """Return the method and then each other baseline: accuracy, and what the method gains over it, paired.

    Gains are over episodes, and over materials where there are enough.
    """
    first = Row(name=shown_name(document["method"]), cells=(figure(document, "accuracy"), ITSELF, ITSELF), count=None)
    others = [
        Row(
            name=shown_name(name),
            cells=(
                figure(document["baselines"][name], "accuracy"),
                figure(gain, "difference"),
                figure(gain["over_materials"], "difference"),
            ),
        )
        for name, gain in document["differences"].items()
    ]
    return (first, *others)


def strongest(baselines: Document, key: str = "accuracy", *, without: str = "") -> str | None:
    """Return the baseline with the highest figure beside the method itself, None where there is no other."""
    values = {name: row[key] for name, row in baselines.items() if name != without}
    return max(values, key=lambda name: float(values[name])) if values else None


def share_rows(rows: Document, key: str) -> tuple[Row, ...]:
    """Return a row for each entry; within a material (what stands before the slash) the lowest comes first."""
    made = [Row(name=name, cells=(figure(row, key),), count=int(row["episodes"])) for name, row in rows.items()]
    return tuple(sorted(made, key=lambda row: (row.name.rpartition("/")[0], _value(row.cells[0]))))


def _value(cell: MeasuredEstimate) -> float:
    return cell.value if isinstance(cell, Estimate) else 2.0
