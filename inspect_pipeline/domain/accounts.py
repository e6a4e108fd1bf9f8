"""Accounts, sessions and tokens of the workbench as records, with the rules on names and on waiting."""

import hashlib
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inspect_pipeline.domain.people import ALLOWED, Permission, Role
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.errors import BadDataError

MACHINE = "token:"
"""How the names of machines begin in rows and in the trail; no person's name holds a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in.

    ``password_hash`` is None for one who signs in elsewhere, and ``subject`` then says who that is: issuer and subject
    of OpenID Connect, which unlike a name never pass to somebody else.
    """

    name: str
    role: Role
    created_at: datetime
    created_by: str
    active: bool = True
    password_hash: str | None = field(default=None, repr=False)
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person signed in at one browser, known by the SHA-256 of the id that only the browser has."""

    digest: str
    person: str
    csrf: str = field(repr=False)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    browser: str

    @property
    def handle(self) -> str:
        """What a page calls the session: enough to tell a person's sessions apart, too little to find its digest."""
        return hashlib.sha256(self.digest.encode()).hexdigest()[:16]

    def ended(self, now: datetime, *, idle: timedelta) -> bool:
        """Whether it has come to its end: too old, or without a request for longer than ``idle``."""
        return now >= self.expires_at or now - self.seen_at >= idle


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What a machine signs in with, known by the SHA-256 of the text that only the machine has."""

    name: str
    digest: str = field(repr=False)
    owner: str
    scopes: frozenset[Permission]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor past its day."""
        return self.revoked_at is None and now < self.expires_at

    def permissions(self, owner: Account) -> frozenset[Permission]:
        """Return what it allows: its scopes, as far as its owner may do them today; nothing of who is not active."""
        return self.scopes & ALLOWED[owner.role] if owner.active else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often signing in failed in a row for one key (a name or an address), and until when it is to wait."""

    key: str
    failures: int
    last_at: datetime
    blocked_until: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """Return how many seconds the next try has to wait; 0 where it need not."""
        return 0.0 if self.blocked_until is None else max(0.0, (self.blocked_until - now).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRule:
    """``free`` failures cost nothing; each further one doubles the wait, from ``first_s`` to ``longest_s``."""

    free: int
    first_s: float
    longest_s: float

    def wait(self, failures: int) -> timedelta | None:
        """Return how long to wait after so many failures in a row, None for not at all."""
        if failures < self.free:
            return None
        doublings = min(failures - self.free, 32)  # 2^32 s is a century: beyond any limit, and no overflow
        return timedelta(seconds=min(self.first_s * 2.0**doublings, self.longest_s))


def checked_person(name: str) -> str:
    """Return the name of a person, in normal form. Raises BadDataError for one that cannot be used."""
    clean = checked_name(name, what="person")
    if ":" in clean:
        raise BadDataError(f"person name {name!r} cannot be used; give one without a colon, which machines have")
    return clean


def name_key(name: str) -> str:
    """Return what names are compared by: case and width do not tell people apart (PRECIS, RFC 8265, 3.3)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.replace("\0", "\ufffd").strip()  # PostgreSQL takes no NUL; no name has one
