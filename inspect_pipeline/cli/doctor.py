"""``inspect-pipeline doctor``: whether this machine, its workspace and its stores are fit for work."""

from typing import TYPE_CHECKING

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import Session, open_session
from inspect_pipeline.cli.text import printable
from inspect_pipeline.errors import InspectError

if TYPE_CHECKING:
    from rich.console import RenderableType


def doctor(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check versions, device, weights, stores, free disk, and that no network is needed; ends with 1 if any fails."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    document: Document = {"checks": _checks(session)}
    session.answer(document, lambda: _view(document))
    failed = [check for check in document["checks"] if not check["ok"]]
    if failed:
        raise InspectError(f"{len(failed)} of {len(document['checks'])} checks failed: {failed[0]['name']}")


def _checks(session: Session) -> list[Document]:
    """Return the checks; settings or a workspace that cannot be opened are a failed check, not the end."""
    try:
        with session.house() as house:
            return [plain(check) for check in house.doctor()]
    except InspectError as error:
        return [{"name": "settings and workspace", "ok": False, "detail": printable(error)}]


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [(c["name"], "ok" if c["ok"] else "FAILED", c["detail"]) for c in document["checks"]]
    return grid("Doctor", ("check", "", "detail"), rows)
