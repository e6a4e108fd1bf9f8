"""The application: pages, REST interface, static files; one process serves a site."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import Depends, FastAPI, Request
from fastapi.staticfiles import StaticFiles

from inspect_pipeline import __version__
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.web.access import Identify
from inspect_pipeline.web.problems import PROBLEMS, answer_errors
from inspect_pipeline.web.routers import API, PAGES

Guard = Callable[[Request], Awaitable[None]]


def create_app(workbench: Workbench, *, identify: Identify, guard: Guard | None = None) -> FastAPI:
    """Return the application over a workbench; ``identify`` finds out who sends a request.

    ``guard`` is asked before every page and every door of the interface. ``web.serving`` adds what a site needs:
    sign-in, a guard against requests of other sites, limits and headers.
    """
    app = FastAPI(
        title="inspect_pipeline workbench",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[] if guard is None else [Depends(guard)],
    )
    app.state.workbench = workbench
    app.state.identify = identify
    answer_errors(app)
    for router in API:
        app.include_router(router, prefix="/api/v1", responses=PROBLEMS)
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=str(files("inspect_pipeline.web").joinpath("static"))), name="static")
    return app
