"""Pages of labels: files in and out, and labels that are doubted."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from inspect_pipeline.domain.people import Permission
from inspect_pipeline.services.label_exchange import ROLES
from inspect_pipeline.services.label_files.formats import FORMATS
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.addresses import label_crop
from inspect_pipeline.web.api.labels_files import GUARDED
from inspect_pipeline.web.rendering import page

router = APIRouter(prefix="/labels")


@router.get("")
def files_page(request: Request, bench: Bench, actor: MayLook, line: str = "") -> HTMLResponse:
    """Show import and export of files of labels."""
    roles = [name for name, role in ROLES.items() if role not in GUARDED or actor.may(Permission.PROMOTE)]
    shown = {
        "lines": _lines(bench),
        "line": line,
        "formats": list(FORMATS),
        "roles": [name.replace(" ", "_") for name in roles],
        "may_label": actor.may(Permission.LABEL),
    }
    return page(request, "labels_files.html", shown)


@router.get("/noise")
def noise_page(request: Request, bench: Bench, actor: MayLook, line: str = "") -> HTMLResponse:
    """Show the doubted labels of a line; without a line, the choice of one, as the first look takes minutes."""
    report = bench.label_noise.report(line) if line else None
    shown = {
        "lines": _lines(bench),
        "line": line,
        "report": report,
        "may_label": actor.may(Permission.LABEL),
        "crop": label_crop,
    }
    return page(request, "labels_noise.html", shown)


def _lines(bench: Bench) -> list[str]:
    return sorted({name for name, _ in bench.house.lines()})
