"""``inspect-pipeline demo``: the whole loop on real images."""

from pathlib import Path
from typing import Annotated

import typer

from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, SeedOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session


def demo(
    context: typer.Context,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Your own images, DIR/<family>/images/<class>/*; else solar cells of the package elpv-dataset.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the report is written.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ingest, train, teach, score and report on real images, as one flow; ends with the report's path."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    words = ["demo", "--seed", str(seed)]
    if data is not None:
        words += ["--data", str(data)]
    if out is not None:
        words += ["--out", str(out)]
    if as_json:
        words.append("--json")
    session.start_flows(words)
