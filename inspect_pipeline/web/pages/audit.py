"""The audit trail: page by page from its end, proved on demand, and as a file."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.services.auditing import AuditVerdict
from inspect_pipeline.web.access import Bench, MayAudit
from inspect_pipeline.web.rendering import page

router = APIRouter()
PAGE = 50
LAST_SEQ = 10**15
Subject = Annotated[str, Query(max_length=300)]
Action = Annotated[AuditAction | None, Query()]


@router.get("/audit")
def show(
    request: Request,
    bench: Bench,
    _actor: MayAudit,
    *,
    subject: Subject = "",
    action: Annotated[str, Query(max_length=60)] = "",
    before: Annotated[int | None, Query(ge=1, le=LAST_SEQ)] = None,
) -> Response:
    """Show the latest entries, or those in front of number ``before``."""
    return _trail(request, bench, subject=subject, action=chosen_action(action), before=before)


@router.post("/audit/verify")
def verify(request: Request, bench: Bench, _actor: MayAudit) -> Response:
    """Prove the whole trail and show what came of it."""
    return _trail(request, bench, verdict=bench.house.auditing.verify())


@router.get("/audit/trail.csv")
def download(
    bench: Bench, _actor: MayAudit, subject: Subject = "", action: Annotated[str, Query(max_length=60)] = ""
) -> StreamingResponse:
    """Give the chosen entries as CSV."""
    lines = bench.audit_lines(subject=subject or None, action=chosen_action(action))
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def chosen_action(text: str) -> AuditAction | None:
    """Return the action of a form's choice; an empty one, or one that no longer is, chooses all."""
    return next((one for one in AuditAction if one.value == text), None)


def _trail(
    request: Request,
    bench: Bench,
    *,
    subject: str = "",
    action: AuditAction | None = None,
    before: int | None = None,
    verdict: AuditVerdict | None = None,
) -> Response:
    found = bench.house.audit_trail.latest(before=before, limit=PAGE + 1, subject=subject or None, action=action)
    entries = found[:PAGE]
    filters = {"subject": subject, "action": "" if action is None else action.value}
    older = urlencode({**filters, "before": entries[-1].seq}) if len(found) > PAGE else None
    context = {
        "entries": entries,
        "actions": list(AuditAction),
        "filters": filters,
        "query": urlencode(filters),
        "older": older,
        "newest": before is None,
        "verdict": verdict,
    }
    return page(request, "audit_list.html", context)
