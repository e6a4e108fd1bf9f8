"""Coils: the list, one coil with its map, Pareto and what was not inspected, its report for printing."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.reporting.render import shapes_svg, style_sheet
from inspect_pipeline.reporting.symbols import symbols
from inspect_pipeline.services.live import FINDINGS_A_PAGE
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.pages.pareto import pareto_rows
from inspect_pipeline.web.rendering import page

router = APIRouter()
REPORT_STYLE = "/report-style.css"
_SHOWN_STRETCHES = 200
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@router.get("/coils")
def coils(
    request: Request,
    bench: Bench,
    _actor: MayLook,
    line: Annotated[str, Query(max_length=80)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """List the coils of a line, or of all, newest first."""
    found = bench.live.coils(line=line or None, page=number)
    return page(request, "coils_list.html", {"found": found, "lines": bench.live.lines(), "line": line})


@router.get("/coils/{coil_id}")
def one_coil(
    request: Request,
    bench: Bench,
    _actor: MayLook,
    coil_id: str,
    detector: Annotated[str | None, Query(max_length=300)] = None,
    table: PageNumber = 1,
) -> HTMLResponse:
    """Show one coil; what is chosen on its map stands in the address, so that a link shows the same."""
    view = bench.live.coil(coil_id, detector=detector)
    judge = view.counts.detector
    by_type = bench.live.coil_pareto(coil_id, detector=judge)
    rows = bench.live.findings(coil_id, detector=detector, offset=(table - 1) * FINDINGS_A_PAGE, limit=FINDINGS_A_PAGE)
    styles = symbols(name for name, _ in by_type)
    if not any(name == UNKNOWN_TYPE for name, _ in by_type):
        styles.pop(UNKNOWN_TYPE)
    return page(
        request,
        "coils_one.html",
        {
            "view": view,
            "counts": view.counts,
            "detector": detector,
            "styles": styles,
            "shapes": Markup(shapes_svg()),  # noqa: S704 - our own template without any text from outside
            "pareto": pareto_rows(by_type, symbols(name for name, _ in by_type)),
            "rows": rows,
            "table": table,
            "tables": max(1, -(-view.counts.findings // FINDINGS_A_PAGE)),
            "first": (table - 1) * FINDINGS_A_PAGE,
            "stretches": view.stretches[:_SHOWN_STRETCHES],
        },
    )


@router.get("/coils/{coil_id}/report")
def report(bench: Bench, _actor: MayLook, coil_id: str) -> HTMLResponse:
    """Show the report of a coil, to be read and printed."""
    return HTMLResponse(bench.report_page(coil_id, stylesheet=REPORT_STYLE))


@router.get(REPORT_STYLE)
def report_style(_actor: MayLook) -> Response:
    """Return the style sheet of the reports."""
    return Response(style_sheet(), media_type="text/css")
