"""``inspect-pipeline users``: who may sign in to the workbench; the first admin is made here."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_pipeline.cli.documents import Document, plain
from inspect_pipeline.cli.operator import operator_name
from inspect_pipeline.cli.options import ConfigDirOption, DebugOption, JsonOption, OperatorOption, WorkspaceOption
from inspect_pipeline.cli.session import Session, open_session
from inspect_pipeline.domain.people import Role
from inspect_pipeline.errors import BadDataError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from inspect_pipeline.domain.accounts import Account

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.", show_default=False)]
RoleOption = Annotated[Role, typer.Option("--role", help="What the person is at the plant.")]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line, and ask nothing.")
]


def add(
    context: typer.Context,
    *,
    name: NameArgument,
    role: RoleOption = Role.OPERATOR,
    password_stdin: StdinOption = False,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add a person; the password is asked for, never given as an argument."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    password = _password(from_stdin=password_stdin)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        account = Workbench(house=house).accounts.add(name, role, password, by=operator_name(operator))
    _answer(session, account, f"{account.name} may sign in as {account.role.value}")


def list_users(
    context: typer.Context,
    *,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the people, with who is locked out and for how long."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        accounts = Workbench(house=house).accounts
        waits = accounts.waits()
        people = [_shown(one) | {"waits_s": waits.get(one.name, 0.0)} for one in accounts.listing()]
    document: Document = {"users": people}
    session.answer(document, lambda: _view(document))


def password(
    context: typer.Context,
    *,
    name: NameArgument,
    password_stdin: StdinOption = False,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give a person another password and end all their sessions."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    new = _password(from_stdin=password_stdin)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        accounts = Workbench(house=house).accounts
        accounts.set_password(name, new, by=operator_name(operator))
        account = accounts.account(name)
    _answer(session, account, f"{account.name} has another password and is signed out everywhere")


def role(
    context: typer.Context,
    *,
    name: NameArgument,
    new: Annotated[Role, typer.Argument(metavar="ROLE", help="operator, engineer or admin.", show_default=False)],
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give a person another role and end all their sessions."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        account = Workbench(house=house).accounts.set_role(name, new, by=operator_name(operator))
    _answer(session, account, f"{account.name} is {account.role.value} from now on")


def deactivate(
    context: typer.Context,
    *,
    name: NameArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Let the person in again.")] = False,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let a person out: sessions end, tokens of theirs no longer work, their records stay."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        account = Workbench(house=house).accounts.set_active(name, active=undo, by=operator_name(operator))
    _answer(session, account, f"{account.name} may {'' if undo else 'no longer '}sign in")


def unlock(
    context: typer.Context,
    *,
    name: NameArgument,
    operator: OperatorOption = None,
    workspace: WorkspaceOption = None,
    config_dir: ConfigDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let a person whom failed tries have locked out try again at once."""
    session = open_session(context, workspace=workspace, config_dir=config_dir, as_json=as_json, debug=debug)
    with session.house() as house:
        from inspect_pipeline.bootstrap.workbench import Workbench

        accounts = Workbench(house=house).accounts
        accounts.unlock(name, by=operator_name(operator))
        account = accounts.account(name)
    _answer(session, account, f"{account.name} may try again")


def _password(*, from_stdin: bool) -> str:
    """Return the password of standard input, or of a prompt that shows nothing and asks twice."""
    if from_stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise BadDataError("standard input holds no password; write it there as one line")
        return line
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _shown(account: "Account") -> Document:
    """Return what may be shown of an account: everything but the hash."""
    document: Document = plain(account)
    del document["password_hash"]
    return document


def _answer(session: Session, account: "Account", line: str) -> None:
    session.answer(_shown(account), lambda: line)


def _view(document: Document) -> "RenderableType":
    from inspect_pipeline.cli.tables import grid

    if not document["users"]:
        return "nobody may sign in yet; make an admin with: inspect-pipeline users add NAME --role admin"
    rows = [
        (one["name"], one["role"], _state(one), one["created_at"][:10], one["created_by"]) for one in document["users"]
    ]
    return grid("People", ("name", "role", "", "added", "by"), rows)


def _state(one: Document) -> str:
    if not one["active"]:
        return "not active"
    return f"waits {one['waits_s']:.0f} s" if one["waits_s"] else "active"
