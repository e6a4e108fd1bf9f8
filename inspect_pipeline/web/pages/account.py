"""One's own account: the password, and where one is signed in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.signing_in import TooManyTriesError, WrongSignInError
from inspect_pipeline.web.access import Bench, SignedIn
from inspect_pipeline.web.pages.sign_in import go_on
from inspect_pipeline.web.rendering import page
from inspect_pipeline.web.security.cookies import take_cookie
from inspect_pipeline.web.security.identity import session_of, visit_of

router = APIRouter()


@router.get("/account")
def show(request: Request, bench: Bench, actor: SignedIn) -> Response:
    """Show the account of who is signed in."""
    return _account(request, bench, actor.name)


@router.post("/account/password")
def change_password(
    request: Request,
    bench: Bench,
    actor: SignedIn,
    *,
    old: Annotated[str, Form(max_length=1024)],
    new: Annotated[str, Form(max_length=1024)],
    again: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Change the password; all sessions end and this browser goes on in a new one."""
    if new != again:
        return _account(request, bench, actor.name, failure_key="people.not_the_same", status=400)
    try:
        begun = bench.signing_in.change_password(actor.name, old=old, new=new, visit=visit_of(request))
    except WrongSignInError:
        return _account(request, bench, actor.name, failure_key="people.old_wrong", status=403)
    except BadDataError as error:
        return _account(request, bench, actor.name, failure=str(error), status=400)
    except TooManyTriesError as error:
        return _account(request, bench, actor.name, failure=str(error), status=429)
    return go_on(request, begun, "/account?changed=1")


@router.post("/account/sessions/end")
def end(bench: Bench, actor: SignedIn, handle: Annotated[str, Form(max_length=64)]) -> RedirectResponse:
    """End one of one's own sessions."""
    bench.signing_in.end(actor.name, handle)
    return RedirectResponse("/account", status_code=303)


@router.post("/account/sign-out-everywhere")
def sign_out_everywhere(request: Request, bench: Bench, actor: SignedIn) -> Response:
    """End all of one's own sessions, this one too."""
    bench.signing_in.sign_out_everywhere(actor.name)
    answer = RedirectResponse("/sign-in", status_code=303)
    take_cookie(request, answer, "session")
    return answer


def _account(
    request: Request, bench: Bench, name: str, *, failure: str = "", failure_key: str = "", status: int = 200
) -> Response:
    session = session_of(request)
    account = bench.accounts.account(name)
    context = {
        "account": account,
        "sessions": bench.signing_in.sessions(name),
        "own": session.handle,
        "failure": failure,
        "failure_key": failure_key,
        "changed": request.query_params.get("changed") == "1",
    }
    return page(request, "people_account.html", context, status=status)
