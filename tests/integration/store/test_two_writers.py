"""Two processes on one database: nothing twice, nothing lost, nobody refused."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from inspect_pipeline.store.catalog import open_catalog
from inspect_pipeline.store.schema import VERSION_TABLE
from tests.integration.store.processes import at_once, meet
from tests.integration.store.records import DETECTOR, a_coil, a_frame, a_label, a_result

_FRAMES = 1500
_DETECTORS = [f"detector@{number}" for number in range(3)]


def _open(url: str, _number: int) -> str:
    open_catalog(url).close()
    return "opened"


def _write_the_same(url: str, folder: str, number: int) -> int:
    """Write what the other process writes at the same time, in the other order."""
    order = list(range(_FRAMES))[:: -1 if number % 2 else 1]
    catalog = open_catalog(url)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
    meet(Path(folder), number, count=2)
    with catalog.transaction() as unit:
        unit.add_frames([a_frame(each) for each in order])
    new = 0
    for detector in _DETECTORS:
        results = [a_result(f"coil-1/{each}", detector=detector, findings=1) for each in order]
        with catalog.transaction() as unit:
            new += unit.add_results("coil-1", results)
    catalog.close()
    return new


def _append(url: str, number: int) -> int:
    catalog = open_catalog(url)
    for each in range(25):
        with catalog.transaction() as unit:
            unit.labels()  # a reader first, a writer then: SQLite must wait here, not give up
            unit.add_labels([a_label(f"{number}-{each}")])
    catalog.close()
    return number


def _rows(url: str, table: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        count = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    engine.dispose()
    return int(count)


def test_processes_that_open_an_empty_database_at_once_all_succeed(database_url: str) -> None:
    assert at_once(4, _open, database_url) == ["opened"] * 4
    assert _rows(database_url, VERSION_TABLE) == 1


def test_processes_that_add_the_same_verdicts_leave_one_row_each(database_url: str, tmp_path: Path) -> None:
    new = at_once(2, _write_the_same, database_url, str(tmp_path))
    assert sum(new) == _FRAMES * len(_DETECTORS)
    assert _rows(database_url, "frame_results") == _FRAMES * len(_DETECTORS)
    assert _rows(database_url, "findings") == _FRAMES * len(_DETECTORS)
    assert _rows(database_url, "frames") == _FRAMES


def test_writers_that_read_first_wait_for_each_other(database_url: str) -> None:
    catalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
        unit.add_frames([a_frame(0)])
    catalog.close()
    assert at_once(2, _append, database_url) == [0, 1]
    assert _rows(database_url, "labels") == 50


def _die_in_the_middle(url: str) -> None:
    with open_catalog(url).transaction() as unit:
        unit.add_frames([a_frame(0), a_frame(1)])
        unit.add_results("coil-1", [a_result("coil-1/0", findings=2)])
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_in_a_transaction_leaves_nothing_and_the_next_one_goes_on(database_url: str) -> None:
    catalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        unit.add_coil(a_coil())
    process = multiprocessing.get_context("spawn").Process(target=_die_in_the_middle, args=(database_url,))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    with catalog.transaction() as unit:
        assert unit.frames("coil-1") == []
        assert unit.add_frames([a_frame(0)]) == 1
        assert unit.add_results("coil-1", [a_result("coil-1/0")]) == 1
        assert unit.results("coil-1", detector=DETECTOR) == [a_result("coil-1/0")]
    catalog.close()


def test_a_reader_on_sqlite_does_not_hold_up_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    reader, writer = open_catalog(url), open_catalog(url)
    with reader.transaction() as reading:
        assert reading.coils() == []
        with writer.transaction() as writing:
            writing.add_coil(a_coil())
        assert reading.coils() == [], "a block that only reads sees one state of the catalog"
    with reader.transaction() as reading:
        assert reading.coils() == [a_coil()]
    reader.close()
    writer.close()


@pytest.mark.required_in_ci
def test_the_catalog_shares_a_postgresql_database_with_another_alembic_user(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('mlflow')"))
    engine.dispose()
    open_catalog(postgres_url).close()
    assert _rows(postgres_url, "coils") == 0
