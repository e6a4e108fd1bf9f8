"""Turns what disks and databases throw into one clear line: what, where, what to do. Passwords are never in it."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from inspect_pipeline.errors import BadDataError, ConfigError, DiskFullError, InspectError, StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_SQLSTATES = frozenset({"53100"})
_FULL_TEXT = "database or disk is full"
_SECRET_IN_TEXT = re.compile(r"(password|passwd|secret|token)(\s*[=:]\s*)[^\s&;'\"]+", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*@")


def parsed_url(text: str | URL) -> URL:
    """Return the database URL. Raises ConfigError without repeating the text, which may hold a password."""
    try:
        return make_url(text)
    except ArgumentError:
        raise ConfigError(
            "the database URL cannot be read; write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        ) from None


def shown(url: str | URL) -> str:
    """Return a database or server URL without its password, wherever it stands."""
    if isinstance(url, URL):
        url = url.render_as_string(hide_password=True)
    return without_secrets(url)


def without_secrets(text: str) -> str:
    """Return one line of text with passwords in URLs and in ``password=...`` replaced by ``***``."""
    line = " ".join(text.split())
    return _SECRET_IN_TEXT.sub(r"\1\2***", _SECRET_IN_URL.sub(r"\1:***@", line))


def database_failure(error: SQLAlchemyError, *, where: str) -> InspectError:
    """Return the error to raise for a database's own."""
    inner = error.orig if isinstance(error, StatementError) else None
    if isinstance(inner, InspectError):  # raised by one of our column types, wrapped on its way out
        return inner
    text = without_secrets(str(inner if inner is not None else error))
    sqlstate = getattr(inner, "sqlstate", None)
    if sqlstate in _FULL_SQLSTATES or _FULL_TEXT in text:
        return DiskFullError(f"no space left for the database {where}; free some and run again, nothing half-written")
    if isinstance(error, IntegrityError):
        return StorageError(f"the database {where} refused rows that do not belong together: {text}")
    if isinstance(error, DBAPIError) and "readonly" in text:
        return StorageError(f"the database {where} is read-only; make its folder writable: {text}")
    return StorageError(f"the database {where} failed: {text}")


def disk_failure(error: OSError, *, path: Path) -> StorageError:
    """Return the error to raise for a file system's own."""
    if error.errno in _FULL:
        return DiskFullError(f"no space left to write {path}; free some and run again, nothing half-written")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageError(f"{path} cannot be written ({error.strerror}); make the folder writable or choose another")
    return StorageError(f"{path}: {error.strerror or error}")


@contextmanager
def database_errors(where: str) -> Iterator[None]:
    """Raise StorageError or DiskFullError in place of SQLAlchemy's errors, BadDataError for text that is no Unicode."""
    try:
        yield
    except SQLAlchemyError as error:
        raise database_failure(error, where=where) from error
    except UnicodeEncodeError as error:  # the name of a file that is no UTF-8 arrives with such characters
        raise BadDataError(f"text {error.object!a} is no Unicode and cannot be stored; rename the file") from error


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise StorageError or DiskFullError in place of OSError."""
    try:
        yield
    except OSError as error:
        raise disk_failure(error, path=path) from error
