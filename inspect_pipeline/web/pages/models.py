"""Pages of models: what there is and was in force, and the gate with champion and challenger side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from inspect_pipeline.services.gate_view import gate_to, models_to, versions_to
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.rendering import page

router = APIRouter()


@router.get("/models")
def models(request: Request, bench: Bench, _actor: MayLook, name: str = "") -> HTMLResponse:
    """Show the models, and of one its versions and the history of the one in force."""
    book = bench.house.models
    names = models_to(book)
    chosen = name or next((one["name"] for one in names), "")
    shown = versions_to(book, chosen) if chosen else None
    return page(request, "models_list.html", {"models": names, "shown": shown})


@router.get("/models/{name}/gate")
def gate(
    request: Request,
    bench: Bench,
    actor: MayLook,
    name: str,
    version: Annotated[str | None, Query(pattern=r"^[0-9]{1,9}$")] = None,
) -> HTMLResponse:
    """Show what the gate says of a version beside the one in force."""
    report = gate_to(bench.house.models, name, version=version)
    roles = [role for role, people in report["roles"].items() if actor.name in people]
    previous = next((one["previous"] for one in models_to(bench.house.models) if one["name"] == name), None)
    return page(request, "models_gate.html", {"gate": report, "roles": roles, "previous": previous})
