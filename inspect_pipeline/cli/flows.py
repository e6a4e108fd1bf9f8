"""``inspect-pipeline flows``: the flows on their schedules, here or deployed to work pools."""

import typer

from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session


def serve(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Run the flows on the schedules of the configuration until stopped."""
    open_session(context, workspace=workspace, config_dir=config_dir, debug=debug).start_flows(["serve"])


def deploy(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Deploy the flows to the work pools of a Prefect server."""
    open_session(context, workspace=workspace, config_dir=config_dir, debug=debug).start_flows(["deploy"])
