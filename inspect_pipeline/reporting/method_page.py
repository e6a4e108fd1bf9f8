"""An evaluation of a few-shot method as one self-contained page: what the template shows of the command's own JSON."""

from dataclasses import dataclass

from inspect_pipeline.domain.figures import MeasuredEstimate
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting.detect_page import Provenance
from inspect_pipeline.reporting.drawing import Drawing
from inspect_pipeline.reporting.method_drawings import AXES, method_drawings
from inspect_pipeline.reporting.method_rows import Document, Row, figure, method_rows, share_rows, shown_name

_NAMES = {"highest_probability": "Highest probability", "highest_logit": "Highest logit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveTable:
    """The points of a curve as rows: accuracy, the gain over the point before, and over each baseline."""

    axis: str
    baselines: tuple[str, ...]
    families: tuple[str, ...]
    charts: tuple[Drawing, ...]
    rows: tuple[Row, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSetTable:
    """How strangers are told from the taught types: one row a score and method, and one a stranger."""

    known: int
    rows: tuple[Row, ...]
    strangers: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthTable:
    """What taught types lose as others are added: one row a number of added types, and the gains over baselines."""

    known: int
    charts: tuple[Drawing, ...]
    rows: tuple[Row, ...]
    gains: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPage:
    """All that the page shows."""

    document: Document
    provenance: Provenance
    methods: tuple[Row, ...]
    by_material: Drawing | None
    families: tuple[Row, ...]
    types: tuple[Row, ...]
    curves: tuple[CurveTable, ...]
    strangers: OpenSetTable | None
    growth: GrowthTable | None


def lay_out_method(document: Document, provenance: Provenance) -> MethodPage:
    """Return the page of an answer of ``evaluate --task classify``. Raises BadDataError for any other document."""
    try:
        return _laid_out(document, provenance)
    except (KeyError, TypeError) as error:
        raise BadDataError(f"this is no answer of evaluate --task classify ({error!r}); measure again") from error


def _laid_out(document: Document, provenance: Provenance) -> MethodPage:
    charts = {chart.name: chart for chart in method_drawings(document)}
    return MethodPage(
        document=document,
        provenance=provenance,
        methods=method_rows(document),
        by_material=charts.get("gain_by_material"),
        families=share_rows(document["per_family"], "accuracy"),
        types=share_rows(document["per_type"], "recall"),
        curves=tuple(_curve(document, axis, charts) for axis in document["curves"]),
        strangers=None if document["open_set"] is None else _open_set(document["open_set"], document["method"]),
        growth=None if document["known_versus_new"] is None else _growth(document["known_versus_new"], charts),
    )


def _curve(document: Document, axis: str, charts: dict[str, Drawing]) -> CurveTable:
    curve = document["curves"][axis]
    beside = tuple(curve["points"][0]["baselines"])
    rows = []
    for place, point in enumerate(curve["points"]):
        gained = (figure(point["gained"], "difference"),) if place else ()
        gains = [figure(point["differences"][name], "difference") for name in beside]
        rows.append(Row(name=str(point[axis]), cells=(figure(point, "accuracy"), *gains, *gained)))
    names = (f"accuracy_over_{axis}", f"gain_over_{axis}")
    return CurveTable(
        axis=AXES[axis],
        baselines=tuple(shown_name(name) for name in beside),
        families=tuple(curve["families"]),
        charts=tuple(charts[name] for name in names if name in charts),
        rows=tuple(rows),
        refused=tuple(curve["refused"]),
    )


def _open_set(found: Document, method: str) -> OpenSetTable:
    rows = []
    for score, of in found["scores"].items():
        rows.append(Row(name=f"{_NAMES[score]}, {shown_name(method)}", cells=(figure(of, "auroc"),)))
        rows += [
            Row(
                name=f"{_NAMES[score]}, {shown_name(name)}",
                cells=(figure(row, "auroc"), figure(of["differences"][name], "difference")),
            )
            for name, row in of["baselines"].items()
        ]
    return OpenSetTable(known=found["known"], rows=tuple(rows), strangers=share_rows(found["per_type"], "auroc"))


def _growth(found: Document, charts: dict[str, Drawing]) -> GrowthTable:
    names = ("known_accuracy", "new_accuracy", "harmonic_mean", "forgetting")
    rows = [Row(name="0", cells=(figure(found["points"][0]["known_accuracy"], "value"),))]
    rows += [
        Row(name=str(point["added"]), cells=tuple(figure(point[name], "value") for name in names))
        for point in found["points"][1:]
    ]
    return GrowthTable(
        known=found["known"],
        charts=tuple(charts[name] for name in names if name in charts),
        rows=tuple(rows),
        gains=tuple(
            Row(name=f"{shown_name(name)}, {gain['added']} added", cells=_gain_cells(gain))
            for name, gains in found["differences"].items()
            for gain in gains
        ),
    )


def _gain_cells(gain: Document) -> tuple[MeasuredEstimate, ...]:
    return tuple(figure(gain[name], "difference") for name in ("harmonic_mean", "forgetting"))
