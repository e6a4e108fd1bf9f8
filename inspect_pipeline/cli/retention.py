"""``inspect-pipeline retention``: images that no label, finding or audit row needs go when they are old enough."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session

if TYPE_CHECKING:
    from rich.console import RenderableType


def retention(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Remove old images by the rules of retention.yaml; their rows and verdicts stay."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        plan = house.retention.plan() if dry_run else house.retention.run()
    document: Document = {
        "dry_run": dry_run,
        "by_class": {kind.value: plain(pruned) for kind, pruned in plan.by_class.items()},
        "swept": plain(plan.swept),
    }
    session.answer(document, lambda: _view(document))


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (kind, one["rows"], one["files"], f"{one['size_bytes'] / 1e6:,.1f}")
        for kind, one in {**document["by_class"], "files without a row": document["swept"]}.items()
    ]
    title = "Would go" if document["dry_run"] else "Gone"
    return grid(title, ("class", "rows", "files", "MB"), rows)
