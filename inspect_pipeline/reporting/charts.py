"""Bars and whiskers as places to draw: Pareto, shares of time, intervals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.figures import Estimate, ShownRate
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.report import ShownFinding
from inspect_pipeline.reporting.scales import Scale, Tick, round_length
from inspect_pipeline.reporting.symbols import Symbol

BARS_LEFT, BARS_RIGHT, ROW = 270.0, 800.0, 30.0
WHISKER_WIDTH = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoBar:
    """One type: ``count`` findings, ``simulated`` of them on simulated defects, and the cumulative share so far."""

    symbol: Symbol
    count: int
    simulated: int
    share: float
    cumulative: float
    y: float
    width: float
    simulated_width: float
    cumulative_x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pareto:
    """Bars with the most frequent type first, the cumulative line as polyline points, and ticks of the counts."""

    bars: tuple[ParetoBar, ...]
    line: str
    ticks: tuple[Tick, ...]
    height: float
    total: int


def draw_pareto(findings: Sequence[ShownFinding], symbols: dict[str, Symbol]) -> Pareto | None:
    """Return the Pareto of findings by type, None without findings."""
    counts = Counter(shown.finding.defect_type for shown in findings)
    simulated = Counter(s.finding.defect_type for s in findings if s.origin is Origin.SIMULATED)
    if not counts:
        return None
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    along = Scale(low=0.0, high=order[0][1], start=0.0, end=BARS_RIGHT - BARS_LEFT)
    bars: list[ParetoBar] = []
    so_far = 0
    for row, (name, count) in enumerate(order):
        so_far += count
        bars.append(
            ParetoBar(
                symbol=symbols[name],
                count=count,
                simulated=simulated[name],
                share=count / len(findings),
                cumulative=so_far / len(findings),
                y=30.0 + row * ROW,
                width=along(count),
                simulated_width=along(simulated[name]),
                cumulative_x=BARS_LEFT + (BARS_RIGHT - BARS_LEFT) * so_far / len(findings),
            )
        )
    whole = [tick for tick in along.ticks(about=min(6, order[0][1])) if "." not in tick.text]
    return Pareto(
        bars=tuple(bars),
        line=" ".join(f"{bar.cumulative_x:.1f},{bar.y + ROW / 2:.1f}" for bar in bars),
        ticks=tuple(Tick(at=BARS_LEFT + tick.at, text=tick.text) for tick in whole),
        height=30.0 + len(bars) * ROW + 30.0,
        total=len(findings),
    )


def rate_scale(rates: Iterable[object]) -> Scale:
    """Return a scale from 0 to a round value that holds the intervals of all the rates that were measured."""
    highest = max((rate.high for rate in rates if isinstance(rate, ShownRate)), default=1.0)
    return Scale(low=0.0, high=min(round_length(max(highest, 0.01)), 1.0), start=4.0, end=WHISKER_WIDTH - 4.0)


def estimate_scale(estimates: Iterable[object], *, around_zero: bool = False) -> Scale:
    """Return a scale that holds the intervals of all the estimates; with zero in it where differences are shown."""
    held = [e for e in estimates if isinstance(e, Estimate)]
    low = min([e.low for e in held] + ([0.0] if around_zero else []), default=0.0)
    high = max([e.high for e in held] + ([0.0] if around_zero else []), default=1.0)
    margin = 0.1 * (high - low) or 0.01
    return Scale(low=low - margin, high=high + margin, start=4.0, end=WHISKER_WIDTH - 4.0)
