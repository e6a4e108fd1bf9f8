"""The answers of ``evaluate --task classify`` and ``cross-domain`` for people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.text import rate_text

if TYPE_CHECKING:
    from rich.console import RenderableType

_AXES = {"shots": "supports", "steps": "steps of adaptation"}


def method_view(document: Document) -> "RenderableType":
    """Return accuracy beside the baselines, what was gained, curves, strangers, added types, and every type."""
    from inspect_pipeline.cli.tables import facts, grid, stacked

    title = f"{document['way']}-way {document['shot']}-shot accuracy over {document['episodes']} episodes"
    baselines = {
        f"baseline {name}": rate_text(row["accuracy"], row["interval"]) for name, row in document["baselines"].items()
    }
    gains = {f"gained over {name}": _gain(row) for name, row in document["differences"].items()}
    over = {
        f"gained over {name}, over {row['over_materials']['materials']} materials": _gain(row["over_materials"])
        for name, row in document["differences"].items()
        if row["over_materials"] is not None
    }
    main = facts(
        title,
        {document["method"]: rate_text(document["accuracy"], document["interval"])}
        | baselines
        | gains
        | over
        | {"seed": document["seed"], "data": document["fingerprint"]},
    )
    rows = [(name, rate_text(row["recall"], row["interval"])) for name, row in document["per_type"].items()]
    return stacked(
        main,
        *_curves(document),
        _strangers(document),
        _growth(document),
        grid("Each type", ("type", "recall"), rows) if rows else None,
        *_notes(document),
    )


def cross_domain_view(document: Document) -> "RenderableType":
    """Return a row for every material that the training did not see, and the mean over materials."""
    from inspect_pipeline.cli.tables import grid, stacked

    names = list(document["baselines"])
    columns = ("unseen material", "types", document["method"], *names, *(f"gained over {name}" for name in names))
    rows = [
        (
            family,
            row["way"],
            _share(row),
            *(_share(row["baselines"][name]) for name in names),
            *(_gain(row["differences"][name]) for name in names),
        )
        for family, row in document["per_family"].items()
    ]
    over = (
        "over materials",
        "",
        _share(document),
        *(_share(document["baselines"][name]) for name in names),
        *(_gain(document["differences"][name]) for name in names),
    )
    refused = [(reason,) for reason in document["refused"]]
    return stacked(
        grid("Each material left out of the training in turn", columns, [*rows, over]),
        grid("Not measured", ("why",), refused) if refused else None,
    )


def _curves(document: Document) -> "list[RenderableType]":
    from inspect_pipeline.cli.tables import grid

    tables = []
    for axis, curve in document["curves"].items():
        beside = list(curve["points"][0]["baselines"])
        rows = [
            (
                point[axis],
                _share(point),
                *(_gain(point["differences"][name]) for name in beside),
                _gain(point["gained"]) if point["gained"] else "",
            )
            for point in curve["points"]
        ]
        columns = (_AXES[axis], "accuracy", *(f"over {name}" for name in beside), "over the row above")
        families = len(curve["families"])
        tables.append(grid(f"Over {_AXES[axis]}, on the same queries of {families} material(s)", columns, rows))
    return tables


def _strangers(document: Document) -> "RenderableType | None":
    from inspect_pipeline.cli.tables import grid

    found = document["open_set"]
    if found is None:
        return None
    rows = []
    for score, of in found["scores"].items():
        rows.append((score, document["method"], rate_text(of["auroc"], of["interval"]), ""))
        rows += [
            (score, name, rate_text(row["auroc"], row["interval"]), _gain(of["differences"][name]))
            for name, row in of["baselines"].items()
        ]
    title = f"A type that nobody taught against {found['known']} taught ones"
    return grid(title, ("score", "method", "AUROC", "gained over it"), rows)


def _growth(document: Document) -> "RenderableType | None":
    from inspect_pipeline.cli.tables import grid

    found = document["known_versus_new"]
    if found is None:
        return None
    names = ("known_accuracy", "new_accuracy", "harmonic_mean", "forgetting")
    rows = [
        (point["added"], *(_share(point[name], "value") if name in point else "" for name in names))
        for point in found["points"]
    ]
    title = f"{found['known']} known types as others are added to the same classifier"
    return grid(title, ("added", "on known", "on new", "harmonic mean", "lost on known"), rows)


def _notes(document: Document) -> "list[RenderableType]":
    from inspect_pipeline.cli.tables import grid

    seen = [(name,) for name in document["seen"]]
    missing = [(reason,) for reason in [*document["refused"], *document["not_measured"]]]
    tables = [("Seen in training: not new material", "material", seen), ("Not measured", "why", missing)]
    return [grid(title, (column,), rows) for title, column, rows in tables if rows]


def _share(row: Mapping[str, Any], key: str = "accuracy") -> str:
    return rate_text(row[key], row["interval"])


def _gain(row: Mapping[str, Any]) -> str:
    value, ends = row["difference"], row["interval"]
    return f"{value:+.3f} [{ends[0]:+.3f}, {ends[1]:+.3f}]"
