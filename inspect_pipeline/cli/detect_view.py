"""The answer of ``evaluate --task detect`` for people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.text import rate_text

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = ("", "image AUROC", "average precision", "escape at 1%", "escape at 5%")


def detect_view(document: Document) -> "RenderableType":
    """Return the detector's figures, every type's and the baselines' as tables."""
    from inspect_pipeline.cli.tables import facts, grid, stacked

    figures = document["detector"]
    title = (
        f"Detection from {document['shot']} samples of a type and {document['normals']} good images, "
        f"{document['draws']} draws"
    )
    main = facts(
        title,
        {
            "model": document["model"] or "frozen backbone",
            "image AUROC": _figure(figures["image_auroc"]),
            "average precision": _figure(figures["average_precision"]),
            "escape at 1% overkill": _figure(figures["escape_at_0.01"]),
            "escape at 5% overkill": _figure(figures["escape_at_0.05"]),
            f"realised overkill (promised {document['promised_overkill']:.3f})": _figure(figures["overkill"]),
            "escape at the own threshold": _figure(figures["escape"]),
            f"region recall at {document['false_regions']} false regions": _figure(figures["region_recall"]),
            "AUPRO to 30% false pixels": _figure(figures["aupro"]),
            "intervals": document["intervals"],
            "seed": document["seed"],
            "data": document["fingerprint"],
        },
    )
    rows = [(name, *_ranked(row)) for name, row in document["per_type"].items()]
    rows += [(f"{name}, all types", *_ranked(row)) for name, row in document["together"].items()]
    rows += [(f"baseline {name}", *_ranked(row)) for name, row in document["baselines"].items()]
    seen = grid("Seen in training: not new material", ("material",), [(name,) for name in document["seen"]])
    refused = grid("Not measured", ("why",), [(reason,) for reason in document["refused"]])
    return stacked(
        main,
        grid("Each type, and the baselines on the same draws", _COLUMNS, rows),
        seen if document["seen"] else None,
        refused if document["refused"] else None,
    )


def _figure(figure: Mapping[str, Any]) -> str:
    return rate_text(figure["value"], figure["interval"])


def _ranked(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    escapes = row["escape_at"]
    return (
        rate_text(row["image_auroc"], row["interval"]),
        rate_text(row["average_precision"], None),
        rate_text(escapes["0.01"], None),
        rate_text(escapes["0.05"], None),
    )
