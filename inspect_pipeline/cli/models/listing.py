"""``models list`` and ``models show``."""

import json
from typing import TYPE_CHECKING

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, ModelArgument, WorkspaceOption
from inspect_pipeline.cli.references import parse_reference
from inspect_pipeline.cli.session import open_session

if TYPE_CHECKING:
    from rich.console import RenderableType
_LONGEST_VALUE = 240


def list_models(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List every version of every registered model with its aliases."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        versions = house.models.listing()
    document: Document = {"models": plain(versions)}
    session.answer(document, lambda: _list_view(document))


def show(
    context: typer.Context,
    *,
    model: ModelArgument,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the manifest of a version: method, lineage, thresholds, evidence. Without @REF, of the champion."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = parse_reference(model)
    with session.house() as house:
        version, manifest = house.models.show(wanted.model, version=wanted.version, alias=wanted.alias or "champion")
    document: Document = {"model": wanted.model, "version": version, "manifest": plain(manifest)}
    session.answer(document, lambda: _show_view(document))


def _list_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (row["model"], row["version"], ", ".join(row["aliases"]), row["created_at"][:16].replace("T", " "))
        for row in document["models"]
    ]
    if not rows:
        return "no model is registered; 'inspect-pipeline train' makes the first"
    return grid("Registered models", ("model", "version", "in force as", "made at (UTC)"), rows)


def _show_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts

    rows = {key: _shortened(value) for key, value in document["manifest"].items()}
    return facts(f"{document['model']} version {document['version']} (whole with --json)", rows)


def _shortened(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} ..."
