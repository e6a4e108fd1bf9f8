"""The audit trail wired: what killed processes left is ended, changed settings are noted, the trail goes to a file."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.services.auditing import COLUMNS, Auditing, AuditTrail, row_of
from inspect_pipeline.services.moving import Moving
from inspect_pipeline.services.settings_record import note_settings
from inspect_pipeline.store.durable_files import write_durably


def auditing(stores: Stores) -> Auditing:
    """Return the use cases of an auditor."""
    return Auditing(catalog=stores.catalog, registry=stores.registry)


def end_left_over(stores: Stores) -> list[str]:
    """End changes of versions in force that killed processes left half done; return the models.

    The registry is opened only where the catalog knows of one.
    """
    with stores.catalog.transaction() as unit:
        if not unit.pending_moves():
            return []
    return Moving(catalog=stores.catalog, registry=stores.registry, clock=stores.clock).repair()


def note_what_is_set(stores: Stores) -> None:
    """Note in the trail what recipes, detector settings and gates say, where that changed since it was last noted."""
    settings = stores.settings
    contents = {f"recipe {name}": asdict(recipe) for name, recipe in settings.recipes.recipes.items()}
    contents |= {"detector settings": asdict(settings.detector), "gate rules": asdict(settings.gates)}
    for subject, content in contents.items():
        note_settings(stores.catalog, subject, content, clock=stores.clock)


def export(stores: Stores, out: Path) -> int:
    """Write the whole trail as CSV (UTF-8, a header, RFC 4180) to ``out``; return how many entries it has."""
    lines = list(csv_lines(stores))
    write_durably(out, "".join(lines).encode())
    return len(lines) - 1


def csv_lines(stores: Stores, *, subject: str | None = None, action: AuditAction | None = None) -> Iterator[str]:
    """Yield the chosen entries of the trail as lines of CSV (RFC 4180), a header first."""
    yield _csv_line(COLUMNS)
    for entry in AuditTrail(catalog=stores.catalog).entries(subject=subject, action=action):
        yield _csv_line([_inert(cell) for cell in row_of(entry)])


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _inert(cell: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
