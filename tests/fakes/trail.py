"""The audit trail and the changes under way of the catalog in memory."""

from collections.abc import Mapping
from typing import Protocol

from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent, TrailProof, chain_faults, entry_after
from inspect_pipeline.domain.in_force import PendingMove, Standing
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.errors import RefusedError


class TrailState(Protocol):
    """What of the catalog's state the trail and the moves live in."""

    trail: list[AuditEntry]
    pending: dict[str, PendingMove]
    promotions: list[Promotion]


class TrailUnit:
    """The part of a transaction that keeps the trail."""

    _state: TrailState

    def standing(self, model: str) -> Standing:
        done = [each for each in self._state.promotions if each.model == model]
        return Standing(recorded=done[-1].to_version if done else None, pending=self._state.pending.get(model))

    def pending_moves(self) -> list[PendingMove]:
        return [self._state.pending[model] for model in sorted(self._state.pending)]

    def begin_move(self, move: PendingMove) -> None:
        if move.model in self._state.pending:
            raise RefusedError(f"another change of {move.model} is under way; look at its outcome, then try again")
        self._state.pending[move.model] = move

    def end_move(self, model: str) -> None:
        self._state.pending.pop(model, None)

    def add_audit(self, event: AuditEvent) -> AuditEntry:
        entry = entry_after(self._state.trail[-1] if self._state.trail else None, event)
        self._state.trail.append(entry)
        return entry

    def audit(
        self, *, after: int = 0, limit: int | None = None, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        chosen = [
            entry
            for entry in self._state.trail
            if entry.seq > after and subject in (None, entry.event.subject) and action in (None, entry.event.action)
        ]
        return chosen[:limit]

    def latest_audit(
        self, *, before: int | None, limit: int, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        found = reversed(self.audit(subject=subject, action=action))
        return [entry for entry in found if before is None or entry.seq < before][:limit]

    def audit_proof(self, anchors: Mapping[int, str]) -> TrailProof:
        trail = self._state.trail
        faults = tuple(chain_faults(trail, anchors=anchors))
        return TrailProof(entries=len(trail), last=trail[-1].digest if trail else None, faults=faults)
