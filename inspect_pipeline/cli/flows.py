"""``inspect-pipeline flows``: the flows on their schedules, here or deployed to work pools."""

from pathlib import Path
from typing import Annotated

import typer

from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", metavar="P", help="Of the workspace's Prefect server; else a free one.", show_default=False, min=1
    ),
]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="What to deploy; else deploy/prefect.yaml.", show_default=False),
]


def serve(
    context: typer.Context,
    *,
    port: PortOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Run the flows on the schedules of the configuration until stopped."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, debug=debug)
    session.start_flows(["serve"] if port is None else ["serve", "--port", str(port)])


def deploy(
    context: typer.Context,
    *,
    file: FileOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Deploy the flows to the work pools of a Prefect server."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, debug=debug)
    session.start_flows(["deploy"] if file is None else ["deploy", "--file", str(file)])
