"""Who may put a version in force against its gate: named people in named roles, with a reason in writing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from inspect_pipeline.errors import RefusedError

_SHORTEST_REASON = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """``roles`` names the people of each role; without any, no gate is overridden."""

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, role: str, *, operator: str, reason: str) -> None:
        """Raise RefusedError unless the operator has the role and gives a reason of a sentence."""
        if role not in self.roles:
            known = ", ".join(sorted(self.roles)) or "none"
            raise RefusedError(
                f"role {role!r} may not override a gate; those that may (gates.yaml, overrides): {known}"
            )
        if operator not in self.roles[role]:
            raise RefusedError(f"{operator} has not the role {role!r} (gates.yaml, overrides); ask one who has it")
        if len(reason.strip()) < _SHORTEST_REASON:
            raise RefusedError(
                f"a gate is overridden with a reason in writing of {_SHORTEST_REASON} letters or more; give --reason"
            )
