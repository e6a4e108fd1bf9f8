"""The audit trail: who changed what, when, from, to and why, each entry bound to the one before by its hash.

A changed, removed or inserted entry breaks the chain (Haber and Stornetta, How to time-stamp a digital document, 1991).
A trail cut at its end is found by anchors: digests of entries that are kept elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from inspect_pipeline.errors import BadDataError

GENESIS = "0" * 64
"""What the first entry names as the digest before it."""


class AuditAction(StrEnum):
    """What can be done that an auditor asks for."""

    LABELLED = "labelled"
    TYPE_MOVED = "type moved"
    PROMOTED = "promoted"
    OVERRIDDEN = "promoted against the gate"
    ROLLED_BACK = "rolled back"
    ADOPTED = "adopted"
    RESTORED = "restored"
    ABANDONED = "abandoned"
    RETAUGHT = "lines re-taught"
    SETTINGS = "settings changed"
    PERSON_ADDED = "person added"
    ROLE_CHANGED = "role changed"
    DEACTIVATED = "deactivated"
    REACTIVATED = "reactivated"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - says that it happened
    LOCKED_OUT = "locked out"
    UNLOCKED = "unlocked"
    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    TOKEN_MADE = "token made"  # noqa: S105
    TOKEN_REVOKED = "token revoked"  # noqa: S105
    STUDY_OPENED = "study opened"
    STUDY_JUDGED = "study judged"
    STUDY_CLOSED = "study closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """What happened; ``subject`` is the model, type, line or table it happened to, ``detail`` further plain texts."""

    at: datetime
    actor: str
    action: AuditAction
    subject: str
    before: str | None = None
    after: str | None = None
    reason: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise BadDataError(f"time {self.at.isoformat()} has no time zone; give UTC")
        if not self.actor.strip():
            raise BadDataError(f"nobody is named who {self.action.value} {self.subject}; give --operator NAME")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An event in its place: ``seq`` counts from 1 without gaps, ``previous`` is the digest of the entry before."""

    seq: int
    event: AuditEvent
    previous: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFault:
    """Where the trail is not what was written: at entry ``seq``, in one line."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailProof:
    """What one reading of the trail found: how many entries it has, the digest of the last, and every fault."""

    entries: int
    last: str | None
    faults: tuple[AuditFault, ...]


def digest_of(seq: int, event: AuditEvent, *, previous: str) -> str:
    """Return the SHA-256 (64 hex digits) of an entry with all that it says and the digest before it."""
    document = {
        "seq": seq,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action.value,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "detail": dict(event.detail),
        "previous": previous,
    }
    text = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def entry_after(last: AuditEntry | None, event: AuditEvent) -> AuditEntry:
    """Return the event as the entry that follows ``last`` (None: the first of all)."""
    seq, previous = (1, GENESIS) if last is None else (last.seq + 1, last.digest)
    return AuditEntry(seq=seq, event=event, previous=previous, digest=digest_of(seq, event, previous=previous))


def chain_faults(entries: Iterable[AuditEntry], *, anchors: Mapping[int, str]) -> Iterator[AuditFault]:
    """Yield where the entries, in order, are no unbroken chain, or lack what ``anchors`` saw (seq: digest)."""
    missing = dict(anchors)
    seq, previous = 0, GENESIS
    for entry in entries:
        if entry.seq != seq + 1:
            yield AuditFault(seq=entry.seq, what=f"entries {seq + 1} to {entry.seq - 1} are missing")
        elif entry.previous != previous:
            yield AuditFault(seq=entry.seq, what="it does not follow the entry before it: one of them was replaced")
        if entry.digest != digest_of(entry.seq, entry.event, previous=entry.previous):
            yield AuditFault(seq=entry.seq, what="its text was changed after it was written")
        anchor = missing.pop(entry.seq, entry.digest)
        if anchor != entry.digest:
            yield AuditFault(seq=entry.seq, what="the model registry remembers another entry in its place")
        seq, previous = entry.seq, entry.digest
    for lost in sorted(missing):
        yield AuditFault(seq=lost, what="the model registry remembers it, the trail ends before it: its end was cut")


def anchor_text(entry: AuditEntry) -> str:
    """Return what is kept elsewhere of an entry."""
    return f"{entry.seq}:{entry.digest}"


def anchor_of(text: str) -> tuple[int, str]:
    """Return (seq, digest) of an anchor. Raises BadDataError for a text that is none."""
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdecimal() and len(digest) == len(GENESIS)):
        raise BadDataError(f"the anchor {text[:80]!r} in the model registry is no SEQ:DIGEST; someone wrote over it")
    return int(number), digest
