"""``models export``, ``import`` and ``verify``: a model carried to another plant, and its hashes checked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, ModelArgument, WorkspaceOption
from inspect_pipeline.cli.references import parse_reference
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.cli.text import printable
from inspect_pipeline.errors import InspectError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.records import ModelVersion


def export(
    context: typer.Context,
    *,
    model: ModelArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Else MODEL.bundle.zip here.", show_default=False)
    ] = None,
    bundle: Annotated[  # noqa: ARG001 - the one form there is; named so that scripts stay true when others are added
        bool, typer.Option("--bundle", help="Manifest, tensors and lineage in one file (the only form yet).")
    ] = True,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a registered version as one file for an offline plant; its path is printed."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = parse_reference(model)
    target = out or Path(f"{wanted.model}.bundle.zip")
    with session.house() as house:
        path = house.export_model(wanted.model, version=wanted.version, alias=wanted.alias or "champion", out=target)
    session.answer({"path": str(path), "model": wanted.model}, lambda: str(path))


def import_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle from 'models export'.", show_default=False)],
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Register a bundle from another plant after its hashes and lineage have been verified."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        model, version = house.import_model(file)
    session.answer({"model": model, "version": version}, lambda: f"{model} version {version} is registered")


def verify(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Load every registered version and hold its tensors against the hash in its manifest; ends with 1 if any fails."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        document: Document = {"checks": [_verified(house, version) for version in house.models.listing()]}
    session.answer(document, lambda: _view(document))
    failed = [check for check in document["checks"] if not check["ok"]]
    if failed:
        raise InspectError(
            f"{len(failed)} of {len(document['checks'])} versions do not match their hashes; train them again"
        )


def _verified(house: "House", version: "ModelVersion") -> Document:
    check = {"model": version.model, "version": version.version}
    try:
        house.models.show(version.model, version=version.version)
    except InspectError as error:
        return {**check, "ok": False, "detail": printable(error)}
    return {**check, "ok": True, "detail": "tensors match the manifest"}


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [(c["model"], c["version"], "ok" if c["ok"] else "FAILED", c["detail"]) for c in document["checks"]]
    return grid("Registered versions", ("model", "version", "", "detail"), rows)
