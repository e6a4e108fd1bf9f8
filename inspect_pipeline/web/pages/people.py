"""People and machines, for who manages them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspect_pipeline.domain.people import ALLOWED, Permission, Role
from inspect_pipeline.errors import NothingToDoError, RefusedError, UserError
from inspect_pipeline.services.api_tokens import LONGEST_DAYS, MadeToken
from inspect_pipeline.web.access import Bench, MayManagePeople
from inspect_pipeline.web.rendering import page

router = APIRouter()
Name = Annotated[str, Form(max_length=200)]
_MONTH_DAYS = 90


@router.get("/people")
def show(request: Request, bench: Bench, _actor: MayManagePeople) -> Response:
    """Show people and tokens."""
    return _people(request, bench)


@router.post("/people/add")
def add(
    request: Request,
    bench: Bench,
    actor: MayManagePeople,
    *,
    name: Name,
    role: Annotated[Role, Form()],
    password: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Add a person."""
    return _done(request, bench, lambda: bench.accounts.add(name, role, password, by=actor.name))


@router.post("/people/role")
def set_role(
    request: Request, bench: Bench, actor: MayManagePeople, name: Name, role: Annotated[Role, Form()]
) -> Response:
    """Give a person another role."""
    return _done(request, bench, lambda: bench.accounts.set_role(name, role, by=actor.name))


@router.post("/people/active")
def set_active(
    request: Request, bench: Bench, actor: MayManagePeople, name: Name, active: Annotated[bool, Form()]
) -> Response:
    """Let a person out, or in again."""
    return _done(request, bench, lambda: bench.accounts.set_active(name, active=active, by=actor.name))


@router.post("/people/password")
def set_password(
    request: Request,
    bench: Bench,
    actor: MayManagePeople,
    *,
    name: Name,
    password: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Give a person another password."""
    return _done(request, bench, lambda: bench.accounts.set_password(name, password, by=actor.name))


@router.post("/people/unlock")
def unlock(request: Request, bench: Bench, actor: MayManagePeople, name: Name) -> Response:
    """Let a person try again at once."""
    return _done(request, bench, lambda: bench.accounts.unlock(name, by=actor.name))


@router.post("/people/tokens/make")
def make_token(
    request: Request,
    bench: Bench,
    actor: MayManagePeople,
    *,
    name: Name,
    owner: Name,
    days: Annotated[int, Form(ge=1, le=LONGEST_DAYS)],
    scopes: Annotated[list[Permission] | None, Form()] = None,
) -> Response:
    """Make a token and show it, this once."""
    try:
        made = bench.api_tokens.make(name, owner=owner, scopes=scopes or (), days=days, by=actor.name)
    except (UserError, RefusedError) as error:
        return _people(request, bench, failure=str(error))
    return _people(request, bench, made=made)


@router.post("/people/tokens/revoke")
def revoke_token(request: Request, bench: Bench, actor: MayManagePeople, name: Name) -> Response:
    """Revoke a token."""
    return _done(request, bench, lambda: bench.api_tokens.revoke(name, by=actor.name))


def _done(request: Request, bench: Bench, change: Callable[[], object]) -> Response:
    """Make the change and lead back to the page, or show it with what is wrong."""
    try:
        change()
    except (UserError, RefusedError, NothingToDoError) as error:
        return _people(request, bench, failure=str(error))
    return RedirectResponse("/people", status_code=303)


def _people(request: Request, bench: Bench, *, failure: str = "", made: MadeToken | None = None) -> Response:
    now = bench.clock()
    context = {
        "people": bench.accounts.listing(),
        "waits": bench.accounts.waits(),
        "tokens": [(token, token.valid(now)) for token in bench.api_tokens.listing()],
        "roles": list(Role),
        "permissions": [one for one in Permission if one in ALLOWED[Role.ADMIN]],
        "days": _MONTH_DAYS,
        "longest_days": LONGEST_DAYS,
        "made": made,
        "failure": failure,
    }
    return page(request, "people_list.html", context, status=400 if failure else 200)
