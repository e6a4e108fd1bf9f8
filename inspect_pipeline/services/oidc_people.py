"""People whom another provider vouches for (OpenID Connect): which account and role its claims give them."""

from collections.abc import Mapping
from dataclasses import dataclass

from inspect_pipeline.domain.accounts import Account, checked_person
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.people import Role
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import RefusedError
from inspect_pipeline.services.accounts import Accounts
from inspect_pipeline.services.ports import Catalog
from inspect_pipeline.services.security_settings import OidcSettings

_ROLES = tuple(Role)  # from the least to the most


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcPeople:
    """The account behind the verified claims of a provider."""

    catalog: Catalog
    accounts: Accounts
    settings: OidcSettings
    clock: Clock

    def account(self, claims: Mapping[str, object]) -> Account:
        """Return the account of verified claims, made or given its role anew.

        It is found by issuer and subject, never by its name: a name that a local person has is refused, or whoever may
        choose names at the provider could become them. Raises RefusedError for people who may not come in.
        """
        role = self._role(claims)
        subject = f"{claims['iss']} {claims['sub']}"
        with self.catalog.transaction() as unit:
            known = unit.people.account_of(subject)
        if known is None:
            return self._added(claims, subject, role)
        if known.role is not role:
            return self.accounts.set_role(known.name, role, by=self._provider)
        return known

    @property
    def _provider(self) -> str:
        return f"provider {self.settings.issuer}"

    def _added(self, claims: Mapping[str, object], subject: str, role: Role) -> Account:
        name = checked_person(str(claims.get(self.settings.name_claim) or ""))
        account = Account(
            name=name,
            role=role,
            created_at=self.clock(),
            created_by=self._provider,
            subject=subject,
            password_hash=None,
        )
        with self.catalog.transaction() as unit:
            if not unit.people.add_account(account):
                raise RefusedError(f"the name {name!r} belongs to another account here; ask an admin")
            event = AuditEvent(
                at=self.clock(), actor=self._provider, action=AuditAction.PERSON_ADDED, subject=name, after=role.value
            )
            unit.add_audit(event)
        return account

    def _role(self, claims: Mapping[str, object]) -> Role:
        """Return the highest role that the claim gives. Raises RefusedError where it gives none."""
        value = claims.get(self.settings.role_claim, ())
        values = (
            {value} if isinstance(value, str) else {str(one) for one in value} if isinstance(value, list) else set()
        )
        given = [self.settings.roles[one] for one in values if one in self.settings.roles]
        if given:
            return max(given, key=_ROLES.index)
        if self.settings.unknown_role is None:
            raise RefusedError(f"no role here for what {self.settings.role_claim!r} says; ask an admin for access")
        return self.settings.unknown_role
