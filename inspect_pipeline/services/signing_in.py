"""Signing in and staying signed in: the password, the waits after failures, and sessions with an end.

Failed tries are rows of the catalog: they hold over restarts and over all processes of a site. (The library ``limits``
keeps its counts in memory or in Redis and knows no wait that doubles.) A try is counted before its password is looked
at, so that many at once count as many.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from inspect_pipeline.domain.accounts import Account, Session, Tries, WaitRule
from inspect_pipeline.domain.audit import AuditAction, AuditEvent
from inspect_pipeline.domain.people import Actor, person
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import NotFoundError, RefusedError, UserError
from inspect_pipeline.services.accounts import Accounts
from inspect_pipeline.services.people_ports import Passwords, PeopleBook
from inspect_pipeline.services.ports import Catalog, CatalogUnit
from inspect_pipeline.services.security_settings import LockoutSettings, SessionSettings
from inspect_pipeline.services.sign_in_keys import ADDRESS, address_tries_key, digest_of_secret, name_tries_key

_SEEN_EVERY = timedelta(seconds=60)  # a write for every request would make each page wait for the disk
_SHOWN = 200
_LOG = logging.getLogger(__name__)


class WrongSignInError(UserError):
    """Name and password do not belong together; which of them is wrong is not said."""


class TooManyTriesError(RefusedError):
    """Too many tries failed; ``wait_s`` is how many seconds the next one has to wait."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many tries failed; wait {wait_s:.0f} s, then try again, or ask an admin to unlock")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Where a request comes from: the address of the client and what its browser calls itself."""

    address: str
    browser: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that begins; ``secret`` is the id for the browser's cookie, which is kept nowhere else."""

    secret: str
    session: Session
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """A try that was counted: the account of its name, and the keys that have used up what is free."""

    account: Account | None
    locked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIn:
    """The use cases of who signs in; ``new_secret`` gives 256 random bits as text."""

    catalog: Catalog
    passwords: Passwords
    accounts: Accounts
    clock: Clock
    new_secret: Callable[[], str]
    lockout: LockoutSettings
    limits: SessionSettings

    def sign_in(self, name: str, password: str, visit: Visit) -> SignedIn:
        """Begin a session. Raises TooManyTriesError before anything is looked at, WrongSignInError for the rest."""
        keys = (name_tries_key(name), address_tries_key(visit.address))
        self._refuse_waiting(keys)
        try_ = self._counted(name, keys)
        hashed = None if try_.account is None or not try_.account.active else try_.account.password_hash
        if not self.passwords.matches(password, hashed):
            self._note_locked(try_, visit)
            raise WrongSignInError("name or password is wrong")
        fresh = self.passwords.hashed(password) if hashed is not None and self.passwords.outdated(hashed) else None
        with self.catalog.transaction() as unit:
            unit.people.hold()
            account = unit.people.account(name)
            if account is None or not account.active or account.password_hash != hashed:  # changed in the meantime
                raise WrongSignInError("name or password is wrong")
            if fresh is not None:
                unit.people.put_account(replace(account, password_hash=fresh))
            self._forgive(unit.people, keys)
            return self._begun(unit, account, visit)

    def begin(self, account: Account, visit: Visit) -> SignedIn:
        """Begin a session of a person whom another provider vouches for. Raises RefusedError for one not active."""
        with self.catalog.transaction() as unit:
            unit.people.hold()
            account_now = unit.people.account(account.name)
            if account_now is None or not account_now.active:
                raise RefusedError(f"{account.name} is not active here; ask an admin")
            return self._begun(unit, account_now, visit)

    def session(self, secret: str) -> tuple[Session, Actor] | None:
        """Return the session of a cookie and its person in today's role; None for a forged, old or ended one."""
        digest, now = digest_of_secret(secret), self.clock()
        with self.catalog.transaction() as unit:
            session = unit.people.session(digest)
            if session is None or session.ended(now, idle=timedelta(seconds=self.limits.idle_s)):
                return None
            account = unit.people.account(session.person)
        if account is None or not account.active:
            return None
        if now - session.seen_at >= _SEEN_EVERY:
            with self.catalog.transaction() as unit:
                unit.people.see_session(digest, now)
        return session, person(account.name, account.role)

    def sessions(self, name: str) -> Sequence[Session]:
        """Return a person's sessions that have not ended, the one seen last first."""
        now, idle = self.clock(), timedelta(seconds=self.limits.idle_s)
        with self.catalog.transaction() as unit:
            return [one for one in unit.people.sessions(name) if not one.ended(now, idle=idle)]

    def sign_out(self, secret: str) -> None:
        """End the session of a cookie; nothing happens where there is none."""
        with self.catalog.transaction() as unit:
            session = unit.people.session(digest_of_secret(secret))
            if session is not None and unit.people.end_session(session.digest):
                self._note(unit, AuditAction.SIGNED_OUT, session.person)

    def end(self, name: str, handle: str) -> None:
        """End one of a person's own sessions. Raises NotFoundError for a handle that is none of theirs."""
        with self.catalog.transaction() as unit:
            for session in unit.people.sessions(name):
                if session.handle == handle:
                    unit.people.end_session(session.digest)
                    self._note(unit, AuditAction.SIGNED_OUT, name)
                    return
        raise NotFoundError("there is no such session of yours; it has ended already")

    def sign_out_everywhere(self, name: str) -> int:
        """End all sessions of a person and return how many there were."""
        with self.catalog.transaction() as unit:
            ended = unit.people.end_sessions(name)
            self._note(unit, AuditAction.SIGNED_OUT, name, detail={"sessions": str(ended)})
        return ended

    def change_password(self, name: str, *, old: str, new: str, visit: Visit) -> SignedIn:
        """Change one's own password: every session ends and a new one begins. Failures count as failed sign-ins."""
        keys = (name_tries_key(name), address_tries_key(visit.address))
        self._refuse_waiting(keys)
        try_ = self._counted(name, keys)
        if not self.passwords.matches(old, None if try_.account is None else try_.account.password_hash):
            self._note_locked(try_, visit)
            raise WrongSignInError("the old password is wrong")
        with self.catalog.transaction() as unit:
            unit.people.hold()
            self._forgive(unit.people, keys)
        self.accounts.set_password(name, new, by=name)
        with self.catalog.transaction() as unit:
            unit.people.hold()
            account = unit.people.account(name)
            if account is None or not account.active:
                raise WrongSignInError("the account is no longer active")
            return self._begun(unit, account, visit)

    def _refuse_waiting(self, keys: Sequence[str]) -> None:
        """Raise TooManyTriesError where a key waits; reads only, so that a flood of tries costs no write."""
        now = self.clock()
        with self.catalog.transaction() as unit:
            self._check_wait(unit.people, keys, now)

    @staticmethod
    def _check_wait(people: PeopleBook, keys: Sequence[str], now: datetime) -> None:
        found = [people.tries(key) for key in keys]
        wait = max((tries.wait_s(now) for tries in found if tries is not None), default=0.0)
        if wait > 0:
            raise TooManyTriesError(wait)

    def _counted(self, name: str, keys: tuple[str, str]) -> "_Try":
        """Count the try as failed under both keys, before anybody knows whether it is."""
        now = self.clock()
        with self.catalog.transaction() as unit:
            unit.people.hold()
            self._check_wait(unit.people, keys, now)
            unit.people.forget_tries(now - timedelta(seconds=self.lockout.forget_s))
            locked = []
            for key, rule in zip(keys, self._rules(), strict=True):
                before = unit.people.tries(key)
                failures = 1 if before is None else before.failures + 1
                wait = rule.wait(failures)
                until = None if wait is None else now + wait
                unit.people.put_tries(Tries(key=key, failures=failures, last_at=now, blocked_until=until))
                if failures == rule.free:
                    locked.append(key)
            return _Try(account=unit.people.account(name), locked=tuple(locked))

    def _rules(self) -> tuple[WaitRule, WaitRule]:
        first, longest = self.lockout.first_wait_s, self.lockout.longest_wait_s
        return (
            WaitRule(free=self.lockout.free_per_account, first_s=first, longest_s=longest),
            WaitRule(free=self.lockout.free_per_address, first_s=first, longest_s=longest),
        )

    def _note_locked(self, try_: "_Try", visit: Visit) -> None:
        """Note which keys wait from now on: accounts in the trail, addresses in the log, which strangers may fill."""
        for key in try_.locked:
            if key.startswith(ADDRESS):
                _LOG.warning("sign-in from %s waits: too many tries failed", key.removeprefix(ADDRESS))
            elif try_.account is not None:
                by = f"somebody at {visit.address[:_SHOWN] or 'an unknown address'}"
                with self.catalog.transaction() as unit:
                    self._note(unit, AuditAction.LOCKED_OUT, try_.account.name, by=by)

    def _forgive(self, people: PeopleBook, keys: tuple[str, str]) -> None:
        """Forget the failures of the name; of the address only this try, or one good account would free all others."""
        by_name, by_address = keys
        people.drop_tries([by_name])
        tries = people.tries(by_address)
        if tries is None or tries.failures <= 1:
            people.drop_tries([by_address])
        else:
            people.put_tries(replace(tries, failures=tries.failures - 1, blocked_until=None))

    def _begun(self, unit: CatalogUnit, account: Account, visit: Visit) -> SignedIn:
        now = self.clock()
        unit.people.forget_sessions(seen_before=now - timedelta(seconds=self.limits.idle_s), expired_at=now)
        secret = self.new_secret()
        session = Session(
            digest=digest_of_secret(secret),
            person=account.name,
            csrf=self.new_secret(),
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(seconds=self.limits.longest_s),
            address=visit.address[:_SHOWN],
            browser=visit.browser[:_SHOWN],
        )
        unit.people.add_session(session)
        self._note(unit, AuditAction.SIGNED_IN, account.name, detail={"address": session.address})
        return SignedIn(secret=secret, session=session, account=account)

    def _note(
        self,
        unit: CatalogUnit,
        action: AuditAction,
        name: str,
        *,
        by: str | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Note what happened to a person; where nobody else is named, they did it themselves."""
        event = AuditEvent(at=self.clock(), actor=by or name, action=action, subject=name, detail=detail or {})
        unit.add_audit(event)
