"""Every page and every door of the interface, one router an area."""

from fastapi import APIRouter

from inspect_pipeline.web.api import audit as audit_api
from inspect_pipeline.web.api import coils as coils_api
from inspect_pipeline.web.api import live as live_api
from inspect_pipeline.web.api import people as people_api
from inspect_pipeline.web.pages import account, audit, coils, live, people, queue, sign_in, start

PAGES: tuple[APIRouter, ...] = (
    start.router,
    sign_in.router,
    account.router,
    people.router,
    audit.router,
    queue.router,
    coils.router,
    live.router,
)
API: tuple[APIRouter, ...] = (
    people_api.router,
    audit_api.router,
    coils_api.router,
    live_api.router,
)
