"""Pages from templates: every text escaped, in the reader's language, with the reader's theme."""

from collections.abc import Mapping
from functools import cache

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from inspect_pipeline.web.access import actor_of, csrf_token
from inspect_pipeline.web.languages import LANGUAGES, Words, chosen_language, words_of

LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
THEMES = ("auto", "light", "dark")


@cache
def environment() -> Environment:
    """Return the environment of the templates: a name that is not there is an error, not an empty place."""
    return Environment(
        loader=PackageLoader("inspect_pipeline.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def words_for(request: Request) -> Words:
    """Return the texts in the language of the reader."""
    return words_of(chosen_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")))


def page(request: Request, template: str, context: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """Return a page; the template has ``context``, the words ``t``, ``actor``, ``csrf``, ``path`` and ``theme``."""
    language = chosen_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))
    theme = request.cookies.get(THEME_COOKIE, THEMES[0])
    always = {
        "t": words_of(language),
        "language": language,
        "languages": LANGUAGES,
        "theme": theme if theme in THEMES else THEMES[0],
        "themes": THEMES,
        "actor": actor_of(request),
        "csrf": csrf_token(request),
        "path": request.url.path,
    }
    return HTMLResponse(environment().get_template(template).render({**always, **context}), status_code=status)
