"""The audit trail in SQL: appended one at a time, bound to the rows of other tables that it vouches for."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Select, func, insert, select, text
from sqlalchemy.orm import Session

from inspect_pipeline.domain.audit import (
    AuditAction,
    AuditEntry,
    AuditEvent,
    AuditFault,
    TrailProof,
    chain_faults,
    entry_after,
)
from inspect_pipeline.errors import StorageError
from inspect_pipeline.store.rows import table_of
from inspect_pipeline.store.study_tables import StudyJudgementRow
from inspect_pipeline.store.tables import AuditRow, Base, LabelRow, PromotionRow, TypeMoveRow

_LOCK_NUMBER = 0x1A5C_0002  # any number that no other program takes in this database
_CHUNK = 1000
_SEALED: Mapping[str, type[Base]] = {
    "labels": LabelRow,
    "promotions": PromotionRow,
    "type_moves": TypeMoveRow,
    "study_judgements": StudyJudgementRow,
}


def take_turn(session: Session) -> None:
    """Hold the trail until the transaction ends, so that its entries and the rows they vouch for come one by one.

    On SQLite a writer is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})


def append(session: Session, event: AuditEvent) -> AuditEntry:
    """Append the event behind the last entry and return it in its place."""
    take_turn(session)
    last = session.scalars(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1)).first()
    entry = entry_after(None if last is None else _entry(last), event)
    values = {
        "seq": entry.seq,
        "at": event.at,
        "actor": event.actor,
        "action": event.action.value,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "detail": dict(event.detail),
        "previous": entry.previous,
        "digest": entry.digest,
    }
    session.execute(insert(AuditRow).values(values))
    return entry


def last_number(session: Session, table: str) -> int:
    """Return the highest ``seq`` of a sealed table, 0 where it is empty; the trail is ours from here on."""
    take_turn(session)
    return int(session.scalar(select(func.max(table_of(_SEALED[table]).c.seq))) or 0)


def append_sealed(session: Session, event: AuditEvent, *, table: str, after: int) -> AuditEntry:
    """Append the event with the digest of the rows of ``table`` behind ``after``. Raises StorageError without any."""
    last = last_number(session, table)
    if last == after:
        raise StorageError(f"the database kept no row in {table} to vouch for; nothing was written, try again")
    names = [column.name for column in table_of(_SEALED[table]).c]  # kept: a later version may have more
    rows, digest = _seal(session, table, names=names, first=after + 1, last=last)
    sealed = {"table": table, "columns": " ".join(names), "first": str(after + 1), "last": str(last)}
    sealed |= {"rows": str(rows), "digest": digest}
    return append(session, replace(event, detail={**event.detail, **sealed}))


def list_entries(
    session: Session, *, after: int, limit: int | None, subject: str | None, action: AuditAction | None
) -> list[AuditEntry]:
    """Return the entries behind ``after`` in their order."""
    query = _chosen(subject, action).where(AuditRow.seq > after).order_by(AuditRow.seq)
    return [_entry(row) for row in session.scalars(query if limit is None else query.limit(limit))]


def latest_entries(
    session: Session, *, before: int | None, limit: int, subject: str | None, action: AuditAction | None
) -> list[AuditEntry]:
    """Return at most ``limit`` entries in front of ``before``, latest first."""
    query = _chosen(subject, action).order_by(AuditRow.seq.desc()).limit(limit)
    return [_entry(row) for row in session.scalars(query if before is None else query.where(AuditRow.seq < before))]


def _chosen(subject: str | None, action: AuditAction | None) -> Select[tuple[AuditRow]]:
    query = select(AuditRow)
    if subject is not None:
        query = query.where(AuditRow.subject == subject)
    return query if action is None else query.where(AuditRow.action == action.value)


@dataclass(slots=True)
class _Reading:
    """One reading of the trail, entry by entry: how far it came, and what the entries say of the rows of tables."""

    session: Session
    entries: int = 0
    last: str | None = None
    faults: list[AuditFault] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    vouched: dict[str, int] = field(default_factory=dict)

    def passing(self, entries: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
        """Yield the entries, each held against the rows that it vouches for."""
        for entry in entries:
            self.entries, self.last = self.entries + 1, entry.digest
            if "table" in entry.event.detail:
                self._hold_against_rows(entry)
            yield entry

    def _hold_against_rows(self, entry: AuditEntry) -> None:
        detail = entry.event.detail
        table = detail["table"]
        self.first.setdefault(table, int(detail["first"]))
        self.vouched[table] = self.vouched.get(table, 0) + int(detail["rows"])
        if not _as_sealed(self.session, detail):
            what = f"rows {detail['first']} to {detail['last']} of {table} are no longer the {detail['rows']} written"
            self.faults.append(AuditFault(seq=entry.seq, what=what))


def proof(session: Session, *, anchors: Mapping[int, str]) -> TrailProof:
    """Return where the trail, or a row that it vouches for, is no longer what was written; it is read once."""
    reading = _Reading(session)
    found = list(chain_faults(reading.passing(_entries(session)), anchors=anchors)) + reading.faults
    for table, rows in reading.vouched.items():
        found += _strays(session, table, first=reading.first[table], vouched=rows)
    return TrailProof(entries=reading.entries, last=reading.last, faults=tuple(found))


def _strays(session: Session, table: str, *, first: int, vouched: int) -> list[AuditFault]:
    """Return whether rows came in past the trail; those of before the first sealed one are older than the trail."""
    seq = table_of(_SEALED[table]).c.seq
    there = int(session.scalar(select(func.count()).where(seq >= first)) or 0)
    if there <= vouched:
        return []
    return [AuditFault(seq=0, what=f"{there - vouched} rows of {table} from {first} on were put in past the trail")]


def _as_sealed(session: Session, detail: Mapping[str, str]) -> bool:
    rows, digest = _seal(
        session,
        detail["table"],
        names=detail["columns"].split(),
        first=int(detail["first"]),
        last=int(detail["last"]),
    )
    return (str(rows), digest) == (detail["rows"], detail["digest"])


def _seal(session: Session, table: str, *, names: Sequence[str], first: int, last: int) -> tuple[int, str]:
    """Return how many rows there are from ``first`` to ``last`` and the SHA-256 over what these columns say."""
    columns = table_of(_SEALED[table]).c
    query = select(*(columns[name] for name in names)).where(columns.seq.between(first, last)).order_by(columns.seq)
    digest, count = hashlib.sha256(), 0
    for row in session.execute(query.execution_options(yield_per=_CHUNK)):
        plain = [_plain(value) for value in row]
        digest.update(json.dumps(plain, separators=(",", ":")).encode() + b"\n")
        count += 1
    return count, digest.hexdigest()


def _entries(session: Session) -> Iterator[AuditEntry]:
    for row in session.scalars(select(AuditRow).order_by(AuditRow.seq).execution_options(yield_per=_CHUNK)):
        yield _entry(row)


def _plain(value: object) -> object:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _entry(row: AuditRow) -> AuditEntry:
    event = AuditEvent(
        at=row.at,
        actor=row.actor,
        action=AuditAction(row.action),
        subject=row.subject,
        before=row.before,
        after=row.after,
        reason=row.reason,
        detail=row.detail,
    )
    return AuditEntry(seq=row.seq, event=event, previous=row.previous, digest=row.digest)
