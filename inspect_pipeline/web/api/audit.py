"""The audit trail over REST."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query

from inspect_pipeline.domain.audit import AuditAction, AuditEntry
from inspect_pipeline.services.auditing import AuditVerdict
from inspect_pipeline.web.access import Bench, MayAudit

router = APIRouter(tags=["audit"])
_LAST_SEQ = 10**15
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry of the trail; ``detail`` are further plain texts."""

    seq: int
    at: datetime
    actor: str
    action: AuditAction
    subject: str
    before: str | None
    after: str | None
    reason: str
    detail: Mapping[str, str]
    previous: str
    digest: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return the view of an entry."""
        event = entry.event
        return cls(
            seq=entry.seq,
            at=event.at,
            actor=event.actor,
            action=event.action,
            subject=event.subject,
            before=event.before,
            after=event.after,
            reason=event.reason,
            detail=event.detail,
            previous=entry.previous,
            digest=entry.digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailView:
    """Entries of the trail, latest first; ``next_before`` asks for those in front of them, None: there are no more."""

    entries: list[EntryView]
    next_before: int | None


@router.get("/audit")
def trail(
    bench: Bench,
    _actor: MayAudit,
    *,
    before: Annotated[int | None, Query(ge=1, le=_LAST_SEQ)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    subject: Annotated[str | None, Query(max_length=300)] = None,
    action: AuditAction | None = None,
) -> TrailView:
    """Return the latest entries, or those in front of number ``before``."""
    found = bench.house.audit_trail.latest(before=before, limit=limit + 1, subject=subject, action=action)
    entries = [EntryView.of(entry) for entry in found[:limit]]
    return TrailView(entries=entries, next_before=entries[-1].seq if len(found) > limit else None)


@router.post("/audit/verify")
def verify(bench: Bench, _actor: MayAudit) -> AuditVerdict:
    """Compare the whole trail, the rows it vouches for and the registry with what was written."""
    return bench.house.auditing.verify()
