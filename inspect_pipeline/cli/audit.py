"""``inspect-pipeline audit``: who changed what, when, from what to what and why, and whether that is all as written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN_FAULTS = 3
SubjectOption = Annotated[
    str | None,
    typer.Option("--subject", metavar="NAME", help="Only of this model, type or file.", show_default=False),
]
ActionOption = Annotated[
    AuditAction | None, typer.Option("--action", help="Only entries of this kind.", show_default=False)
]


def list_entries(
    context: typer.Context,
    *,
    subject: SubjectOption = None,
    action: ActionOption = None,
    after: Annotated[int, typer.Option("--after", metavar="SEQ", help="Only entries behind this number.", min=0)] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="At most so many; else all.", show_default=False, min=1)
    ] = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the entries of the audit trail, oldest first."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        found = house.audit_trail.listing(after=after, limit=limit, subject=subject, action=action)
    document: Document = {"entries": [_flat(plain(entry)) for entry in found]}
    session.answer(document, lambda: _view(document))


def verify(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Prove that the trail, the rows it vouches for and the aliases are as written. Ends with 3 when they are not."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        found = house.auditing.verify()
    document: Document = {"intact": not found.faults, **plain(found)}
    session.answer(document, lambda: _verdict_view(document))
    if found.faults:
        shown = "; ".join(f"entry {fault.seq}: {fault.what}" for fault in found.faults[:_SHOWN_FAULTS])
        rest = len(found.faults) - _SHOWN_FAULTS
        more = f"; and {rest} more" if rest > 0 else ""
        raise RefusedError(f"the records are not what was written: {shown}{more}; compare with a backup or an export")


def export(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The CSV file.")] = Path("audit.csv"),
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the whole trail as CSV."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        entries = house.export_audit(out)
    session.answer({"path": str(out), "entries": entries}, lambda: f"{entries} entries in {out}")


def _flat(entry: Document) -> Document:
    """Return the entry with its event's fields beside its own."""
    event = entry.pop("event")
    return {"seq": entry["seq"], **event, "previous": entry["previous"], "digest": entry["digest"]}


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (
            row["seq"],
            row["at"][:19].replace("T", " "),
            row["actor"],
            row["action"],
            row["subject"],
            f"{_short(row['before'])} -> {_short(row['after'])}" if row["before"] or row["after"] else "",
            row["reason"],
        )
        for row in document["entries"]
    ]
    if not rows:
        return "the audit trail has no such entry"
    return grid("Audit trail", ("", "at (UTC)", "who", "what", "of", "from, to", "why"), rows)


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]


def _verdict_view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import facts, grid, stacked

    main = facts(
        "Audit trail",
        {
            "entries": document["entries"],
            "anchors in the registry": document["anchors"],
            "last digest": document["last"] or "none",
            "state": "as written" if document["intact"] else "NOT as written",
        },
    )
    rows = [(fault["seq"], fault["what"]) for fault in document["faults"]]
    return stacked(main, grid("Faults", ("entry", "what"), rows) if rows else None)
