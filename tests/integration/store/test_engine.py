"""Databases that cannot be opened or written say so in one clear line, without passwords."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest
import sqlalchemy as sa

from inspect_pipeline.errors import ConfigError, DiskFullError, StorageError
from inspect_pipeline.store.catalog import SqlCatalog, open_catalog
from inspect_pipeline.store.engine import open_engine
from inspect_pipeline.store.failures import shown, without_secrets
from inspect_pipeline.store.schema import upgrade
from tests.integration.store.ordinary_user import ordinary_user, read_only, readable_folder
from tests.integration.store.records import a_coil, a_frame

_SECRET = "Gurkensalat"  # noqa: S105 - the test looks for it


@pytest.fixture
def folder() -> Iterator[Path]:
    with readable_folder() as path:
        yield path


def test_sqlite_is_set_up_for_several_processes_and_power_cuts(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'c.db'}")
    with engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    engine.dispose()
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 2}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no-such-folder is no folder"):
        open_catalog(f"sqlite:///{tmp_path / 'no-such-folder' / 'c.db'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("this is no database at all, whatever its name says" * 100)
    with pytest.raises(StorageError, match=r"c\.db failed: file is not a database"):
        open_catalog(f"sqlite:///{tmp_path / 'c.db'}")


def test_a_read_only_folder_is_an_error_that_says_what_to_do(folder: Path) -> None:
    with read_only(folder), pytest.raises(StorageError, match=r"c\.db.*(unable to open|read-only|readonly)"):
        open_catalog(f"sqlite:///{folder / 'c.db'}")


def test_a_catalog_that_became_read_only_is_an_error_that_says_what_to_do(folder: Path) -> None:
    url = f"sqlite:///{folder / 'c.db'}"
    with closing(open_catalog(url)) as catalog, catalog.transaction() as unit:
        unit.add_coil(a_coil())
    with read_only(folder), pytest.raises(StorageError, match="is read-only; make its folder writable"):
        open_catalog(url)
    with closing(open_catalog(url)) as catalog, catalog.transaction() as unit:
        assert unit.coils() == [a_coil()]


def test_a_full_disk_is_a_disk_full_error_and_nothing_half_written(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'c.db'}")

    @sa.event.listens_for(engine, "connect")
    def a_small_disk(connection: Connection, _entry: object) -> None:
        connection.execute("PRAGMA max_page_count = 160")

    upgrade(engine)
    catalog = SqlCatalog(engine)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
    with pytest.raises(DiskFullError, match=r"no space left for the database .*c\.db"), catalog.transaction() as unit:
        unit.add_frames([a_frame(number) for number in range(5000)])
    with catalog.transaction() as unit:
        assert unit.coils() == [a_coil()]
        assert unit.frames("coil-1") == []
    catalog.close()


@pytest.mark.parametrize("url", ["mysql://u:Gurkensalat@h/d", "sqlite+aiosqlite:///x.db", "postgresql://u@h/d"])
def test_another_database_or_driver_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="not supported") as caught:
        open_engine(url)
    assert _SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="needs a SQLite file"):
        open_engine(url)


def test_a_text_that_is_no_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        open_engine(f"postgresql {_SECRET}")
    assert _SECRET not in str(caught.value)


@pytest.mark.required_in_ci
def test_the_password_is_in_no_message_and_no_log(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host = postgres_url.split("host=")[1]
    url = f"postgresql+psycopg://somebody:{_SECRET}@/nowhere?host={host}&password={_SECRET}"
    with pytest.raises(StorageError, match="nowhere") as caught:
        open_catalog(url)
    assert _SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert _SECRET not in caplog.text


def test_a_server_that_does_not_answer_is_a_storage_error(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError, match="failed") as caught:
        open_catalog(f"postgresql+psycopg://u:{_SECRET}@/d?host={tmp_path}")
    assert _SECRET not in str(caught.value)


def test_passwords_are_taken_out_wherever_they_stand() -> None:
    assert shown(f"http://me:{_SECRET}@host:5000/x") == "http://me:***@host:5000/x"
    assert shown(sa.make_url(f"postgresql+psycopg://me:{_SECRET}@h/d?password={_SECRET}&sslmode=require")) == (
        "postgresql+psycopg://me:***@h/d?password=***&sslmode=require"
    )
    assert without_secrets(f"FATAL:\n  password = {_SECRET} refused") == "FATAL: password = *** refused"
    assert shown("sqlite:////a b/c.db") == "sqlite:////a b/c.db"


def test_ordinary_user_really_obeys(folder: Path) -> None:
    folder.chmod(0o555)
    with ordinary_user(), pytest.raises(PermissionError):
        (folder / "x").write_text("x")
