"""Opens the catalog's database: SQLite in a file, or PostgreSQL by URL."""

import time
from pathlib import Path
from sqlite3 import SQLITE_BUSY, SQLITE_LOCKED, Cursor, OperationalError
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from inspect_pipeline.errors import ConfigError, StorageError
from inspect_pipeline.store.failures import parsed_url, shown

BUSY_TIMEOUT_S = 30
_DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}


def open_engine(url: str | URL) -> Engine:
    """Return an engine for ``sqlite:///FILE`` or ``postgresql+psycopg://...``; nothing is connected yet.

    Raises ConfigError for another database, StorageError when the folder of the SQLite file is missing. SQL
    parameters never show in errors or logs.
    """
    parsed = parsed_url(url)
    backend = parsed.get_backend_name()
    if _DRIVERS.get(backend) != parsed.get_driver_name():
        raise ConfigError(f"{shown(parsed)}: not supported; use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
    if backend == "postgresql":
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    _check_folder(parsed)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def take_write_lock(connection: Connection) -> None:
    """Turn the transaction into a writing one; on SQLite its reads start again after the lock.

    A SQLite transaction that began by reading cannot always become a writer (SQLITE_BUSY at once, with no wait), so
    the snapshot is dropped and the lock taken with BEGIN IMMEDIATE, which waits. Both databases thus give each
    statement of a writer what is committed, and a reader on SQLite never blocks a writer.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_folder(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError("the catalog needs a SQLite file; write sqlite:////absolute/path/catalog.db")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise StorageError(f"{folder} is no folder, so no database can be opened there; create it or choose another")


def _set_up_sqlite(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # what was committed is there after a power cut
    cursor.close()


def _switch_to_wal(cursor: Cursor) -> None:
    """Set write-ahead logging; the one statement for which SQLite does not wait on a lock, so the wait is ours."""
    limit = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (SQLITE_BUSY, SQLITE_LOCKED) or time.monotonic() > limit:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
