"""Reports as self-contained HTML files, and their charts as files: nothing is fetched, nothing runs."""

import base64
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.domain.report import CoilReport, Pictures
from inspect_pipeline.errors import DiskFullError, StorageError
from inspect_pipeline.reporting import charts, coil_map, page, wording
from inspect_pipeline.reporting.cross_domain_page import lay_out_cross_domain
from inspect_pipeline.reporting.detect_page import Provenance, lay_out_detection
from inspect_pipeline.reporting.drawing import DASHED, INK, Drawing, kind_of
from inspect_pipeline.reporting.method_page import lay_out_method

_FILTERS = (
    wording.counts, wording.interval, wording.interval_points, wording.metres, wording.millimetres, wording.multiples,
    wording.percent, wording.plural, wording.points, wording.seconds, wording.significant, wording.utc, wording.whole,
    wording.why,
)  # fmt: skip
_FUNCTIONS = (
    charts.estimate_scale, charts.rate_scale, coil_map.finding_text, page.comparison, page.measured_rates,
    page.outcome, page.total_seconds, wording.position,
)  # fmt: skip


def render_report(data: CoilReport, *, stylesheet: str | None = None) -> str:
    """Return the report as HTML. Text from outside is escaped; the page's policy allows its own style and no script.

    With the address of a ``stylesheet`` it is a page of a site, whose policy comes with the answer.
    """
    style, digest = _style()
    template = _environment().get_template("coil_report.html")
    return template.render(page=page.lay_out(data), report=data, style=style, style_hash=digest, stylesheet=stylesheet)


def style_sheet() -> str:
    """Return the style sheet of all reports."""
    return _style()[0]


def shapes_svg() -> str:
    """Return the shapes of the types as SVG definitions, hidden, to be put once into a page."""
    return _environment().get_template("shapes.html").render()


def render_detection(document: Mapping[str, Any], provenance: Provenance) -> str:
    """Return an answer of ``evaluate --task detect``, as JSON, as HTML under the same policy.

    Raises BadDataError for any other document.
    """
    style, digest = _style()
    template = _environment().get_template("detect_report.html")
    return template.render(page=lay_out_detection(document, provenance), style=style, style_hash=digest)


def render_method(document: Mapping[str, Any], provenance: Provenance) -> str:
    """Return an answer of ``evaluate --task classify`` or ``cross-domain``, as JSON, as HTML under the same policy.

    Raises BadDataError for any other document.
    """
    style, digest = _style()
    if document.get("task") == "cross-domain":
        crossed = _environment().get_template("cross_domain_report.html")
        return crossed.render(page=lay_out_cross_domain(document, provenance), style=style, style_hash=digest)
    template = _environment().get_template("method_report.html")
    return template.render(page=lay_out_method(document, provenance), style=style, style_hash=digest)


def render_svg(chart: Drawing) -> str:
    """Return a chart as an SVG file that needs nothing else."""
    return _environment().get_template("drawing.svg").render(chart=chart, ink=INK, dashed=DASHED)


def _style() -> tuple[str, str]:
    """Return the style sheet and its hash for the page's policy."""
    style = _environment().get_template("report.css").render()
    return style, "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def write_report(data: CoilReport, path: Path) -> Path:
    """Write the report whole or not at all (temp file, fsync, rename) and return its path.

    Raises DiskFullError or StorageError; nothing half-written stays behind.
    """
    return _written(render_report(data), path)


def write_detection(document: Mapping[str, Any], provenance: Provenance, path: Path) -> Path:
    """Write the page of an evaluation whole or not at all and return its path, as ``write_report``."""
    return _written(render_detection(document, provenance), path)


def write_bytes(content: bytes, path: Path) -> Path:
    """Write a page or a chart whole or not at all and return its path, as ``write_report``."""
    return _put(content, path)


def _written(html: str, path: Path) -> Path:
    return _put(page_bytes(html), path)


def page_bytes(html: str) -> bytes:
    """Return the bytes of a page; a stray byte of a file's name is shown escaped."""
    return html.encode("utf-8", "backslashreplace")


def _put(content: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left to write the report {path}; free some and run it again") from error
        raise StorageError(f"the report {path} cannot be written ({error.strerror}); choose another place") from error
    return path


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # mkstemp makes it private; a report is there to be opened by others
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return the template environment; a name that a template misspells is an error, not an empty place."""
    environment = Environment(
        loader=PackageLoader("inspect_pipeline.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.filters["data_uri"] = _data_uri
    environment.filters["kind_of"] = kind_of
    environment.globals.update({function.__name__: function for function in _FUNCTIONS})
    environment.tests["not_measured"] = lambda value: isinstance(value, NotMeasured)
    environment.tests["pictures"] = lambda value: isinstance(value, Pictures)
    return environment


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
