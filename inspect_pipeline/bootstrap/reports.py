"""The coil report written: built by its service, rendered as HTML, printed as PDF where a Chromium is at hand."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from inspect_pipeline import __version__
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.report import CoilReport, Fact
from inspect_pipeline.errors import NotFoundError, StorageError
from inspect_pipeline.reporting.detect_page import Provenance
from inspect_pipeline.reporting.render import render_report, write_report
from inspect_pipeline.reporting.render import write_detection as write_page
from inspect_pipeline.services.coil_report import Reporting

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PRINTING_S = 120


def write(stores: Stores, coil: str, *, out: Path | None, pdf: bool, same_run: bool) -> Path:
    """Write the report and return its path: ``out``, or ``reports/<coil>`` in the workspace."""
    report = _built(stores, coil, same_run=same_run)
    suffix = ".pdf" if pdf else ".html"
    target = out or stores.settings.workspace / "reports" / f"{coil}{suffix}"
    if not pdf:
        return write_report(report, target)
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(report, Path(folder) / "report.html")
        return _printed(page, target)


def as_page(stores: Stores, coil: str, *, stylesheet: str) -> str:
    """Return the report of a coil as a page of a site that has the style sheet at this address."""
    return render_report(_built(stores, coil, same_run=False), stylesheet=stylesheet)


def _built(stores: Stores, coil: str, *, same_run: bool) -> CoilReport:
    reporting = Reporting(
        catalog=stores.catalog,
        images=stores.images,
        registry=stores.registry,
        clock=stores.clock,
        version=__version__,
        command=f"inspect-pipeline report {coil!r}" if not same_run else "inspect-pipeline demo",
        machine=_machine(),
    )
    return reporting.build(coil, same_run=same_run)


def write_detection(stores: Stores, document: Mapping[str, Any], *, data: Path, command: str, out: Path) -> Path:
    """Write the page of an evaluation of detection and return its path."""
    return write_page(document, provenance(stores, data=data.resolve().name, command=command), out)


def provenance(stores: Stores, *, data: str, command: str) -> Provenance:
    """Return where the figures of a page come from; ``data`` names the folders."""
    return Provenance(
        command=command,
        version=__version__,
        revision=code_revision(),
        data=data,
        created_at=stores.clock(),
        machine=_machine(),
    )


def _machine() -> tuple[Fact, ...]:
    return (
        Fact(name="processor", value=f"{platform.machine()}, {os.cpu_count()} cores"),
        Fact(name="device", value=torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"),
        Fact(name="torch", value=f"{torch.__version__}, {torch.get_num_threads()} threads"),
        Fact(name="python", value=platform.python_version()),
        Fact(name="system", value=f"{platform.system()} {platform.release()}"),
    )


def _printed(page: Path, target: Path) -> Path:
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise NotFoundError("a PDF needs a Chromium on this machine; install it, or write the HTML report and print it")
    temporary = page.with_suffix(".pdf")
    done = subprocess.run(  # noqa: S603 - fixed arguments and paths of our own making
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-pdf-header-footer",
            f"--user-data-dir={page.parent / 'profile'}",
            f"--print-to-pdf={temporary}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PRINTING_S,
    )
    if done.returncode != 0 or not temporary.is_file():
        raise StorageError(f"{browser} could not print the report: {done.stderr.strip()[-300:]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    landing = target.with_name(f".{target.name}.part")
    shutil.copyfile(temporary, landing)
    landing.replace(target)
    return target
