"""``inspect-pipeline report``: the report of a coil as one file."""

from pathlib import Path
from typing import Annotated

import typer

from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session


def report(
    context: typer.Context,
    *,
    coil: Annotated[str, typer.Argument(metavar="COIL", help="The coil's id.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Else in the workspace.", show_default=False)
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write PDF instead of HTML.")] = False,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the report of a scored coil: one self-contained file, whose path is printed."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        path = house.report(coil, out=out, pdf=pdf)
    session.answer({"path": str(path), "coil": coil}, lambda: str(path))
