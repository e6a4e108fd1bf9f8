"""People in SQL: accounts, sessions, tokens and failed tries to sign in."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select, text, update
from sqlalchemy.orm import Session as SqlSession
from sqlalchemy.sql.dml import Delete, Update

from inspect_pipeline.domain.accounts import Account, ApiToken, Session, Tries, name_key
from inspect_pipeline.domain.people import Permission, Role
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.store.people_tables import AccountRow, SessionRow, TokenRow, TriesRow
from inspect_pipeline.store.rows import Values, add_new, insert_into

_LOCK_NUMBER = 0x1A5C_0003  # any number that no other program takes in this database


class SqlPeople:
    """The people of one transaction; see ``PeopleBook`` for what each method promises."""

    def __init__(self, session: SqlSession, writing: Callable[[], SqlSession]) -> None:
        self._session = session
        self._writing = writing

    def hold(self) -> None:
        """Hold the book until the transaction ends; on SQLite a writer is alone anyway."""
        session = self._writing()
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})

    def add_account(self, account: Account) -> bool:
        """Add the account; False when its name or its subject is taken."""
        session = self._writing()
        if account.subject is not None and self.account_of(account.subject) is not None:
            return False
        values = {"key": name_key(account.name), **_account_values(account)}
        return add_new(session, AccountRow, [values], key=["key"]) == 1

    def account(self, name: str) -> Account | None:
        """Return the account of a name or None."""
        row = self._session.get(AccountRow, name_key(name))
        return None if row is None else _account(row)

    def account_of(self, subject: str) -> Account | None:
        """Return the account of a subject of OpenID Connect or None."""
        row = self._session.scalars(select(AccountRow).where(AccountRow.subject == subject)).first()
        return None if row is None else _account(row)

    def accounts(self) -> list[Account]:
        """Return all accounts by name."""
        return [_account(row) for row in self._session.scalars(select(AccountRow).order_by(AccountRow.key))]

    def put_account(self, account: Account) -> None:
        """Change the account of this name. Raises NotFoundError when there is none."""
        statement = update(AccountRow).where(AccountRow.key == name_key(account.name)).values(_account_values(account))
        if not self._changed(statement):
            raise NotFoundError(f"there is nobody of the name {account.name!r}")

    def add_session(self, session: Session) -> None:
        """Add a session."""
        values = {
            "digest": session.digest,
            "person": name_key(session.person),
            "csrf": session.csrf,
            "created_at": session.created_at,
            "seen_at": session.seen_at,
            "expires_at": session.expires_at,
            "address": session.address,
            "browser": session.browser,
        }
        self._writing().execute(insert_into(self._session, SessionRow).values(values))

    def session(self, digest: str) -> Session | None:
        """Return the session of a digest or None."""
        found = self._sessions_where(SessionRow.digest == digest)
        return found[0] if found else None

    def sessions(self, person: str) -> list[Session]:
        """Return a person's sessions, the one seen last first."""
        return self._sessions_where(SessionRow.person == name_key(person))

    def see_session(self, digest: str, at: datetime) -> None:
        """Note when a session was seen last."""
        self._changed(update(SessionRow).where(SessionRow.digest == digest).values(seen_at=at))

    def end_session(self, digest: str) -> bool:
        """Remove a session; False when it was not there."""
        return self._changed(delete(SessionRow).where(SessionRow.digest == digest)) == 1

    def end_sessions(self, person: str) -> int:
        """Remove all sessions of a person and return how many there were."""
        return self._changed(delete(SessionRow).where(SessionRow.person == name_key(person)))

    def forget_sessions(self, *, seen_before: datetime, expired_at: datetime) -> int:
        """Remove the sessions that were unseen for too long or have expired, and return how many there were."""
        over = or_(SessionRow.expires_at <= expired_at, SessionRow.seen_at < seen_before)
        return self._changed(delete(SessionRow).where(over))

    def add_token(self, token: ApiToken) -> bool:
        """Add a token; False when its name is taken, be it by a revoked one."""
        values = {"key": name_key(token.name), "digest": token.digest, **_token_values(token)}
        return add_new(self._writing(), TokenRow, [values], key=["key"]) == 1

    def token(self, digest: str) -> ApiToken | None:
        """Return the token of a digest or None."""
        found = self._tokens_where(TokenRow.digest == digest)
        return found[0] if found else None

    def tokens(self) -> list[ApiToken]:
        """Return all tokens by name, revoked ones included."""
        return self._tokens_where(TokenRow.key.is_not(None))

    def put_token(self, token: ApiToken) -> None:
        """Change the token of this name. Raises NotFoundError when there is none."""
        statement = update(TokenRow).where(TokenRow.key == name_key(token.name)).values(_token_values(token))
        if not self._changed(statement):
            raise NotFoundError(f"there is no token of the name {token.name!r}")

    def use_token(self, digest: str, at: datetime) -> None:
        """Note when a token was used last, and change nothing else of it."""
        self._changed(update(TokenRow).where(TokenRow.digest == digest).values(used_at=at))

    def tries(self, key: str) -> Tries | None:
        """Return the failed tries of a key or None."""
        row = self._session.get(TriesRow, key)
        if row is None:
            return None
        return Tries(key=row.key, failures=row.failures, last_at=row.last_at, blocked_until=row.blocked_until)

    def put_tries(self, tries: Tries) -> None:
        """Set the failed tries of a key."""
        values = {"failures": tries.failures, "last_at": tries.last_at, "blocked_until": tries.blocked_until}
        statement = insert_into(self._writing(), TriesRow).values({"key": tries.key, **values})
        self._session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))

    def drop_tries(self, keys: Sequence[str]) -> None:
        """Forget the failed tries of the keys."""
        self._changed(delete(TriesRow).where(TriesRow.key.in_(keys)))

    def forget_tries(self, before: datetime) -> int:
        """Forget the tries whose last is older and that wait no longer; return how many there were."""
        waiting = or_(TriesRow.blocked_until.is_(None), TriesRow.blocked_until < before)
        return self._changed(delete(TriesRow).where(TriesRow.last_at < before, waiting))

    def count_tries(self) -> int:
        """Return how many keys have failed tries."""
        return int(self._session.scalar(select(func.count()).select_from(TriesRow)) or 0)

    def _changed(self, statement: Update | Delete) -> int:
        """Return how many rows the statement changed."""
        done = self._writing().execute(statement.execution_options(synchronize_session=False))
        if not isinstance(done, CursorResult):
            raise TypeError("a change gives a count of rows")
        return done.rowcount

    def _sessions_where(self, condition: ColumnElement[bool]) -> list[Session]:
        query = select(SessionRow, AccountRow.name).join(AccountRow, AccountRow.key == SessionRow.person)
        rows = self._session.execute(query.where(condition).order_by(SessionRow.seen_at.desc(), SessionRow.digest))
        return [_session(row, person) for row, person in rows]

    def _tokens_where(self, condition: ColumnElement[bool]) -> list[ApiToken]:
        query = select(TokenRow, AccountRow.name).join(AccountRow, AccountRow.key == TokenRow.owner)
        rows = self._session.execute(query.where(condition).order_by(TokenRow.key))
        return [_token(row, owner) for row, owner in rows]


def _account_values(account: Account) -> Values:
    return {
        "name": account.name,
        "role": account.role.value,
        "active": account.active,
        "password_hash": account.password_hash,
        "subject": account.subject,
        "created_at": account.created_at,
        "created_by": account.created_by,
    }


def _account(row: AccountRow) -> Account:
    return Account(
        name=row.name,
        role=Role(row.role),
        active=row.active,
        password_hash=row.password_hash,
        subject=row.subject,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _session(row: SessionRow, person: str) -> Session:
    return Session(
        digest=row.digest,
        person=person,
        csrf=row.csrf,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        address=row.address,
        browser=row.browser,
    )


def _token_values(token: ApiToken) -> Values:
    return {
        "name": token.name,
        "owner": name_key(token.owner),
        "scopes": sorted(scope.value for scope in token.scopes),
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "used_at": token.used_at,
    }


def _token(row: TokenRow, owner: str) -> ApiToken:
    return ApiToken(
        name=row.name,
        digest=row.digest,
        owner=owner,
        scopes=frozenset(Permission(scope) for scope in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
