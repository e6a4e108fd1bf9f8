"""The cookies of the workbench: bound to this host and to https, out of reach of scripts.

``__Host-`` (RFC 6265bis, 4.1.3.2) keeps other hosts and plain http from setting them. On this machine itself, and in a
closed network that says so, plain http needs cookies of other names without ``Secure``.
"""

from typing import Literal

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import State

from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.security_settings import LOOPBACK, SiteSettings
from inspect_pipeline.web.access import workbench

Cookie = Literal["session", "visitor", "journey"]
_YEAR_S = 365 * 24 * 3600


def cookie_name(request: Request, cookie: Cookie) -> str | None:
    """Return what the cookie is called on this connection, None where it may not carry any."""
    if request.url.scheme == "https":
        return f"__Host-{cookie}"
    return f"workbench-{cookie}" if _plain_allowed(request, workbench(request).settings.site) else None


def read_cookie(request: Request, cookie: Cookie) -> str | None:
    """Return the value of a cookie of this connection or None."""
    name = cookie_name(request, cookie)
    return None if name is None else request.cookies.get(name)


def give_cookie(
    request: Request, answer: Response, cookie: Cookie, value: str, *, max_age_s: int | None = None
) -> None:
    """Set a cookie on an answer; without ``max_age_s`` it ends with the browser. Raises RefusedError on plain http."""
    name = cookie_name(request, cookie)
    if name is None:
        raise RefusedError(
            "sign in over https: this address is plain http, where anybody between could take the session; in a closed "
            "network set site.secure_cookies: false"
        )
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="lax")


def take_cookie(request: Request, answer: Response, cookie: Cookie) -> None:
    """Remove a cookie from the browser."""
    name = cookie_name(request, cookie)
    if name is not None:
        answer.delete_cookie(name, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax")


def leave_visitor_cookie(request: Request, value: str) -> None:
    """Let the answer, whichever it will be, bring the cookie of a visitor who has not signed in."""
    carrier = Response()
    if cookie_name(request, "visitor") is None:
        return
    give_cookie(request, carrier, "visitor", value, max_age_s=_YEAR_S)
    kept = left_cookies(request.state)
    kept.append(carrier.headers["set-cookie"])
    request.state.left_cookies = kept


def left_cookies(state: State) -> list[str]:
    """Return the ``Set-Cookie`` headers that wait for the answer."""
    return list(getattr(state, "left_cookies", []))


def _plain_allowed(request: Request, site: SiteSettings) -> bool:
    return not site.secure_cookies or host_of(request.headers.get("host", "")) in LOOPBACK


def host_of(header: str) -> str:
    """Return the host of a ``Host`` header in lower case, without its port; IPv6 with its brackets."""
    if header.startswith("["):
        return header.partition("]")[0].lower() + "]"
    return header.partition(":")[0].lower()
