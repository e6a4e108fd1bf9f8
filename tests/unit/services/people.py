"""A workbench's people on the in-memory catalog, with a clock that tests move and hashes that cost nothing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from inspect_pipeline.domain.people import Role
from inspect_pipeline.services.accounts import Accounts
from inspect_pipeline.services.api_tokens import ApiTokens
from inspect_pipeline.services.oidc_people import OidcPeople
from inspect_pipeline.services.password_hashing import Argon2Passwords
from inspect_pipeline.services.security_settings import HashSettings, LockoutSettings, OidcSettings, SessionSettings
from inspect_pipeline.services.signing_in import SigningIn, Visit
from tests.fakes.catalog import InMemoryCatalog

CHEAP = HashSettings(memory_kib=8, passes=1, lanes=1)
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
GOOD = "three quiet rollers"
HERE = Visit(address="10.0.0.7", browser="Firefox")


@dataclass
class Place:
    """The use cases of people over one catalog."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    now: datetime = NOON
    passwords: Argon2Passwords = field(default_factory=lambda: Argon2Passwords(CHEAP))
    lockout: LockoutSettings = field(default_factory=LockoutSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.accounts.add("Anna", Role.ADMIN, GOOD, by="uid 0")

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def accounts(self) -> Accounts:
        return Accounts(catalog=self.catalog, passwords=self.passwords, clock=lambda: self.now)

    @property
    def signing_in(self) -> SigningIn:
        return SigningIn(
            catalog=self.catalog,
            passwords=self.passwords,
            accounts=self.accounts,
            clock=lambda: self.now,
            new_secret=self._secret,
            lockout=self.lockout,
            limits=SessionSettings(),
        )

    @property
    def tokens(self) -> ApiTokens:
        return ApiTokens(catalog=self.catalog, clock=lambda: self.now, new_secret=self._secret)

    @property
    def oidc_people(self) -> OidcPeople:
        return OidcPeople(catalog=self.catalog, accounts=self.accounts, settings=self.oidc, clock=lambda: self.now)

    def trail(self) -> list[tuple[str, str, str]]:
        """Return who did what to whom."""
        with self.catalog.transaction() as unit:
            return [(one.event.actor, one.event.action.value, one.event.subject) for one in unit.audit()]

    def everything_written(self) -> str:
        """Return all that the catalog keeps, as text; hashes included."""
        with self.catalog.transaction() as unit:
            people = [unit.people.accounts(), unit.people.tokens(), unit.people._state.sessions]
            hashes = [one.password_hash for one in unit.people.accounts()]
            digests = [one.digest for one in unit.people.tokens()]
            return repr((people, hashes, digests, unit.audit()))

    def _secret(self) -> str:
        return f"secret-{next(self._numbers)}"
