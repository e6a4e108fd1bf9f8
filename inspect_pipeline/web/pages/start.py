"""The first page, and what a reader chooses for all pages: language and theme."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.web.languages import LANGUAGES, words_of
from inspect_pipeline.web.rendering import LANGUAGE_COOKIE, THEME_COOKIE, THEMES

router = APIRouter()
_YEAR_S = 365 * 24 * 3600


@router.get("/")
def start() -> RedirectResponse:
    """Lead to the queue: what waits for the operator."""
    return RedirectResponse("/queue", status_code=303)


@router.post("/preferences")
def prefer(
    request: Request, language: Annotated[str, Form()] = "", theme: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Remember language or theme in the browser, and go on with the page the reader came from."""
    if (language and language not in LANGUAGES) or (theme and theme not in THEMES):
        raise BadDataError(f"language {language!r}, theme {theme!r}: there is no such choice")
    answer = RedirectResponse(_page_before(request), status_code=303)
    for cookie, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value:
            answer.set_cookie(cookie, value, max_age=_YEAR_S, samesite="lax", httponly=True)
    return answer


def _page_before(request: Request) -> str:
    """Return the path of the page that sent the form; never another site."""
    before = request.headers.get("referer", "")
    own = f"{request.url.scheme}://{request.url.netloc}"
    return before.removeprefix(own) if before.startswith(own + "/") else "/"


@router.get("/words/{language}/{area}.json")
def words(language: str, area: str) -> JSONResponse:
    """Return the texts of one area for the scripts of its pages, by key without the area. Anyone may read them."""
    if language not in LANGUAGES:
        raise NotFoundError(f"there is no language {language!r}; known are {', '.join(LANGUAGES)}")
    found = words_of(language).area(area)
    if not found:
        raise NotFoundError(f"no area of the pages is called {area!r}")
    return JSONResponse(found, headers={"cache-control": "private, max-age=3600"})
