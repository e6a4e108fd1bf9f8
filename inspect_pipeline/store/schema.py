"""Brings a database to the schema of this program, once, whoever comes first."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from inspect_pipeline.errors import StorageError
from inspect_pipeline.store.engine import take_write_lock
from inspect_pipeline.store.failures import database_errors, shown

# A table of our own: MLflow and Prefect keep theirs in "alembic_version", maybe in the same PostgreSQL database.
VERSION_TABLE = "catalog_version"
_LOCK_NUMBER = 0x1A5C_0001  # any number that no other program takes in this database


def upgrade(engine: Engine) -> None:
    """Create or migrate the tables; two processes at once both succeed.

    Raises StorageError when the database is newer than this program, cannot be reached or cannot be written.
    """
    where = shown(engine.url)
    scripts = ScriptDirectory.from_config(_config())
    with database_errors(where):
        with engine.begin() as connection:
            if _is_current(connection, scripts, where=where):
                return
        with engine.begin() as connection:
            _take_lock(connection)
            if not _is_current(connection, scripts, where=where):
                _migrate(connection)


def head_revision() -> str:
    """Return the revision that this program's tables have."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _is_current(connection: Connection, scripts: ScriptDirectory, *, where: str) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    revision, head = context.get_current_revision(), scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise StorageError(
            f"the database {where} has schema {revision}, newer than this program's {head}; use the newer program"
        )
    return revision == head


def _take_lock(connection: Connection) -> None:
    take_write_lock(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})


def _migrate(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
