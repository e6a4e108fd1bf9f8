"""Changing the version in force: aliases in the registry and rows in the catalog, both or neither.

Two stores cannot commit together. So the change is noted first, then the aliases move, then one transaction records it
with its entry in the audit trail and takes the note away. What a killed process leaves is a note: whoever comes next
finds it with nobody holding the turn, and ends it. If the champion alias had moved it is recorded, if not it is undone.
"""

from dataclasses import dataclass

from inspect_pipeline.domain.audit import AuditAction, AuditEvent, anchor_text
from inspect_pipeline.domain.in_force import MoveKind, PendingMove
from inspect_pipeline.domain.records import Clock, Promotion
from inspect_pipeline.errors import InspectError, RefusedError
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS
from inspect_pipeline.services.ports import Catalog, ModelRegistry

ANCHOR_TAG = "audit"
"""The tag of a registered version that keeps the entry of the trail that put it in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be in force: who wants it and why; ``from_version`` is what they saw in force."""

    model: str
    kind: MoveKind
    from_version: str | None
    to_version: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """The one way in which a version comes into force."""

    catalog: Catalog
    registry: ModelRegistry
    clock: Clock

    def move(self, change: Change) -> Promotion:
        """Put the version in force and return the record of it.

        Raises RefusedError when another process is changing the same model, or has changed it since ``from_version``
        was read; whatever the registry raises, with all as it was.
        """
        with self.catalog.turn(f"in force {change.model}") as ours:
            if not ours:
                raise RefusedError(
                    f"another change of {change.model} is under way; look at its outcome, then try again"
                )
            self._end_left_over(change.model)
            pending = self._noted(change)
            try:
                self._set_aliases(pending)
            except InspectError:
                self._undo(pending, why="the registry failed")
                raise
            return self._record(pending)

    def repair(self) -> list[str]:
        """End what killed processes left half done; return the models concerned. What is under way is left alone."""
        with self.catalog.transaction() as unit:
            models = [move.model for move in unit.pending_moves()]
        mended = []
        for model in models:
            with self.catalog.turn(f"in force {model}") as ours:
                if ours and self._end_left_over(model):
                    mended.append(model)
        return mended

    def restore(self, model: str, *, operator: str, reason: str) -> str | None:
        """Move the champion alias back to what is on record, with an entry in the trail; return the version."""
        with self.catalog.turn(f"in force {model}") as ours:
            if not ours:
                raise RefusedError(f"a change of {model} is under way; look at its outcome, then try again")
            self._end_left_over(model)
            with self.catalog.transaction() as unit:
                recorded = unit.standing(model).recorded
            alias = self.registry.aliased(model, CHAMPION)
            self.registry.set_alias(model, CHAMPION, recorded)
            event = AuditEvent(
                at=self.clock(),
                actor=operator,
                action=AuditAction.RESTORED,
                subject=model,
                before=alias,
                after=recorded,
                reason=reason,
            )
            with self.catalog.transaction() as unit:
                unit.add_audit(event)
            return recorded

    def _noted(self, change: Change) -> PendingMove:
        pending = PendingMove(
            model=change.model,
            kind=change.kind,
            from_version=change.from_version,
            to_version=change.to_version,
            previous_before=self.registry.aliased(change.model, PREVIOUS),
            challenger_before=self.registry.aliased(change.model, CHALLENGER),
            operator=change.operator,
            reason=change.reason,
            at=self.clock(),
        )
        with self.catalog.transaction() as unit:
            unit.begin_move(pending)
            recorded = unit.standing(change.model).recorded
            if recorded != change.from_version:
                raise RefusedError(
                    f"version {recorded} of {change.model} came into force meanwhile; look at it, then try again"
                )
        return pending

    def _set_aliases(self, pending: PendingMove) -> None:
        """Move the aliases, the champion last but one: until then nothing that scores sees a difference."""
        if pending.from_version != pending.to_version:
            self.registry.set_alias(pending.model, PREVIOUS, pending.from_version)
        self.registry.set_alias(pending.model, CHAMPION, pending.to_version)
        if pending.challenger_before == pending.to_version:
            self.registry.set_alias(pending.model, CHALLENGER, None)

    def _record(self, pending: PendingMove) -> Promotion:
        promotion = Promotion(
            model=pending.model,
            from_version=pending.from_version,
            to_version=pending.to_version,
            operator=pending.operator,
            reason=pending.reason,
            at=pending.at,
            kind=pending.kind,
        )
        with self.catalog.transaction() as unit:
            entry = unit.add_promotion(promotion)
            unit.end_move(pending.model)
        self.registry.set_tag(pending.model, pending.to_version, ANCHOR_TAG, anchor_text(entry))
        return promotion

    def _end_left_over(self, model: str) -> bool:
        """End the change that a killed process began; the turn is ours. Return whether there was one."""
        with self.catalog.transaction() as unit:
            pending = unit.standing(model).pending
        if pending is None:
            return False
        if self.registry.aliased(model, CHAMPION) == pending.to_version:
            self._set_aliases(pending)
            self._record(pending)
        else:
            self._undo(pending, why="the process that began it ended before the champion moved")
        return True

    def _undo(self, pending: PendingMove, *, why: str) -> None:
        """Put the aliases back and say so in the trail; where the registry fails again the note stays for later."""
        self.registry.set_alias(pending.model, CHAMPION, pending.from_version)
        self.registry.set_alias(pending.model, PREVIOUS, pending.previous_before)
        self.registry.set_alias(pending.model, CHALLENGER, pending.challenger_before)
        event = AuditEvent(
            at=self.clock(),
            actor=pending.operator,
            action=AuditAction.ABANDONED,
            subject=pending.model,
            before=pending.from_version,
            after=pending.to_version,
            reason=why,
            detail={"kind": pending.kind.value, "wanted_for": pending.reason},
        )
        with self.catalog.transaction() as unit:
            unit.add_audit(event)
            unit.end_move(pending.model)
