"""Who sends a request: a person by the session of a cookie, a machine by its token."""

import hashlib
import secrets
from dataclasses import dataclass

from fastapi import Request

from inspect_pipeline.domain.accounts import Session
from inspect_pipeline.domain.people import Actor
from inspect_pipeline.services.signing_in import Visit
from inspect_pipeline.web.access import NotSignedInError, workbench
from inspect_pipeline.web.security.cookies import leave_visitor_cookie, read_cookie

API = "/api/"


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """Finds who sends a request, and leaves in ``request.state`` the ``csrf`` token and the ``session``.

    Tokens count for the interface only, and where there is one, cookies do not: a page of another site can send our
    cookies, but no header of ours.
    """

    def __call__(self, request: Request, /) -> Actor | None:
        """Return the actor, None where nobody is signed in. Raises NotSignedInError for a token not in force."""
        request.state.csrf, request.state.session = "", None
        if carries_token(request):
            return _machine(request)
        secret = read_cookie(request, "session")
        found = None if secret is None else workbench(request).signing_in.session(secret)
        if found is None:
            request.state.csrf = _visitors_csrf(request)
            return None
        session, actor = found
        request.state.csrf, request.state.session = session.csrf, session
        return actor


def carries_token(request: Request) -> bool:
    """Whether the request names itself by an ``Authorization`` header at the interface."""
    return request.url.path.startswith(API) and "authorization" in request.headers


def session_of(request: Request) -> Session:
    """Return the session of a request whose person is signed in. Raises NotSignedInError for a machine or nobody."""
    session = getattr(request.state, "session", None)
    if not isinstance(session, Session):
        raise NotSignedInError("sign in first")
    return session


def visit_of(request: Request) -> Visit:
    """Return where a request comes from."""
    address = request.client.host if request.client is not None else ""
    return Visit(address=address, browser=request.headers.get("user-agent", ""))


def _machine(request: Request) -> Actor:
    scheme, _, text = request.headers["authorization"].partition(" ")
    machine = workbench(request).api_tokens.machine(text.strip()) if scheme.lower() == "bearer" else None
    if machine is None:
        raise NotSignedInError("the token is wrong, old or revoked; ask an admin for one")
    return machine


def _visitors_csrf(request: Request) -> str:
    """Return the token of somebody who has not signed in: a hash of a cookie that only their browser has."""
    if request.url.path.startswith(API):
        return ""
    visitor = read_cookie(request, "visitor")
    if not visitor:
        visitor = secrets.token_urlsafe(32)
        leave_visitor_cookie(request, visitor)
    return hashlib.sha256(f"csrf {visitor}".encode()).hexdigest()
