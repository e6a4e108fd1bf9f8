"""``models history``, ``adopt`` and ``restore``: what was in force, and aliases that were moved past the records."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, document_of, plain
from inspect_pipeline.cli.models.gating import gate_document
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
from inspect_pipeline.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

WhyOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the records.", show_default=False)]


def history(
    context: typer.Context,
    *,
    model: ModelArgument,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List every change of the version in force of a model: when, from, to, how, by whom and why."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    name = _bare(model)
    with session.house() as house:
        document: Document = {"model": name, "changes": plain(house.models.history(name))}
    session.answer(document, lambda: _history_view(document))


def adopt(
    context: typer.Context,
    *,
    model: ModelArgument,
    reason: WhyOption,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Put on record, through the gate, the version that the champion alias was moved to outside this program."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    name = _bare(model)
    with session.house() as house:
        promotion, report = house.models.adopt(name, operator=operator_name(operator), reason=reason)
    document = {**document_of(promotion), "version": promotion.to_version, **gate_document(report)}
    session.answer(document, lambda: f"{name}: version {promotion.to_version} is on record as in force")


def restore(
    context: typer.Context,
    *,
    model: ModelArgument,
    reason: WhyOption,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Move a champion alias that was moved outside this program back to the version on record."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    name = _bare(model)
    with session.house() as house:
        version = house.models.restore(name, operator=operator_name(operator), reason=reason)
    shown = "no version" if version is None else f"version {version}"
    session.answer({"model": name, "version": version}, lambda: f"{name}: its champion alias is {shown} again")


def _bare(model: str) -> str:
    wanted = parse_reference(model)
    if wanted.version or wanted.alias:
        raise UserError(f"{model!r} names a version; give {wanted.model} alone")
    return wanted.model


def _history_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (
            row["at"][:19].replace("T", " "),
            row["from_version"] or "none",
            row["to_version"],
            row["kind"],
            row["operator"],
            row["reason"],
        )
        for row in document["changes"]
    ]
    if not rows:
        return f"no version of {document['model']} was ever in force"
    return grid(f"{document['model']}: what was in force", ("at (UTC)", "from", "to", "how", "by", "why"), rows)
