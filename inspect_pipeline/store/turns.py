"""Turns on a subject, one holder at a time, that end with their process however it ends.

On SQLite it is the kernel's file lock beside the database, for the processes of one machine; on PostgreSQL an advisory
lock of a connection of its own, for all that reach the database.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from inspect_pipeline.errors import StorageError


@contextmanager
def turn(engine: Engine, subject: str) -> Iterator[bool]:
    """Give True when the turn on the subject is ours until the block ends, False at once when another holds it."""
    digest = hashlib.sha256(subject.encode()).digest()
    if engine.dialect.name == "postgresql":
        with _advisory_lock(engine, int.from_bytes(digest[:8], "big", signed=True)) as ours:
            yield ours
        return
    with _file_lock(Path(f"{engine.url.database}.turns"), digest.hex()[:24]) as ours:
        yield ours


@contextmanager
def _advisory_lock(engine: Engine, number: int) -> Iterator[bool]:
    with engine.connect() as connection:
        ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}))
        connection.commit()
        try:
            yield ours
        finally:
            if ours:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
                connection.commit()


@contextmanager
def _file_lock(folder: Path, name: str) -> Iterator[bool]:
    try:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"{folder}: no lock file can be made ({error.strerror}); check the workspace") from error
    try:
        yield _taken(handle)
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
