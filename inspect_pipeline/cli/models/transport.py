"""``models export``, ``serve``, ``import`` and ``verify``: a model carried elsewhere, and its hashes checked."""

import re
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, ModelArgument, WorkspaceOption
from inspect_pipeline.cli.references import parse_reference
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.cli.text import printable
from inspect_pipeline.errors import InspectError, UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.bootstrap.house import House
    from inspect_pipeline.domain.records import ModelVersion


class Form(StrEnum):
    """What ``models export`` writes."""

    BUNDLE = "bundle"
    ONNX = "onnx"
    OPENVINO = "openvino"
    TORCH_EXPORT = "torch-export"


_SUFFIXES = {Form.BUNDLE: ".bundle.zip", Form.ONNX: ".onnx", Form.OPENVINO: ".xml", Form.TORCH_EXPORT: ".pt2"}
_SCORING_APP = "inspect_pipeline.serving.server:scoring_app"
_SIZE = re.compile(r"(\d+)x(\d+)(?:x(1|3))?")


def export(
    context: typer.Context,
    *,
    model: ModelArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Else MODEL.bundle.zip here.", show_default=False)
    ] = None,
    bundle: Annotated[  # noqa: ARG001 - what --format is by default; it was there first and scripts give it
        bool, typer.Option("--bundle", help="Manifest, tensors and lineage in one file: what 'models import' reads.")
    ] = True,
    form: Annotated[
        Form, typer.Option("--format", help="A bundle, or a detector as one graph with a JSON of its thresholds.")
    ] = Form.BUNDLE,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="HxW[x3]",
            help="Frames that a graph takes; else as the line's newest.",
            show_default=False,
        ),
    ] = None,
    bits: Annotated[int, typer.Option("--bits", metavar="8|16", help="Bits a value of these frames, with --size.")] = 8,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a registered version for an offline plant, or a detector as a graph; the path is printed."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    wanted = parse_reference(model)
    target = out or Path(f"{wanted.model}{_SUFFIXES[form]}")
    if form is Form.BUNDLE:
        with session.house() as house:
            path = house.export_model(
                wanted.model, version=wanted.version, alias=wanted.alias or "champion", out=target
            )
        session.answer({"path": str(path), "model": wanted.model}, lambda: str(path))
        return
    with session.house() as house:
        written = house.serving.export_graph(
            wanted.model,
            form=form.value,
            out=target,
            size=None if size is None else _parsed_size(size),
            bits=bits,
            version=wanted.version,
            alias=wanted.alias,
        )
    session.answer({"model": wanted.model, **written}, lambda: "\n".join(written["paths"]))


def serve(
    context: typer.Context,
    *,
    model: ModelArgument,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="P", help="The port.", min=1, max=65535)] = 5001,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Serve a detector by MLflow's scoring server until stopped: POST images to /invocations (docs/serving.md).

    Unlike 'mlflow models serve' it serves what the records say is in force, needs no network and builds no environment.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, debug=debug)
    wanted = parse_reference(model)
    with tempfile.TemporaryDirectory(prefix="served-") as folder:
        with session.house() as house:
            version = house.serving.write_served(wanted.model, Path(folder), version=wanted.version, alias=wanted.alias)
        typer.echo(f"{wanted.model} version {version} at http://{host}:{port}/invocations", err=True)
        command = [sys.executable, "-m", "uvicorn", "--factory", _SCORING_APP, "--host", host, "--port", str(port)]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        served = {**session.invocation.environment, **quiet, "SERVED_MODEL_FOLDER": folder}
        code = session.invocation.start(command, served)
    raise typer.Exit(code)


def _parsed_size(text: str) -> tuple[int, int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UserError(
            f"--size {text!r} is no size; write HEIGHTxWIDTH, or HEIGHTxWIDTHx3 for colour, such as 1024x2048"
        )
    return int(found[1]), int(found[2]), int(found[3] or 1)


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
