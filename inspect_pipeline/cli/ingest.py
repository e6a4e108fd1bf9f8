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
from inspect_pipeline.cli.processes import ended_by_signals
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.errors import NothingToDoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType

    from inspect_pipeline.domain.ledger import Interval
    from inspect_pipeline.services.ingest import IngestSummary

_ROWS_SHOWN = 10


SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH|URI",
        help="A folder of images; or watch:DIR, camera:NAME, aravis:DEVICE, genicam:SERIAL?producer=FILE, "
        "replay:COIL, synthetic:?frames=N&seed=S.",
        show_default=False,
    ),
]
CoilOption = Annotated[
    str | None, typer.Option("--coil", metavar="ID", help="The coil; else the folder's name.", show_default=False)
]
FamilyOption = Annotated[
    str | None, typer.Option("--family", metavar="NAME", help="The family of material.", show_default=False)
]
RewoundOption = Annotated[
    bool, typer.Option("--rewound", help="The coil runs towards its head; --offset-m is its length.")
]
OffsetOption = Annotated[
    float, typer.Option("--offset-m", metavar="M", help="Where on the coil its first line lies, in metres.")
]


def ingest(
    context: typer.Context,
    *,
    source: SourceArgument,
    coil: CoilOption = None,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    family: FamilyOption = None,
    rewound: RewoundOption = False,
    offset_m: OffsetOption = 0.0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take in every capture of a folder or camera as one coil; an unreadable one is recorded with its reason.

    Ctrl-C (or SIGTERM) closes the coil of a camera or a watched folder with what came until then; anything else goes
    on from there when it is run again. Ends with 4 when all captures were there before.
    """
    from inspect_pipeline.bootstrap.source_uris import parsed_uri

    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house, ended_by_signals() as ended:
        summary = house.ingest(
            source,
            coil=coil,
            line=line,
            recipe=recipe,
            family=family,
            rewound=rewound,
            offset_m=offset_m,
            ended=ended,
        )
    document = ingest_document(summary)
    session.answer(document, lambda: _view(document))
    if ended.is_set() and not parsed_uri(source).endless:
        raise KeyboardInterrupt
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
        "noted": [{"file": file, "note": note} for file, note in summary.noted],
        "expected_lines": summary.expected_lines,
        "missing": sum(gap.line_count for gap in summary.missing),
        "gaps": [gap_document(gap) for gap in summary.missing],
        "labels": summary.labels,
        "incomplete": list(summary.incomplete),
        "source_notes": list(summary.source_notes),
        "rates": plain(summary.rates),
        "seconds": summary.seconds,
    }


def gap_document(gap: "Interval") -> Document:
    """Return an interval of the ledger."""
    return {
        "camera": gap.camera,
        "first_line": gap.first_line,
        "line_count": gap.line_count,
        "reason": gap.reason,
    }


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    unusable, noted, rates = document["unusable"], document["noted"], document["rates"]
    camera = rates["camera_lines_per_s"]
    table = facts(
        f"Coil {document['coil']}",
        {
            "captured": f"{document['captured']} frames",
            "new in this run": document["new"],
            "there before": document["duplicates"],
            "unusable": len(unusable),
            "odd but usable": len(noted),
            "missing": f"{document['missing']} lines in {len(document['gaps'])} gaps",
            "labels": document["labels"],
            "the source says": "; ".join(document["source_notes"]) or "nothing",
            "still being written": ", ".join(document["incomplete"]) or "none",
            "took": f"{document['seconds']:.1f} s",
            "rate": f"{rates['lines_per_s']:,.0f} lines/s, {rates['megabytes_per_s']:,.0f} MB/s"
            + ("" if camera is None else f"; the camera's own: {camera:,.0f} lines/s"),
        },
    )
    return stacked(
        table,
        _listed("Unusable", ("file", "reason"), [(row["file"], row["reason"]) for row in unusable], grid),
        _listed("Odd", ("file", "note"), [(row["file"], row["note"]) for row in noted], grid),
    )


def _listed(
    title: str,
    columns: tuple[str, str],
    rows: list[tuple[str, str]],
    grid: "Callable[[str, Sequence[str], Iterable[Sequence[object]]], RenderableType]",
) -> "RenderableType | None":
    more = len(rows) - _ROWS_SHOWN
    return (
        grid(f"{title} ({more} more with --json)" if more > 0 else title, columns, rows[:_ROWS_SHOWN]) if rows else None
    )
