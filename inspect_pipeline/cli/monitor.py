"""``inspect-pipeline monitor``: drift of the lines, golden labels judged again, stores looked at."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.services.monitoring import MonitorSummary


def monitor(
    context: typer.Context,
    *,
    line: Annotated[
        str | None, typer.Option("--line", metavar="L", help="One line; else all of them.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Watch the lines and the stores; what is kept shows on the pages, new alarms go to the webhooks of monitor.yaml.

    Ends with 3 when anything alarms. What could not be watched is listed with the reason.
    """
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        summary = house.monitor(line)
    document = monitor_document(summary)
    session.answer(document, lambda: _view(document))
    if document["alarms"]:
        first = document["alarms"][0]
        raise RefusedError(f"{len(document['alarms'])} alarms; {first['subject']}: {first['text']}")


def monitor_document(summary: "MonitorSummary") -> Document:
    """Return the answer: all alarms, each line, and who was told."""
    return {
        "alarms": [alarm.to_document() for alarm in summary.alarms],
        "lines": [
            {
                "line": look.line,
                "recipe": look.recipe,
                "detector": look.detector,
                "coils": look.coils,
                "through": look.through,
                "golden": look.golden,
                "alarms": len(look.alarms),
                "not_watched": list(look.not_watched),
            }
            for look in summary.lines
        ],
        "deliveries": [plain(delivery) for delivery in summary.deliveries],
        "seconds": summary.seconds,
    }


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid, stacked

    alarms = [
        (one["area"], one["subject"], one["text"], "new" if one["new"] else "known") for one in document["alarms"]
    ]
    lines = [
        (
            f"{one['line']} {one['recipe']}",
            one["detector"] or "none",
            one["coils"],
            one["golden"],
            one["alarms"],
            "; ".join(one["not_watched"]) or "-",
        )
        for one in document["lines"]
    ]
    told = [(one["target"], one["attempts"], one["error"] or "told") for one in document["deliveries"]]
    return stacked(
        grid("Lines", ("line", "detector", "coils", "golden", "alarms", "not watched"), lines),
        grid("Alarms", ("area", "of", "what", ""), alarms),
        *([grid("Webhooks", ("to", "tries", "result"), told)] if told else []),
    )
