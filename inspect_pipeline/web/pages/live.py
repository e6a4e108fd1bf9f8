"""What goes on: the live page, trends with control limits, the health of the stores, thumbnails of captures."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from inspect_pipeline.domain.control_charts import ControlChart
from inspect_pipeline.domain.drift import Drift, Signal
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.imaging.decode import decode, encode_png
from inspect_pipeline.reporting.control_drawing import ChartTexts, control_drawing
from inspect_pipeline.reporting.drawing import Drawing, kind_of
from inspect_pipeline.reporting.render import shapes_svg
from inspect_pipeline.reporting.symbols import symbols
from inspect_pipeline.services.monitoring import alarm_of
from inspect_pipeline.web.access import Bench, MayLook
from inspect_pipeline.web.languages import Words
from inspect_pipeline.web.pages.pareto import pareto_rows
from inspect_pipeline.web.rendering import page, words_for

router = APIRouter()
Line = Annotated[str, Query(max_length=80)]
_SHARES = (Signal.ALARM_SHARE, Signal.UNKNOWN_SHARE, Signal.UNUSABLE_SHARE)
_TREND_COILS, _LOOKS, _STAGES, _THUMBNAIL_PX = 50, 20, 25, 1 << 22


@router.get("/live")
def live(request: Request, bench: Bench, _actor: MayLook, line: Line = "") -> HTMLResponse:
    """Show what a line does now; the page asks for the rest of it again and again."""
    lines = bench.live.lines()
    chosen = line or next(iter(lines), "")
    now = bench.live.now(chosen) if chosen else None
    return page(request, "live_now.html", {"lines": lines, "line": chosen, "now": now})


@router.get("/live/now")
def live_now(request: Request, bench: Bench, _actor: MayLook, line: Line) -> HTMLResponse:
    """Return the part of the live page that changes."""
    return page(request, "live_part.html", {"now": bench.live.now(line)})


@router.get("/live/frames/{frame_id:path}/thumbnail.png")
def thumbnail(bench: Bench, _actor: MayLook, frame_id: str) -> Response:
    """Return the thumbnail of a capture, decoded and written anew."""
    pixels: Pixels = decode(bench.live.thumbnail(frame_id), name="thumbnail", max_px=_THUMBNAIL_PX)
    return Response(encode_png(pixels), media_type="image/png", headers={"cache-control": "private, max-age=3600"})


@router.get("/trends")
def trends(request: Request, bench: Bench, _actor: MayLook, line: Line = "", days: int = 30) -> HTMLResponse:
    """Show control charts, rates over coils, Pareto and the history of the models of a line."""
    days = min(max(days, 1), 3650)
    lines = bench.live.lines()
    chosen = line or next(iter(lines), "")
    words = words_for(request)
    recipes = [recipe for name, recipe in bench.live.recipes() if name == chosen]
    watched = [(recipe, bench.drift(chosen, recipe)) for recipe in recipes]
    counted = bench.live.recent_pareto(line=chosen, days=days)
    parts = [
        {"recipe": recipe, "detector": found[0] if found else None, "drift": found[1] if found else None,
         "charts": _charts(found[1], words) if found else [],
         "alarms": [alarm_of(chosen, one) for one in found[1].alarms] if found else []}
        for recipe, found in watched
    ]  # fmt: skip
    return page(
        request,
        "live_trends.html",
        {
            "lines": lines,
            "line": chosen,
            "days": days,
            "parts": parts,
            "kind_of": kind_of,
            "trend": bench.live.trends(line=chosen, coils=_TREND_COILS)[::-1] if chosen else [],
            "promotions": bench.live.promotions(chosen),
            "looks": bench.live.looks(chosen, limit=_LOOKS),
            "pareto": pareto_rows(counted, symbols(name for name, _ in counted)),
            "shapes": Markup(shapes_svg()),  # noqa: S704 - our own template without any text from outside
        },
    )


@router.get("/health")
def health(request: Request, bench: Bench, _actor: MayLook) -> HTMLResponse:
    """Show whether the stores work, and what was done last."""
    checks = bench.health()
    context = {
        "checks": checks,
        "alarms": bench.live.alarms(),
        "stages": bench.live.last_stages(limit=_STAGES),
        "well": all(one.ok for one in checks),
        "waiting": bench.live.unjudged_coils(),
    }
    return page(request, "live_health.html", context)


def _charts(drift: Drift, words: Words) -> list[Drawing]:
    """Return the control charts of a line in the reader's language; what has none is said beside them."""
    made = []
    for number, (name, chart) in enumerate(drift.charts.items()):
        if not isinstance(chart, ControlChart):
            continue
        title = words(f"live.signal_{name.signal.name.lower()}")
        texts = ChartTexts(
            title=title if name.camera is None else f"{title} · {name.camera}",
            reference=words("live.chart_reference"),
            value=words("live.chart_value"),
            average=words("live.chart_average"),
            limits=words("live.chart_limits"),
            beyond=words("live.chart_beyond"),
            percent=name.signal in _SHARES,
        )
        made.append(control_drawing(f"chart-{number}", chart, drift.coils, texts))
    return made
