"""A leave-one-material-out table as one self-contained page, from the command's own JSON."""

from dataclasses import dataclass

from inspect_pipeline.domain.figures import MeasuredEstimate
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.reporting.detect_page import Provenance
from inspect_pipeline.reporting.drawing import Drawing
from inspect_pipeline.reporting.forest_chart import forest_chart
from inspect_pipeline.reporting.method_rows import Document, Row, figure, shown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialRow:
    """One material that training did not see: accuracy of the method, of what would ship and of the baselines."""

    name: str
    way: int
    chosen: str
    accuracy: MeasuredEstimate
    shipped: MeasuredEstimate
    baselines: tuple[MeasuredEstimate, ...]
    gains: tuple[MeasuredEstimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossDomainPage:
    """All that the page shows."""

    document: Document
    provenance: Provenance
    baselines: tuple[str, ...]
    materials: tuple[MaterialRow, ...]
    mean: Row
    charts: tuple[Drawing, ...]


def cross_domain_drawings(document: Document) -> tuple[Drawing, ...]:
    """Return, for each baseline, what was gained over it on every material and over materials."""
    drawn = []
    for name, gain in document["differences"].items():
        rows = [(family, figure(row, "difference")) for family, row in gain["per_family"].items()]
        title = f"{shown_name(document['method'])} over {shown_name(name)}, each material unseen"
        total = ("over materials", figure(gain, "difference"))
        drawn.append(forest_chart(f"unseen_gain_over_{name}", title, rows, total=total))
    return tuple(chart for chart in drawn if chart is not None)


def lay_out_cross_domain(document: Document, provenance: Provenance) -> CrossDomainPage:
    """Return the page of an answer of ``evaluate --task cross-domain``. Raises BadDataError for any other document."""
    try:
        names = tuple(document["baselines"])
        gains = [figure(document["differences"][name], "difference") for name in names]
        over = [figure(document["baselines"][name], "accuracy") for name in names]
        return CrossDomainPage(
            document=document,
            provenance=provenance,
            baselines=tuple(shown_name(name) for name in names),
            materials=tuple(_material(family, row, names) for family, row in document["per_family"].items()),
            mean=Row(name="over materials", cells=(figure(document, "accuracy"), *over, *gains)),
            charts=cross_domain_drawings(document),
        )
    except (KeyError, TypeError) as error:
        raise BadDataError(f"this is no answer of evaluate --task cross-domain ({error!r}); measure again") from error


def _material(family: str, row: Document, names: tuple[str, ...]) -> MaterialRow:
    trained = sum(choice != "frozen" for choice in row["chosen"])
    return MaterialRow(
        name=family,
        way=row["way"],
        chosen=f"{trained} of {len(row['chosen'])}",
        accuracy=figure(row, "accuracy"),
        shipped=figure(row["shipped"], "accuracy"),
        baselines=tuple(figure(row["baselines"][name], "accuracy") for name in names),
        gains=tuple(figure(row["differences"][name], "difference") for name in names),
    )
