"""What a study of a method leaves behind: its page, its charts as files, and a tracked run that holds all of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.environment import run_environment
from inspect_pipeline.bootstrap.reports import provenance
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.reporting.cross_domain_page import cross_domain_drawings
from inspect_pipeline.reporting.drawing import Drawing
from inspect_pipeline.reporting.drawing_png import png_of
from inspect_pipeline.reporting.method_drawings import method_drawings
from inspect_pipeline.reporting.render import page_bytes, render_method, render_svg, write_bytes
from inspect_pipeline.services.study_record import record_study

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where a study was put: the page, the files of its charts, the tracked run; None and nothing where not asked."""

    page: str | None
    plots: tuple[str, ...]
    run: str | None


def publish(
    stores: Stores,
    document: Document,
    *,
    data: Sequence[Path],
    command: str,
    page: Path | None,
    plots: Path | None,
    track: bool,
) -> Published:
    """Write the page to ``page`` and the charts into ``plots``, SVG and PNG, and record all of it where ``track``."""
    drawings = cross_domain_drawings(document) if document["task"] == "cross-domain" else method_drawings(document)
    files = chart_files(drawings) if plots is not None or track else {}
    html = b""
    if page is not None or track:
        names = ", ".join(folder.resolve().name for folder in data)
        html = page_bytes(render_method(document, provenance(stores, data=names, command=command)))
    run = None
    if track:
        kept = {"answer.json": json.dumps(document, indent=2).encode(), "page.html": html, **files}
        run = record_study(
            stores.tracker, document, environment=run_environment(), revision=code_revision(), artifacts=kept
        )
    return Published(
        page=None if page is None else str(write_bytes(html, page)),
        plots=() if plots is None else tuple(str(write_bytes(content, plots / n)) for n, content in files.items()),
        run=run,
    )


def chart_files(drawings: Sequence[Drawing]) -> dict[str, bytes]:
    """Return every drawing as an SVG and as a PNG, by file name."""
    files: dict[str, bytes] = {}
    for drawing in drawings:
        files[f"{drawing.name}.svg"] = render_svg(drawing).encode()
        files[f"{drawing.name}.png"] = png_of(drawing)
    return files
