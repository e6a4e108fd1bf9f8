"""The queue: what waits for a person, one finding at a time, with everything to decide by."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.rendering import page

router = APIRouter()


@router.get("/queue")
def queue(request: Request, bench: Bench, actor: MayLook, line: str = "", recipe: str = "") -> HTMLResponse:
    """Show the queue of a line and recipe: those asked for, else the first of the catalog."""
    lines = bench.house.lines()
    chosen = (line, recipe) if (line, recipe) in lines else next(iter(lines), None)
    return page(request, "queue.html", {"lines": lines, "chosen": chosen})
