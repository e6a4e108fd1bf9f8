"""The application: pages, REST interface, static files; one process serves a site."""

from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from inspect_pipeline import __version__
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.web.access import Identify
from inspect_pipeline.web.api import models as models_api
from inspect_pipeline.web.api import teaching as teaching_api
from inspect_pipeline.web.pages import models, start, teach
from inspect_pipeline.web.problems import answer_errors

PAGES: tuple[APIRouter, ...] = (start.router, teach.router, models.router)
API: tuple[APIRouter, ...] = (teaching_api.router, models_api.router)


def create_app(workbench: Workbench, *, identify: Identify) -> FastAPI:
    """Return the application over a workbench; ``identify`` finds out who sends a request."""
    app = FastAPI(
        title="inspect_pipeline workbench",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.workbench = workbench
    app.state.identify = identify
    answer_errors(app)
    for router in API:
        app.include_router(router, prefix="/api/v1")
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=str(files("inspect_pipeline.web").joinpath("static"))), name="static")
    return app
