"""``inspect-pipeline types``: the defect types of a line, and the steps in their life cycle that people decide."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, document_of, plain
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import (
    ConfigDirOption,
    DebugOption,
    JsonOption,
    LineOption,
    OperatorOption,
    RecipeOption,
    WorkspaceOption,
)
from inspect_pipeline.cli.session import Session, open_session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.domain.taxonomy import TypeMove

TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="The name of the type.", show_default=False)]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the records.", show_default=False)
]


def show(
    context: typer.Context,
    *,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the types of a line with their stage, their labels in force and their last step."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        document: Document = {"line": line, "types": plain(house.types.listing(line, recipe))}
    session.answer(document, lambda: _view(document))


def approve(
    context: typer.Context,
    *,
    defect_type: TypeArgument,
    reason: ReasonOption,
    line: LineOption = "default",
    recipe: RecipeOption = "default",
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let a type stop the line on its own. Ends with 3 when no promoted detector knows it or it is not provisional."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        move = house.types.approve(line, recipe, defect_type, operator=operator_name(operator), reason=reason)
    _answer(session, move)


def retire(
    context: typer.Context,
    *,
    defect_type: TypeArgument,
    reason: ReasonOption,
    line: LineOption = "default",
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a type out: nothing is named so any more and the next detector is not taught it; its labels stay."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        move = house.types.retire(line, defect_type, operator=operator_name(operator), reason=reason)
    _answer(session, move)


def restore(
    context: typer.Context,
    *,
    defect_type: TypeArgument,
    reason: ReasonOption,
    line: LineOption = "default",
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Bring a retired type back as a candidate; the next teaching takes its labels up again."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        move = house.types.restore(line, defect_type, operator=operator_name(operator), reason=reason)
    _answer(session, move)


def _answer(session: Session, move: "TypeMove") -> None:
    document = document_of(move)
    session.answer(document, lambda: _moved(document))


def _moved(document: Document) -> str:
    return (
        f"{document['defect_type']} on line {document['line']}: {document['after']} (before: {document['before']}), "
        f"by {document['operator']}: {document['reason']}"
    )


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    if not document["types"]:
        return f"line {document['line']} has no types yet; 'inspect-pipeline teach' makes the first"
    columns = ("type", "life cycle", "supports", "held out", "in the champion", "last step")
    rows = [
        (
            one["name"],
            one["life_cycle"],
            one["supports"],
            one["held_out"],
            "yes" if one["in_champion"] else "no",
            ""
            if one["last"] is None
            else f"{one['last']['at'][:16]} {one['last']['operator']}: {one['last']['reason']}",
        )
        for one in document["types"]
    ]
    return grid(f"Types of line {document['line']}", columns, rows)
