"""People and machines at the workbench: who they are and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person is at the plant; each may do what the one before may."""

    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What can be done at the workbench; the scopes of a machine's token are of these."""

    LOOK = "look"
    LABEL = "label"
    TEACH = "teach"
    SCORE = "score"
    JUDGE_STUDY = "judge study"
    MANAGE_STUDY = "manage study"
    APPROVE_TYPE = "approve type"
    PROMOTE = "promote"
    AUDIT = "audit"
    MANAGE_PEOPLE = "manage people"


_OPERATOR = frozenset({Permission.LOOK, Permission.LABEL, Permission.TEACH, Permission.SCORE, Permission.JUDGE_STUDY})
_ENGINEER = _OPERATOR | {Permission.MANAGE_STUDY, Permission.APPROVE_TYPE, Permission.PROMOTE, Permission.AUDIT}
ALLOWED: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {Role.OPERATOR: _OPERATOR, Role.ENGINEER: _ENGINEER, Role.ADMIN: _ENGINEER | {Permission.MANAGE_PEOPLE}}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who sends a request: a signed-in person, or a machine with a token; ``name`` is what rows and the trail say."""

    name: str
    role: Role | None
    permissions: frozenset[Permission]
    machine: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the actor may do it."""
        return permission in self.permissions


def person(name: str, role: Role) -> Actor:
    """Return a person of a role, with all that the role may do."""
    return Actor(name=name, role=role, permissions=ALLOWED[role])
