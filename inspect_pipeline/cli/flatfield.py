"""``inspect-pipeline flatfield``: flat fields of the cameras, built from references and listed with their settings."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, OperatorOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.domain.flat_field import FlatFieldVersion

CameraOption = Annotated[
    str, typer.Option("--camera", metavar="NAME", help="The camera, as its frames name it.", show_default=False)
]
_SOURCE = "a folder or source URI"


def build(
    context: typer.Context,
    *,
    camera: CameraOption,
    dark: Annotated[str, typer.Option("--dark", metavar="SOURCE", help=f"Captures with the lens closed: {_SOURCE}.")],
    bright: Annotated[
        str, typer.Option("--bright", metavar="SOURCE", help=f"Captures of a plain bright target: {_SOURCE}.")
    ],
    target: Annotated[
        float | None,
        typer.Option(
            "--target",
            metavar="LEVEL",
            help="Grey level the target comes out at; else the highest that clips no column.",
            show_default=False,
        ),
    ] = None,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Build a version of a camera's flat field; the next ingest of frames that it holds for uses it."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        version = house.build_flat_field(
            camera, dark=dark, bright=bright, operator=operator_name(operator), target=target
        )
    document = _document(version)
    session.answer(document, lambda: _view([document]))


def show(
    context: typer.Context,
    *,
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="This camera's alone.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the versions, newest first, with the settings that they hold for."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        document: Document = {"flat_fields": [_document(version) for version in house.list_flat_fields(camera)]}
    session.answer(document, lambda: _view(document["flat_fields"]))


def _document(version: "FlatFieldVersion") -> Document:
    document: Document = plain(version)
    return document


def _view(versions: list[Document]) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    columns = ("version", "camera", "built", "exposure us", "gain dB", "direction", "columns", "target", "residual")
    rows = []
    for one in versions:
        settings = one["settings"]
        repaired = len(one["dead_columns"]) + len(one["hot_columns"])
        rows.append(
            (
                one["id"][:12],
                one["camera"],
                one["built_at"][:16],
                settings["exposure_us"],
                settings["gain_db"],
                "reverse" if settings["reverse"] else "forward",
                f"{one['width_px']} ({repaired} repaired)",
                f"{one['target']:.1f}",
                f"{one['residual']:.3f}",
            )
        )
    return grid("Flat fields", columns, rows)
