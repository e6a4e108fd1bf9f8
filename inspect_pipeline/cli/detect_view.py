"""The answer of ``evaluate --task detect`` for people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.text import rate_text, share_text

if TYPE_CHECKING:
    from rich.console import RenderableType

_UNKNOWN = {
    "AUROC against good": "strangers_auroc",
    "anomaly channel alone": "strangers_auroc_normality",
    "escape": "strangers_escape",
    "unknown against known": "unknown_auroc",
    "alarms named unknown": "named_unknown",
    "known ones named unknown": "known_named_unknown",
}
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
            "the same, the found box's centre in the mark": _figure(figures["region_recall_centre"]),
            "region recall at the own threshold": _figure(figures["region_recall_own"]),
            "false regions a good image at the own threshold": _figure(figures["false_regions_per_normal"]),
            "AUPRO to 30% false pixels": _figure(figures["aupro"]),
            "AUPRO that the places of the marks alone earn": _figure(figures["aupro_chance"]),
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
        _promise(document),
        _unknown(document),
        *_curves(document),
        seen if document["seen"] else None,
        refused if document["refused"] else None,
    )


def _promise(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    named = {"all": document["promise"]} | {name: row["promise"] for name, row in document["per_family"].items()}
    rows = [
        (
            name,
            _figure(kept["overkill"]),
            rate_text(kept["overkill"]["p90"], None),
            _share(kept["overkill"]["within"]),
            _share(kept["recall"]["inside"]),
            _share(kept["recall"]["below"]),
        )
        for name, kept in named.items()
    ]
    title = f"Promised against realised: at most {document['promised_overkill']:.1%} overkill"
    columns = ("", "overkill", "90th percentile", "draws that kept it", "recall in stated interval", "recall below it")
    return grid(title, columns, rows)


def _unknown(document: Document) -> "RenderableType | None":
    from inspect_pipeline.cli.tables import grid

    unknown = document["unknown"]
    if unknown is None:
        return None
    named = unknown["per_type"] | {"all": unknown}
    rows = [(name, *(_figure(row["figures"][key]) for key in _UNKNOWN.values())) for name, row in named.items()]
    return grid("Each type left out of the teaching of its material", ("", *_UNKNOWN), rows)


def _curves(document: Document) -> "list[RenderableType]":
    from inspect_pipeline.cli.tables import grid

    tables = []
    for axis, curve in (document["curves"] or {}).items():
        rows = [
            (
                point["shot"],
                point["normals"],
                _figure(point["figures"]["image_auroc"]),
                _figure(point["figures"]["escape_at_0.05"]),
                _figure(point["figures"]["overkill"]),
                _figure(point["gained"]["image_auroc"]) if point["gained"] else "",
            )
            for point in curve["points"]
        ]
        title = f"Over the number of {axis}, {len(curve['types'])} types, the same test images at every point"
        columns = ("samples", "good images", "image AUROC", "escape at 5%", "overkill", "AUROC gained")
        tables.append(grid(title, columns, rows))
    return tables


def _share(share: Mapping[str, Any]) -> str:
    return share_text(share["count"], share["of"], share["interval"])


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
