"""Changes come from our own pages: a token of the session, and what the browser says of where the request began.

Synchronizer token, with Origin and Sec-Fetch-Site as a second line (OWASP, Cross-Site Request Forgery Prevention).
"""

import hmac

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from inspect_pipeline.web.access import ForbiddenError, NotSignedInError, actor_of, csrf_token
from inspect_pipeline.web.security.identity import API, carries_token

HEADER, FIELD = "x-csrf-token", "csrf_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def refuse_cross_site(request: Request) -> None:
    """Let a request pass that changes nothing, that carries a machine's token, or that one of our own pages sent.

    Raises ForbiddenError for one of another site, NotSignedInError at the interface for one of nobody.
    """
    if request.method in _SAFE or carries_token(request):
        return
    _check_origin(request)
    actor = await run_in_threadpool(actor_of, request)
    if actor is None and request.url.path.startswith(API):
        raise NotSignedInError("sign in, or send a token: Authorization: Bearer ...")
    expected = csrf_token(request)
    if not expected or not hmac.compare_digest((await _given(request)).encode(errors="replace"), expected.encode()):
        raise ForbiddenError("this page is too old or was sent from elsewhere; load it again, then repeat the change")


def _check_origin(request: Request) -> None:
    """Raise ForbiddenError where the browser says that another site sent the request."""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if origin is not None and origin.lower() != own.lower():
        raise ForbiddenError("another site sent this request; only pages of the workbench may change anything")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForbiddenError("another site sent this request; only pages of the workbench may change anything")


async def _given(request: Request) -> str:
    """Return the token that the request brings, in its header or as a field of its form."""
    if HEADER in request.headers:
        return request.headers[HEADER]
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return ""
    field = (await request.form()).get(FIELD, "")
    return field if isinstance(field, str) else ""
