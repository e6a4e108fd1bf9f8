"""Signing in, here or by another provider, and signing out."""

from typing import Annotated, cast

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from inspect_pipeline.errors import NotFoundError, RefusedError, UserError
from inspect_pipeline.services.signing_in import SignedIn, TooManyTriesError, WrongSignInError
from inspect_pipeline.web.access import Bench, actor_of
from inspect_pipeline.web.next_page import safe_next
from inspect_pipeline.web.rendering import page
from inspect_pipeline.web.security.cookies import cookie_name, give_cookie, read_cookie, take_cookie
from inspect_pipeline.web.security.identity import visit_of
from inspect_pipeline.web.security.openid import Journey, OpenIdProvider, ProviderError

router = APIRouter()
CALLBACK = "/sign-in/provider/back"
_JOURNEY_S = 600
NextPage = Annotated[str, Query(alias="next", max_length=2000)]


@router.get("/sign-in")
def form(request: Request, next_page: NextPage = "/") -> Response:
    """Show the form; who is signed in already goes on."""
    if actor_of(request) is not None:
        return RedirectResponse(safe_next(next_page), status_code=303)
    return _form(request, next_page)


@router.post("/sign-in")
def sign_in(
    request: Request,
    bench: Bench,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1024)],
    next_page: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Begin a session of its own, end the one of before, and go on to the page that was wanted."""
    if cookie_name(request, "session") is None:
        give_cookie(request, Response(), "session", "")  # says why nobody can sign in over this connection
    try:
        begun = bench.signing_in.sign_in(name, password, visit_of(request))
    except WrongSignInError:
        return _form(request, next_page, wrong=True, name=name, status=403)
    except TooManyTriesError as error:
        answer = _form(request, next_page, wait_s=error.wait_s, name=name, status=429)
        answer.headers["retry-after"] = str(max(1, round(error.wait_s)))
        return answer
    return _begun(request, bench, begun, next_page)


@router.get("/sign-in/provider")
def to_provider(request: Request, next_page: NextPage = "/") -> Response:
    """Send the browser to the provider, with a journey that only this browser carries."""
    provider = _provider(request)
    try:
        url, journey = provider.begin(_callback(request), next_page=safe_next(next_page))
    except ProviderError as error:
        return _form(request, next_page, failure=str(error), status=502)
    answer = RedirectResponse(url, status_code=303)
    give_cookie(request, answer, "journey", journey.packed(), max_age_s=_JOURNEY_S)
    return answer


@router.get(CALLBACK)
def from_provider(request: Request, bench: Bench) -> Response:
    """Let in whom the provider vouches for; the journey is used up whatever comes of it."""
    provider = _provider(request)
    try:
        journey = Journey.unpacked(read_cookie(request, "journey"))
        claims = provider.claims(str(request.url), journey, redirect=_callback(request))
        begun = bench.signing_in.begin(bench.oidc_people.account(claims), visit_of(request))
    except (RefusedError, UserError) as error:
        answer: Response = _form(request, "/", failure=str(error), status=403)
    except ProviderError as error:
        answer = _form(request, "/", failure=str(error), status=502)
    else:
        answer = _begun(request, bench, begun, journey.next_page)
    take_cookie(request, answer, "journey")
    return answer


@router.post("/sign-out")
def sign_out(request: Request, bench: Bench) -> Response:
    """End the session, here and in the database."""
    secret = read_cookie(request, "session")
    if secret is not None:
        bench.signing_in.sign_out(secret)
    answer = RedirectResponse("/sign-in", status_code=303)
    take_cookie(request, answer, "session")
    return answer


def go_on(request: Request, begun: SignedIn, next_page: str) -> Response:
    """Return the answer that brings the browser its session and leads to a page of this site."""
    answer = RedirectResponse(safe_next(next_page), status_code=303)
    give_cookie(request, answer, "session", begun.secret)
    return answer


def _begun(request: Request, bench: Bench, begun: SignedIn, next_page: str) -> Response:
    before = read_cookie(request, "session")
    if before is not None:
        bench.signing_in.sign_out(before)
    return go_on(request, begun, next_page)


def _callback(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{CALLBACK}"


def _provider(request: Request) -> OpenIdProvider:
    provider = getattr(request.app.state, "provider", None)
    if provider is None:
        raise NotFoundError("no other provider is set up here; sign in with name and password")
    return cast(OpenIdProvider, provider)


def _form(
    request: Request,
    next_page: str,
    *,
    name: str = "",
    wrong: bool = False,
    wait_s: float = 0.0,
    failure: str = "",
    status: int = 200,
) -> Response:
    provider = getattr(request.app.state, "provider", None)
    context = {
        "next_page": safe_next(next_page),
        "name": name,
        "wrong": wrong,
        "wait_s": round(wait_s + 0.5),
        "failure": failure,
        "provider": None if provider is None else provider.label,
        "open_connection": cookie_name(request, "session") is None,
    }
    return page(request, "people_sign_in.html", context, status=status)
