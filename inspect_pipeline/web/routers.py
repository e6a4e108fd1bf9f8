"""Every page and every door of the interface, one router an area."""

from fastapi import APIRouter

from inspect_pipeline.web import images
from inspect_pipeline.web.api import audit as audit_api
from inspect_pipeline.web.api import coils as coils_api
from inspect_pipeline.web.api import labels as labels_api
from inspect_pipeline.web.api import labels_files, labels_noise
from inspect_pipeline.web.api import live as live_api
from inspect_pipeline.web.api import models as models_api
from inspect_pipeline.web.api import people as people_api
from inspect_pipeline.web.api import queue as queue_api
from inspect_pipeline.web.api import score as score_api
from inspect_pipeline.web.api import studies as studies_api
from inspect_pipeline.web.api import teaching as teaching_api
from inspect_pipeline.web.pages import (
    account,
    audit,
    coils,
    labels,
    live,
    models,
    people,
    queue,
    sign_in,
    start,
    studies,
    teach,
)

PAGES: tuple[APIRouter, ...] = (
    start.router,
    sign_in.router,
    account.router,
    people.router,
    audit.router,
    queue.router,
    coils.router,
    live.router,
    models.router,
    teach.router,
    images.router,
    studies.router,
    labels.router,
)
API: tuple[APIRouter, ...] = (
    audit_api.router,
    coils_api.router,
    labels_api.router,
    live_api.router,
    models_api.router,
    people_api.router,
    queue_api.router,
    score_api.router,
    teaching_api.router,
    studies_api.router,
    labels_files.router,
    labels_noise.router,
)
