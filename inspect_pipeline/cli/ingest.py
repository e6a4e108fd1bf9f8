"""``inspect-pipeline ingest``: frames of a folder or camera into the catalog."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    LineOption,
    RecipeOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.errors import NothingToDoError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.services.ingest import IngestSummary

_REASONS_SHOWN = 10


def ingest(
    context: typer.Context,
    *,
    source: Annotated[
        str, typer.Argument(metavar="PATH|URI", help="A folder of images, or a camera URI.", show_default=False)
    ],
    coil: Annotated[
        str | None, typer.Option("--coil", metavar="ID", help="The coil; else the folder's name.", show_default=False)
    ] = None,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="The family of material.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take in every capture of a folder or camera as one coil; an unreadable one is recorded with its reason.

    Ends with 4 when all of them were there before.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        summary = house.ingest(source, coil=coil, line=line, recipe=recipe, family=family)
    document = ingest_document(summary)
    session.answer(document, lambda: _view(document))
    if summary.nothing_new:
        raise NothingToDoError(f"all {summary.duplicates} captures of coil {summary.coil} were there before")


def ingest_document(summary: "IngestSummary") -> Document:
    """Return the answer: counts in frames, ``missing`` in lines with the intervals in ``gaps``."""
    return {
        "coil": summary.coil,
        "captured": summary.captured,
        "new": summary.new,
        "duplicates": summary.duplicates,
        "unusable": [{"file": file, "reason": reason} for file, reason in summary.unusable],
        "missing": sum(gap.line_count for gap in summary.missing),
        "gaps": plain(summary.missing),
        "labels": summary.labels,
        "incomplete": list(summary.incomplete),
        "seconds": summary.seconds,
    }


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    unusable = document["unusable"]
    table = facts(
        f"Coil {document['coil']}",
        {
            "captured": f"{document['captured']} frames",
            "new in this run": document["new"],
            "there before": document["duplicates"],
            "unusable": len(unusable),
            "missing": f"{document['missing']} lines in {len(document['gaps'])} gaps",
            "labels": document["labels"],
            "still being written": ", ".join(document["incomplete"]) or "none",
            "took": f"{document['seconds']:.1f} s",
        },
    )
    rows = [(row["file"], row["reason"]) for row in unusable[:_REASONS_SHOWN]]
    more = len(unusable) - len(rows)
    title = f"Unusable ({more} more with --json)" if more else "Unusable"
    return stacked(table, grid(title, ("file", "reason"), rows) if rows else None)
