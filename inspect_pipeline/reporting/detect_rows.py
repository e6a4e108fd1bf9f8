"""The figures of an evaluation of detection as rows of the page: numbers with intervals, or why there are none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.figures import Estimate, MeasuredEstimate, MeasuredRate, NotMeasured, ShownRate

Document = Mapping[str, Any]

_WHY_NOT = {
    "escape_at_0.01": "needs 100 good test images in every draw",
    "escape_at_0.05": "needs 20 good test images in every draw",
    "aupro": "no masks mark this",
    "aupro_chance": "no masks mark this",
    "region_recall": "no boxes or masks mark this",
    "region_recall_centre": "no boxes or masks mark this",
    "region_recall_own": "no boxes or masks mark this",
    "type_accuracy": "one type alone was taught, or nothing alarmed in a draw",
    "named_unknown": "no image of it alarmed in any draw",
    "known_named_unknown": "no image of a taught type alarmed in any draw",
}
_NO_SPREAD = "one draw tells nothing of the spread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table: its name and one figure a column, in the table's order; ``counts`` are test images."""

    name: str
    cells: tuple[MeasuredEstimate, ...]
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was promised against what came, of one material or all: overkill, its 90th percentile and shares of draws.

    ``stated`` is the mean interval in which leave-one-out expected the recall, None where it stated none.
    """

    name: str
    overkill: MeasuredEstimate
    p90: float
    within: MeasuredRate
    inside: MeasuredRate
    below: MeasuredRate
    realised: MeasuredEstimate
    stated: tuple[float, float] | None


def estimate_of(figure: Mapping[str, Any] | None, name: str = "") -> MeasuredEstimate:
    """Return a figure (value, interval) as the page shows it; one without a value says why there is none."""
    if figure is None or figure["value"] is None:
        return NotMeasured(reason=_WHY_NOT.get(name, "some draw could not measure it"))
    low, high = figure["interval"] or (None, None)
    if low is None or high is None:
        return NotMeasured(reason=_NO_SPREAD)
    return Estimate(value=figure["value"], low=min(low, figure["value"]), high=max(high, figure["value"]))


def ranked_of(row: Mapping[str, Any]) -> MeasuredEstimate:
    """Return the image AUROC of a ranking."""
    return estimate_of({"value": row["image_auroc"], "interval": row["interval"]})


def rate_of(share: Mapping[str, Any]) -> MeasuredRate:
    """Return a share of draws with its counts."""
    if not share["of"]:
        return NotMeasured(reason="no draw could tell")
    low, high = share["interval"]
    return ShownRate(count=share["count"], total=share["of"], low=low, high=high)


def rows_of(
    rows: Mapping[str, Mapping[str, Any]], names: tuple[str, ...], *, counts: tuple[str, ...] = ()
) -> list[Row]:
    """Return a row for each entry, with these of its figures; the lowest first figure of a material comes first."""
    made = [
        Row(
            name=name,
            cells=tuple(estimate_of(row["figures"][figure], figure) for figure in names),
            counts=tuple(int(row[count]) for count in counts),
        )
        for name, row in rows.items()
    ]
    return sorted(made, key=lambda row: (row.name.rpartition("/")[0], _value(row.cells[0])))


def baseline_rows(document: Document) -> list[Row]:
    """Return a row for the detector, then every baseline: its AUROC and what the detector gains over it, paired."""
    nothing = NotMeasured(reason="it is the detector")
    first = Row(name="detector", cells=(estimate_of(document["detector"]["image_auroc"]), nothing, nothing, nothing))
    others = [
        Row(
            name=name.replace("_", " "),
            cells=(
                ranked_of(row),
                estimate_of(row["difference"]["image_auroc"]),
                estimate_of(row["difference"]["average_precision"]),
                estimate_of(row["difference"]["escape_at_0.05"], "escape_at_0.05"),
            ),
        )
        for name, row in document["baselines"].items()
    ]
    return [first, *sorted(others, key=lambda row: -_value(row.cells[0]))]


def kept_rows(document: Document) -> Iterator[Kept]:
    """Yield what was promised against what came: of all, then of each material."""
    yield _kept("all", document["promise"])
    for name, row in document["per_family"].items():
        yield _kept(name, row["promise"])


def _kept(name: str, kept: Mapping[str, Any]) -> Kept:
    overkill, recall = kept["overkill"], kept["recall"]
    low, high = recall["stated_interval"]
    return Kept(
        name=name,
        overkill=estimate_of(overkill),
        p90=overkill["p90"],
        within=rate_of(overkill["within"]),
        inside=rate_of(recall["inside"]),
        below=rate_of(recall["below"]),
        realised=estimate_of(recall["realised"]),
        stated=None if low is None or high is None else (low, high),
    )


def _value(figure: MeasuredEstimate) -> float:
    return figure.value if isinstance(figure, Estimate) else 2.0
