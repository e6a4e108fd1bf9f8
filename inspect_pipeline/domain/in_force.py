"""Which version of a model is in force: what the records say, held against the alias that anyone can move."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MoveKind(StrEnum):
    """How a version came into force."""

    PROMOTED = "promoted"
    OVERRIDDEN = "promoted against the gate"
    ROLLED_BACK = "rolled back"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingMove:
    """A change of the version in force that was begun: aliases move next, then it is recorded and this goes.

    ``previous_before`` and ``challenger_before`` are the aliases as they were, to put back where it is given up.
    """

    model: str
    kind: MoveKind
    from_version: str | None
    to_version: str
    previous_before: str | None
    challenger_before: str | None
    operator: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the records say of a model: the version last put in force, and a change that was begun."""

    recorded: str | None
    pending: PendingMove | None

    def agrees(self, alias: str | None) -> bool:
        """Whether the champion alias is where the records put it, or where a change under way is putting it."""
        moving_to = None if self.pending is None else self.pending.to_version
        return alias == self.recorded or (moving_to is not None and alias == moving_to)
