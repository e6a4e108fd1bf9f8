"""The charts of an evaluation of a few-shot method, from the command's own JSON."""

from collections.abc import Sequence

from inspect_pipeline.domain.figures import MeasuredEstimate
from inspect_pipeline.reporting.drawing import Drawing
from inspect_pipeline.reporting.forest_chart import forest_chart
from inspect_pipeline.reporting.line_charts import line_chart
from inspect_pipeline.reporting.method_rows import Document, figure, shown_name, strongest

AXES = {"shots": "supports of a type", "steps": "steps of adaptation"}


def method_drawings(document: Document) -> tuple[Drawing, ...]:
    """Return every chart that the answer carries."""
    drawn = [_by_material(document), *curve_drawings(document), *growth_drawings(document)]
    return tuple(chart for chart in drawn if chart is not None)


def curve_drawings(document: Document) -> tuple[Drawing, ...]:
    """Return, for every curve, accuracy beside the baselines and what is gained over each of them."""
    drawn: list[Drawing | None] = []
    for axis, curve in document["curves"].items():
        points, counts = curve["points"], [point[axis] for point in curve["points"]]
        accuracy = {shown_name(document["method"]): [figure(point, "accuracy") for point in points]}
        gains = {}
        for name in points[0]["baselines"]:
            accuracy[shown_name(name)] = [figure(point["baselines"][name], "accuracy") for point in points]
            gains[f"over {shown_name(name)}"] = [figure(point["differences"][name], "difference") for point in points]
        drawn.append(line_chart(f"accuracy_over_{axis}", "Accuracy, %", AXES[axis], accuracy, counts))
        drawn.append(line_chart(f"gain_over_{axis}", "Gained on the same episodes, points", AXES[axis], gains, counts))
    return tuple(chart for chart in drawn if chart is not None)


def growth_drawings(document: Document) -> tuple[Drawing, ...]:
    """Return known accuracy, harmonic mean and forgetting over the number of added types, beside the baselines."""
    grown = document["known_versus_new"]
    if grown is None:
        return ()
    of = {shown_name(document["method"]): grown["points"]}
    of |= {shown_name(name): points for name, points in grown["baselines"].items()}
    charts = (
        ("known_accuracy", "Accuracy on the types known before, %", 0),
        ("harmonic_mean", "Harmonic mean of known and new, %", 1),
        ("forgetting", "Lost on the types known before, points", 1),
    )
    drawn = [
        line_chart(
            name,
            title,
            "types added",
            {method: _values(points[first:], name) for method, points in of.items()},
            [point["added"] for point in grown["points"][first:]],
        )
        for name, title, first in charts
    ]
    return tuple(chart for chart in drawn if chart is not None)


def _values(points: Sequence[Document], name: str) -> list[MeasuredEstimate]:
    return [figure(point[name], "value") for point in points]


def _by_material(document: Document) -> Drawing | None:
    """Return what was gained over the strongest baseline in each material, and over materials."""
    best = strongest(document["baselines"], without=document["method"])
    if best is None:
        return None
    gain = document["differences"][best]
    rows = [(family, figure(row, "difference")) for family, row in gain["per_family"].items()]
    total = ("over materials", figure(gain["over_materials"], "difference"))
    return forest_chart(
        "gain_by_material",
        f"Gained over {shown_name(best)} on the same episodes",
        rows,
        total=None if gain["over_materials"] is None else total,
    )
