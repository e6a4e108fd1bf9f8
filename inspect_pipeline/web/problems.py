"""Errors as answers: problem+json (RFC 9457) for the interface, a page for people; the status by the error's kind."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from inspect_pipeline.errors import (
    BadImageError,
    InspectError,
    NotFoundError,
    NothingToDoError,
    RefusedError,
    StorageError,
    UserError,
)
from inspect_pipeline.services.signing_in import TooManyTriesError, WrongSignInError
from inspect_pipeline.web.access import ForbiddenError, NotSignedInError
from inspect_pipeline.web.next_page import sign_in_for
from inspect_pipeline.web.rendering import page

API = "/api/"
_STATUS: tuple[tuple[type[InspectError], int], ...] = (
    (NotSignedInError, 401),
    (ForbiddenError, 403),
    (WrongSignInError, 403),
    (NotFoundError, 404),
    (BadImageError, 422),
    (UserError, 400),
    (TooManyTriesError, 429),
    (RefusedError, 409),
    (NothingToDoError, 409),
    (StorageError, 503),
)
_PROBLEM: dict[str, Any] = {
    "description": "What went wrong (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}
"""What the description of the interface says of every answer that is not the wanted one."""
_LOG = logging.getLogger(__name__)


def status_of(error: InspectError) -> int:
    """Return the HTTP status of an error of the house; 500 for our own fault."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """Return an answer in the form of RFC 9457."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(document, status_code=status, media_type="application/problem+json", headers=headers)


def answer_errors(app: FastAPI) -> None:
    """Make the application answer every error in its form, and show of our own faults nothing but a number."""

    @app.exception_handler(InspectError)
    def _ours(request: Request, error: Exception) -> Response:
        if isinstance(error, NotSignedInError) and not request.url.path.startswith(API):
            back = sign_in_for(request.url.path, request.url.query, method=request.method)
            return RedirectResponse(back, status_code=303)
        status = status_of(error) if isinstance(error, InspectError) else 500
        return _answer(request, status, str(error))

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
        place = ".".join(str(part) for part in first["loc"])
        return _answer(request, 422, f"{place}: {first['msg']}")

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: Exception) -> Response:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        return _answer(request, status, str(detail))

    @app.exception_handler(Exception)
    def _fault(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(request, 500, "this is our fault; the log of the server has the place")


def _answer(request: Request, status: int, detail: str) -> Response:
    if request.url.path.startswith(API):
        return problem(status, _TITLES.get(status, "error"), detail)
    return page(request, "problem.html", {"status": status, "detail": detail}, status=status)


_TITLES = {
    400: "bad input",
    401: "not signed in",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    409: "refused",
    413: "too large",
    422: "bad input",
    429: "too many tries",
    500: "our fault",
    503: "storage failed",
}
