"""Turns on a subject, one holder at a time, that end with their process however it ends.

On SQLite it is the kernel's file lock beside the database, for the processes of one machine; on PostgreSQL an advisory
lock of a connection of its own, for all that reach the database.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from inspect_pipeline.store.file_turns import file_turn


@contextmanager
def turn(engine: Engine, subject: str) -> Iterator[bool]:
    """Give True when the turn on the subject is ours until the block ends, False at once when another holds it."""
    if engine.dialect.name == "postgresql":
        digest = hashlib.sha256(subject.encode()).digest()
        with _advisory_lock(engine, int.from_bytes(digest[:8], "big", signed=True)) as ours:
            yield ours
        return
    with file_turn(Path(f"{engine.url.database}.turns"), subject) as ours:
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
