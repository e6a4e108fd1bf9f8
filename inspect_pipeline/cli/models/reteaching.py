"""``models reteach``: the lines that follow an initialization are taught again, each gets a challenger."""

from typing import TYPE_CHECKING

import typer

from inspect_pipeline.cli.documents import Document, document_of
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    ModelArgument,
    OperatorOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.references import parse_reference
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.domain.bundle import initialization_named
from inspect_pipeline.errors import InspectError, NothingToDoError, RefusedError, UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House


def reteach(
    context: typer.Context,
    *,
    model: ModelArgument,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Teach every line again whose detector in force came from an initialization; each gets a challenger.

    Promoting an initialization does so by itself; this is for what could not be taught then. Ends with 3 when a line
    could not be taught, with 4 when none follows.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = parse_reference(model)
    if wanted.version or wanted.alias:
        raise UserError(f"lines follow the version in force; give {wanted.model} alone")
    with session.house() as house:
        summary = house.reteach(wanted.model, operator=operator_name(operator))
    document = document_of(summary)
    session.answer(document, lambda: reteach_view(document))
    if summary.failed:
        first = summary.failed[0]
        raise RefusedError(
            f"{len(summary.failed)} of {len(summary.lines)} lines that follow {summary.model} could not be taught "
            f"again; first {first.line} {first.recipe}: {first.failed}"
        )
    if not summary.lines:
        raise NothingToDoError(f"no line's detector in force came from {summary.model}")


def retaught_after(house: "House", model: str, operator: str) -> Document:
    """Return what re-teaching gave after a promotion, under ``reteach``; nothing for a detector.

    The promotion stands whatever happens here: an error is told under ``error``.
    """
    if initialization_named(model) is None:
        return {}
    try:
        return {"reteach": document_of(house.reteach(model, operator=operator))}
    except InspectError as error:
        return {"reteach": {"lines": [], "error": f"{error}; 'models reteach {model}' tries again"}}


def reteach_view(document: Document) -> "RenderableType":
    """Return what became of each line, for a person."""
    from inspect_pipeline.cli.tables import grid

    if "error" in document:
        return f"lines that follow were not taught again: {document['error']}"
    rows = [
        (row["line"], row["recipe"], row["in_force"], row["challenger"] or "none", row["failed"] or "")
        for row in document["lines"]
    ]
    if not rows:
        return "no line follows it yet"
    return grid("Lines that follow it", ("line", "recipe", "in force", "challenger", "could not be taught"), rows)
