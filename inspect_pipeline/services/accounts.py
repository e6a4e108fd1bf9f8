"""The people of the workbench: added, given a role, a password, let out and let in again; every change in the trail."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_pipeline.domain.accounts import Account, checked_person
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.passwords import check_password
from inspect_pipeline.domain.people import Role
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.people_ports import Passwords, PeopleBook
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.sign_in_keys import name_tries_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The use cases of who manages people; ``by`` is who does it, for the trail."""

    catalog: Catalog
    passwords: Passwords
    clock: Clock

    def listing(self) -> Sequence[Account]:
        """Return all accounts by name."""
        with self.catalog.transaction() as unit:
            return unit.people.accounts()

    def account(self, name: str) -> Account:
        """Return the account of a name. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            return found_account(unit, name)

    def waits(self) -> dict[str, float]:
        """Return by name how many seconds the accounts that are locked out still wait."""
        now = self.clock()
        with self.catalog.transaction() as unit:
            found = {one.name: unit.people.tries(name_tries_key(one.name)) for one in unit.people.accounts()}
        return {name: wait for name, tries in found.items() if tries is not None and (wait := tries.wait_s(now)) > 0}

    def has_admin(self) -> bool:
        """Whether anybody can manage people."""
        with self.catalog.transaction() as unit:
            return _has_admin(unit.people)

    def add(self, name: str, role: Role, password: str, *, by: str) -> Account:
        """Add a person. Raises BadDataError for the name or the password, RefusedError where the name is taken."""
        clean = checked_person(name)
        check_password(password, name=clean)
        account = Account(
            name=clean,
            role=role,
            created_at=self.clock(),
            created_by=by,
            password_hash=self.passwords.hashed(password),
        )
        with self.catalog.transaction() as unit:
            if not unit.people.add_account(account):
                raise RefusedError(f"there is a person {clean!r} already; names differ by more than case")
            self._note(unit, AuditAction.PERSON_ADDED, clean, by=by, after=role.value)
        return account

    def set_role(self, name: str, role: Role, *, by: str) -> Account:
        """Give a person another role and end their sessions. Raises RefusedError for the last active admin."""
        with self.catalog.transaction() as unit:
            before = held(unit, name)
            if before.role is role:
                raise NothingToDoError(f"{before.name} is {role.value} already")
            return self._changed(unit, replace(before, role=role), AuditAction.ROLE_CHANGED, before=before, by=by)

    def set_active(self, name: str, *, active: bool, by: str) -> Account:
        """Let a person out (their sessions end, their tokens no longer work) or in again."""
        action = AuditAction.REACTIVATED if active else AuditAction.DEACTIVATED
        with self.catalog.transaction() as unit:
            before = held(unit, name)
            if before.active is active:
                raise NothingToDoError(f"{before.name} is {'active' if active else 'not active'} already")
            return self._changed(unit, replace(before, active=active), action, before=before, by=by)

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Give a person another password and end all their sessions.

        Raises BadDataError for the password, RefusedError for one who signs in by another provider.
        """
        with self.catalog.transaction() as unit:
            clean = found_account(unit, name).name
        check_password(password, name=clean)
        hashed = self.passwords.hashed(password)
        with self.catalog.transaction() as unit:
            before = held(unit, clean)
            if before.subject is not None:
                raise RefusedError(f"{before.name} signs in by another provider and has no password here")
            unit.people.put_account(replace(before, password_hash=hashed))
            unit.people.end_sessions(before.name)
            self._note(unit, AuditAction.PASSWORD_CHANGED, before.name, by=by)

    def unlock(self, name: str, *, by: str) -> None:
        """Forget the failed tries of a person, who may try again at once."""
        with self.catalog.transaction() as unit:
            account = held(unit, name)
            unit.people.drop_tries([name_tries_key(account.name)])
            self._note(unit, AuditAction.UNLOCKED, account.name, by=by)

    def _changed(self, unit: CatalogUnit, after: Account, action: AuditAction, *, before: Account, by: str) -> Account:
        unit.people.put_account(after)
        if not _has_admin(unit.people):
            raise RefusedError(f"{before.name} is the last active admin; make another one first")
        unit.people.end_sessions(after.name)
        roles = (before.role.value, after.role.value) if before.role is not after.role else (None, None)
        self._note(unit, action, after.name, by=by, before=roles[0], after=roles[1])
        return after

    def _note(
        self,
        unit: CatalogUnit,
        action: AuditAction,
        subject: str,
        *,
        by: str,
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        event = AuditEvent(at=self.clock(), actor=by, action=action, subject=subject, before=before, after=after)
        unit.add_audit(event)


def found_account(unit: CatalogUnit, name: str) -> Account:
    """Return the account of a name. Raises NotFoundError."""
    account = unit.people.account(name)
    if account is None:
        raise NotFoundError(f"there is nobody of the name {name[:80]!r}")
    return account


def held(unit: CatalogUnit, name: str) -> Account:
    """Return the account of a name, which nobody else changes until the transaction ends. Raises NotFoundError."""
    unit.people.hold()
    return found_account(unit, name)


def _has_admin(people: PeopleBook) -> bool:
    return any(one.active and one.role is Role.ADMIN for one in people.accounts())
