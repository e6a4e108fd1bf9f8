"""Pages of teaching: the types of a line, labels to pick, and the answer of a teaching."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.jobs import Job
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.services.type_outlook import view_to
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.rendering import page

router = APIRouter()

_MOST_PICTURES = 60
_LARGEST_PX = 1 << 20
Pixel = Annotated[int, Query(ge=0, le=_LARGEST_PX)]


@router.get("/teach")
def teach(
    request: Request,
    bench: Bench,
    _actor: MayLook,
    line: str = "",
    recipe: str = "",
    defect_type: Annotated[str, Query(alias="type")] = "",
) -> HTMLResponse:
    """Show the types of a line, and of one type the labels that may be picked to teach it."""
    lines = bench.house.lines()
    chosen = next((pair for pair in lines if pair == (line, recipe or pair[1])), next(iter(lines), None))
    if chosen is None:
        return page(request, "teach_types.html", {"lines": [], "chosen": None})
    views = bench.type_views
    types = [view_to(view) for view in views.of(*chosen)]
    labels = views.pickable(chosen[0], defect_type) if defect_type else []
    good = views.pickable(chosen[0]) if defect_type else []
    context = {
        "lines": lines,
        "chosen": chosen,
        "types": types,
        "picked": defect_type,
        "retired": any(one["name"] == defect_type and one["life_cycle"] == "retired" for one in types),
        "labels": _shown(labels),
        "good": _shown([label for label in good if label.role is LabelRole.HELD_OUT]),
        "left_out": max(0, len(labels) - _MOST_PICTURES),
        "jobs": [job for job in bench.jobs.newest(line=chosen[0], limit=20) if "request" in job.document][:5],
    }
    return page(request, "teach_types.html", context)


@router.get("/teach/picture.png")
def picture(
    *, bench: Bench, _actor: MayLook, frame: str, top: Pixel, left: Pixel, bottom: Pixel, right: Pixel
) -> Response:
    """Return a region of a frame in its surroundings, as a new PNG."""
    content = bench.label_pictures.of(frame, Roi(top=top, left=left, bottom=bottom, right=right))
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=86400, immutable"})


@router.get("/teach/jobs/{job}")
def answer(request: Request, bench: Bench, _actor: MayLook, job: str) -> HTMLResponse:
    """Show how far a teaching is, and its answer when it is there."""
    return page(request, "teach_job.html", _of_job(bench, bench.jobs.job(job)))


@router.get("/teach/jobs/{job}/part")
def part(request: Request, bench: Bench, _actor: MayLook, job: str) -> HTMLResponse:
    """Return the part of the page that changes while the job goes on."""
    return page(request, "teach_answer.html", _of_job(bench, bench.jobs.job(job)))


def _of_job(bench: Bench, job: Job) -> dict[str, Any]:
    document = dict(job.document)
    wanted = document.get("request", {})
    checks = document.get("answer", {}).get("checks", ())
    asked_for = {label for check in checks for label in check["labels"]}
    with bench.house.catalog.transaction() as unit:
        labels = [label for label in unit.labels(line=job.line) if label.id in asked_for] if asked_for else []
    model = detector_name(job.line, wanted["recipe"]) if wanted else ""
    return {
        "job": job,
        "wanted": wanted,
        "answer": document.get("answer"),
        "preview": document.get("preview"),
        "effect": document.get("effect"),
        "times": {key: document.get(f"{key}_s") for key in ("answer", "preview", "effect")},
        "model": model,
        "pictures": {one["id"]: one["picture"] for one in _shown(labels, most=len(labels))},
        "may_take_back": bool(document.get("supports")) and "takes_back" not in document,
    }


def _shown(labels: Sequence[Label], *, most: int = _MOST_PICTURES) -> list[dict[str, Any]]:
    """Return labels as a page shows them."""
    return [
        {
            "id": label.id,
            "type": label.defect_type,
            "teaches": label.role is LabelRole.SUPPORT,
            "operator": label.operator,
            "at": label.labelled_at,
            "picture": _address(label.region.frame, label.region.roi),
        }
        for label in labels[:most]
    ]


def _address(frame: str, roi: Roi) -> str:
    query = {"frame": frame, "top": roi.top, "left": roi.left, "bottom": roi.bottom, "right": roi.right}
    return f"/teach/picture.png?{urlencode(query)}"
