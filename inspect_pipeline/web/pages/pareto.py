"""The Pareto of findings by type as rows of a table with bars: for the eye and for a screen reader alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inspect_pipeline.reporting.symbols import Symbol

BAR_WIDTH = 320.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoRow:
    """One type: its count, its share and the cumulative share so far, the width of its bar in drawing units."""

    symbol: Symbol
    count: int
    share: float
    cumulative: float
    width: float


def pareto_rows(counts: Sequence[tuple[str, int]], styles: Mapping[str, Symbol]) -> list[ParetoRow]:
    """Return the rows, in the order given; none without a finding."""
    total, so_far = sum(count for _, count in counts), 0
    rows = []
    for name, count in counts:
        so_far += count
        width = BAR_WIDTH * count / counts[0][1]
        rows.append(
            ParetoRow(
                symbol=styles[name], count=count, share=count / total, cumulative=so_far / total, width=max(width, 1.0)
            )
        )
    return rows
