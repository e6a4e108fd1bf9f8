"""``inspect-pipeline tokens``: what machines sign in to the interface of the workbench with."""

from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, OperatorOption, WorkspaceOption
from inspect_pipeline.cli.session import open_session
from inspect_pipeline.domain.people import Permission

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.domain.accounts import ApiToken

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The machine's name.", show_default=False)]


def add(
    context: typer.Context,
    *,
    name: NameArgument,
    owner: Annotated[
        str, typer.Option("--owner", metavar="NAME", help="The person who answers for it.", show_default=False)
    ],
    scopes: Annotated[list[Permission], typer.Option("--scope", help="What it may do; repeat.", show_default=False)],
    days: Annotated[int, typer.Option("--days", metavar="N", help="It ends after so many.", min=1)] = 90,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a token and print it, this once; it never allows more than its owner may do."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        tokens = Workbench(house=house).api_tokens
        made = tokens.make(name, owner=owner, scopes=scopes, days=days, by=operator_name(operator))
    session.answer({"text": made.text, **_shown(made.token)}, lambda: made.text)


def list_tokens(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the tokens, revoked and ended ones included."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        now = house.clock()
        found = Workbench(house=house).api_tokens.listing()
    document: Document = {"tokens": [_shown(token) | {"valid": token.valid(now)} for token in found]}
    session.answer(document, lambda: _view(document))


def revoke(
    context: typer.Context,
    *,
    name: NameArgument,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Revoke a token from this moment on."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        token = Workbench(house=house).api_tokens.revoke(name, by=operator_name(operator))
    session.answer(_shown(token), lambda: f"token {token.name} is revoked")


def _shown(token: "ApiToken") -> Document:
    """Return what may be shown of a token: everything but its digest."""
    scopes = sorted(scope.value for scope in token.scopes)
    times = {key: plain(getattr(token, key)) for key in ("created_at", "expires_at", "revoked_at", "used_at")}
    return {"name": token.name, "owner": token.owner, "scopes": scopes, "created_by": token.created_by, **times}


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    rows = [
        (
            one["name"],
            "valid" if one["valid"] else "revoked" if one["revoked_at"] else "ended",
            one["owner"],
            ", ".join(one["scopes"]),
            one["expires_at"][:10],
            (one["used_at"] or "never")[:16].replace("T", " "),
        )
        for one in document["tokens"]
    ]
    return grid("Tokens", ("name", "", "owner", "may", "until", "last used (UTC)"), rows)
