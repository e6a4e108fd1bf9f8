"""``inspect-pipeline coils``: what was captured of each coil, what was judged, and what was not and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.services.coils import CoilBook, CoilFacts

_INTERVALS_SHOWN = 30


def coils(
    context: typer.Context,
    *,
    coil: Annotated[
        str | None,
        typer.Option("--coil", metavar="ID", help="This coil alone, with ledger and quality.", show_default=False),
    ] = None,
    line: Annotated[
        str | None, typer.Option("--line", metavar="NAME", help="The coils of this line.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the coils: captured, missing, unusable, inspected; with --coil also its ledger and its quality."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        if coil is None:
            document: Document = {"coils": [coil_document(facts) for facts in house.coil_facts(line=line)]}
        else:
            document = {"coils": [book_document(house.coil_book(coil))]}
    session.answer(document, lambda: _view(document, whole=coil is not None))


def coil_document(facts: "CoilFacts") -> Document:
    """Return the books of a coil: counts in frames, lengths in metres; ``duplicates`` came twice from the camera."""
    return {
        "id": facts.coil.id,
        "line": facts.coil.line,
        "recipe": facts.coil.recipe,
        "captured": facts.captured,
        "missing": facts.missing_lines,
        "unusable": facts.unusable,
        "duplicates": facts.duplicates,
        "noted": facts.noted,
        "expected_lines": facts.expected_lines,
        "inspected_m": facts.inspected_m,
        "not_inspected_m": facts.not_inspected_m,
        "detector": facts.detector,
    }


def book_document(book: "CoilBook") -> Document:
    """Return the books of a coil with its ledger, remarks and quality."""
    return {
        **coil_document(book.facts),
        "ledger": plain(book.ledger.intervals),
        "remarks": [{"file": source, "reason": reason, "note": note} for source, reason, note in book.remarks],
        "quality": plain(book.quality),
    }


def _view(document: Document, *, whole: bool) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid, stacked

    rows = [_row(one) for one in document["coils"]]
    columns = ("coil", "line", "captured", "unusable", "duplicates", "missing lines", "inspected m", "not inspected m")
    every = grid("Coils", columns, rows)
    if not whole:
        return every
    [book] = document["coils"]
    ledger = [
        (one["camera"], one["first_line"], one["line_count"], one["cover"], one["reason"] or "")
        for one in book["ledger"]
    ]
    shown = ledger[:_INTERVALS_SHOWN]
    more = len(ledger) - len(shown)
    title = f"Ledger ({more} more intervals with --json)" if more else "Ledger"
    quality = [
        (one["camera"], one["measure"], f"{one['low']:.4g}", f"{one['mean']:.4g}", f"{one['high']:.4g}")
        for one in book["quality"]
    ]
    remarks = [(one["file"], one["reason"] or one["note"] or "") for one in book["remarks"][:_INTERVALS_SHOWN]]
    return stacked(
        every,
        grid(title, ("camera", "first line", "lines", "state", "reason"), shown),
        grid("Remarks", ("file", "what"), remarks) if remarks else None,
        grid("Quality", ("camera", "measure", "lowest", "mean", "highest"), quality) if quality else None,
    )


def _row(one: Document) -> tuple[object, ...]:
    counts = (one["captured"], one["unusable"], one["duplicates"], one["missing"])
    return one["id"], one["line"], *counts, f"{one['inspected_m']:.3f}", f"{one['not_inspected_m']:.3f}"
