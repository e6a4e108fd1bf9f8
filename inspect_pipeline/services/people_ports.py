"""What accounts, sessions and tokens ask of the catalog and of the hashing of passwords."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inspect_pipeline.domain.accounts import Account, ApiToken, Session, Tries


class PeopleBook(Protocol):
    """The people of the workbench in one transaction; names are compared without case."""

    def hold(self) -> None:
        """Hold the book until the transaction ends: who reads after this reads what no other changes meanwhile."""
        ...

    def add_account(self, account: Account) -> bool:
        """Add the account; False when its name or its subject is taken."""
        ...

    def account(self, name: str) -> Account | None:
        """Return the account of a name or None."""
        ...

    def account_of(self, subject: str) -> Account | None:
        """Return the account of a subject of OpenID Connect or None."""
        ...

    def accounts(self) -> Sequence[Account]:
        """Return all accounts by name."""
        ...

    def put_account(self, account: Account) -> None:
        """Change the account of this name. Raises NotFoundError when there is none."""
        ...

    def add_session(self, session: Session) -> None:
        """Add a session."""
        ...

    def session(self, digest: str) -> Session | None:
        """Return the session of a digest or None."""
        ...

    def sessions(self, person: str) -> Sequence[Session]:
        """Return a person's sessions, the one seen last first."""
        ...

    def see_session(self, digest: str, at: datetime) -> None:
        """Note when a session was seen last."""
        ...

    def end_session(self, digest: str) -> bool:
        """Remove a session; False when it was not there."""
        ...

    def end_sessions(self, person: str) -> int:
        """Remove all sessions of a person and return how many there were."""
        ...

    def forget_sessions(self, *, seen_before: datetime, expired_at: datetime) -> int:
        """Remove the sessions that were unseen for too long or have expired, and return how many there were."""
        ...

    def add_token(self, token: ApiToken) -> bool:
        """Add a token; False when its name is taken, be it by a revoked one."""
        ...

    def token(self, digest: str) -> ApiToken | None:
        """Return the token of a digest or None."""
        ...

    def tokens(self) -> Sequence[ApiToken]:
        """Return all tokens by name, revoked ones included."""
        ...

    def put_token(self, token: ApiToken) -> None:
        """Change the token of this name. Raises NotFoundError when there is none."""
        ...

    def use_token(self, digest: str, at: datetime) -> None:
        """Note when a token was used last, and change nothing else of it."""
        ...

    def tries(self, key: str) -> Tries | None:
        """Return the failed tries of a key or None."""
        ...

    def put_tries(self, tries: Tries) -> None:
        """Set the failed tries of a key."""
        ...

    def drop_tries(self, keys: Sequence[str]) -> None:
        """Forget the failed tries of the keys."""
        ...

    def forget_tries(self, before: datetime) -> int:
        """Forget the tries whose last is older and that wait no longer; return how many there were."""
        ...

    def count_tries(self) -> int:
        """Return how many keys have failed tries."""
        ...


class Passwords(Protocol):
    """A slow hash with a salt of its own for every password."""

    def hashed(self, password: str) -> str:
        """Return the hash with its parameters, as text."""
        ...

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether it is the hash of the password; None never matches and takes as long."""
        ...

    def outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        ...
