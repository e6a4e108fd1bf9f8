"""Pages of teaching: the types of a line, labels to pick, and the answer of a teaching."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from inspect_pipeline.domain.bundle import detector_name
from inspect_pipeline.domain.jobs import Job
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.services.type_outlook import view_to
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.addresses import label_crop
from inspect_pipeline.web.rendering import page

router = APIRouter()

_MOST_PICTURES = 60


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
    model = detector_name(job.line, wanted["recipe"]) if wanted else ""
    return {
        "job": job,
        "wanted": wanted,
        "answer": document.get("answer"),
        "preview": document.get("preview"),
        "effect": document.get("effect"),
        "times": {key: document.get(f"{key}_s") for key in ("answer", "preview", "effect")},
        "model": model,
        "pictures": {label: label_crop(label) for label in sorted(asked_for)},
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
            "picture": label_crop(label.id),
        }
        for label in labels[:most]
    ]
