"""Recipes and thresholds that are set in files: the audit trail says when what is in force there changed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.services.ports import Catalog

_FILES = "configuration files"


def note_settings(catalog: Catalog, subject: str, content: Mapping[str, Any], *, clock: Clock) -> bool:
    """Append an entry when ``content`` (plain JSON) is not what was last noted for the subject; return whether so.

    Who wrote a file is not known to this program: the actor is the configuration files; the entry tells the content.
    """
    text = json.dumps(content, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with catalog.transaction() as unit:
        noted = unit.audit(subject=subject, action=AuditAction.SETTINGS)
        before = noted[-1].event.after if noted else None
        if before == digest:
            return False
        event = AuditEvent(
            at=clock(),
            actor=_FILES,
            action=AuditAction.SETTINGS,
            subject=subject,
            before=before,
            after=digest,
            detail={"content": text},
        )
        unit.add_audit(event)
    return True
