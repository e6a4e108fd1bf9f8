"""People in memory: the same promises as in SQL."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime

from inspect_pipeline.domain.accounts import Account, ApiToken, Session, Tries, name_key
from inspect_pipeline.errors import NotFoundError


@dataclass(slots=True, kw_only=True)
class PeopleState:
    """Everything by its key; a copy holds copies."""

    accounts: dict[str, Account] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, ApiToken] = field(default_factory=dict)
    tries: dict[str, Tries] = field(default_factory=dict)

    def __copy__(self) -> "PeopleState":
        return PeopleState(
            accounts=copy(self.accounts),
            sessions=copy(self.sessions),
            tokens=copy(self.tokens),
            tries=copy(self.tries),
        )


class InMemoryPeople:
    """The people of one transaction."""

    def __init__(self, state: PeopleState) -> None:
        self._state = state

    def hold(self) -> None:
        pass

    def add_account(self, account: Account) -> bool:
        taken = account.subject is not None and self.account_of(account.subject) is not None
        if taken or name_key(account.name) in self._state.accounts:
            return False
        self._state.accounts[name_key(account.name)] = account
        return True

    def account(self, name: str) -> Account | None:
        return self._state.accounts.get(name_key(name))

    def account_of(self, subject: str) -> Account | None:
        return next((one for one in self._state.accounts.values() if one.subject == subject), None)

    def accounts(self) -> list[Account]:
        return [self._state.accounts[key] for key in sorted(self._state.accounts)]

    def put_account(self, account: Account) -> None:
        if name_key(account.name) not in self._state.accounts:
            raise NotFoundError(f"there is nobody of the name {account.name!r}")
        self._state.accounts[name_key(account.name)] = account

    def add_session(self, session: Session) -> None:
        self._state.sessions[session.digest] = session

    def session(self, digest: str) -> Session | None:
        return self._state.sessions.get(digest)

    def sessions(self, person: str) -> list[Session]:
        own = [one for one in self._state.sessions.values() if name_key(one.person) == name_key(person)]
        return sorted(sorted(own, key=lambda one: one.digest), key=lambda one: one.seen_at, reverse=True)

    def see_session(self, digest: str, at: datetime) -> None:
        if digest in self._state.sessions:
            self._state.sessions[digest] = replace(self._state.sessions[digest], seen_at=at)

    def end_session(self, digest: str) -> bool:
        return self._state.sessions.pop(digest, None) is not None

    def end_sessions(self, person: str) -> int:
        own = self.sessions(person)
        for one in own:
            del self._state.sessions[one.digest]
        return len(own)

    def forget_sessions(self, *, seen_before: datetime, expired_at: datetime) -> int:
        sessions = self._state.sessions.values()
        over = [one.digest for one in sessions if one.expires_at <= expired_at or one.seen_at < seen_before]
        for digest in over:
            del self._state.sessions[digest]
        return len(over)

    def add_token(self, token: ApiToken) -> bool:
        new = name_key(token.name) not in self._state.tokens
        self._state.tokens.setdefault(name_key(token.name), token)
        return new

    def token(self, digest: str) -> ApiToken | None:
        return next((one for one in self._state.tokens.values() if one.digest == digest), None)

    def tokens(self) -> list[ApiToken]:
        return [self._state.tokens[key] for key in sorted(self._state.tokens)]

    def put_token(self, token: ApiToken) -> None:
        if name_key(token.name) not in self._state.tokens:
            raise NotFoundError(f"there is no token of the name {token.name!r}")
        self._state.tokens[name_key(token.name)] = token

    def use_token(self, digest: str, at: datetime) -> None:
        for key, token in self._state.tokens.items():
            if token.digest == digest:
                self._state.tokens[key] = replace(token, used_at=at)

    def tries(self, key: str) -> Tries | None:
        return self._state.tries.get(key)

    def put_tries(self, tries: Tries) -> None:
        self._state.tries[tries.key] = tries

    def drop_tries(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._state.tries.pop(key, None)

    def forget_tries(self, before: datetime) -> int:
        over = [
            key
            for key, one in self._state.tries.items()
            if one.last_at < before and (one.blocked_until is None or one.blocked_until < before)
        ]
        for key in over:
            del self._state.tries[key]
        return len(over)

    def count_tries(self) -> int:
        return len(self._state.tries)
