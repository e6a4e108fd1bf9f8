"""Every page and every door of the interface, one router an area."""

from fastapi import APIRouter

from inspect_pipeline.web import images
from inspect_pipeline.web.api import audit as audit_api
from inspect_pipeline.web.api import coils as coils_api
from inspect_pipeline.web.api import labels as labels_api
from inspect_pipeline.web.api import live as live_api
from inspect_pipeline.web.api import people as people_api
from inspect_pipeline.web.api import queue as queue_api
from inspect_pipeline.web.api import score as score_api
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
    images.router,
)
API: tuple[APIRouter, ...] = (
    audit_api.router,
    coils_api.router,
    labels_api.router,
    live_api.router,
    people_api.router,
    queue_api.router,
    score_api.router,
)
