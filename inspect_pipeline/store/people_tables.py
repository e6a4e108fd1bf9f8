"""The tables of people: accounts, sessions, tokens, and failed tries to sign in. No secret is stored, only hashes."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from inspect_pipeline.store.tables import Base


class AccountRow(Base):
    """A person; ``key`` is the name as names are compared, ``password_hash`` an argon2 hash with salt."""

    __tablename__ = "accounts"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    active: Mapped[bool]
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class SessionRow(Base):
    """A person signed in at one browser; ``digest`` is the SHA-256 of the id in the browser's cookie."""

    __tablename__ = "sign_in_sessions"
    __table_args__ = (Index(None, "person"), Index(None, "expires_at"))

    digest: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("accounts.key"))
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str]
    browser: Mapped[str]


class TokenRow(Base):
    """A machine's token; ``digest`` is the SHA-256 of its text. Revoked ones stay, so that no name comes twice."""

    __tablename__ = "api_tokens"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    owner: Mapped[str] = mapped_column(ForeignKey("accounts.key"))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class TriesRow(Base):
    """Failed tries to sign in, in a row, of one name (by its SHA-256) or one address."""

    __tablename__ = "sign_in_tries"
    __table_args__ = (Index(None, "last_at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]
