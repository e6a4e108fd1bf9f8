"""The migrations give exactly the tables of the program, and a newer database is refused."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from inspect_pipeline import store
from inspect_pipeline.errors import StorageError
from inspect_pipeline.store.catalog import open_catalog
from inspect_pipeline.store.engine import open_engine
from inspect_pipeline.store.schema import VERSION_TABLE, head_revision, upgrade
from inspect_pipeline.store.tables import Base


def test_the_migrations_give_exactly_the_metadata(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_every_query_by_coil_has_an_index(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    found = sa.inspect(engine)
    assert {"coil", "first_line"} in [set(index["column_names"]) for index in found.get_indexes("frames")]
    assert {"coil", "detector"} in [set(index["column_names"]) for index in found.get_indexes("frame_results")]
    unique = [constraint["column_names"] for constraint in found.get_unique_constraints("frame_results")]
    assert unique == [["frame", "detector"]]
    engine.dispose()


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == [  # noqa: S608
            head_revision()
        ]
    engine.dispose()


def test_a_database_of_a_newer_program_is_refused_by_name(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = 'r9999'"))  # noqa: S608
    engine.dispose()
    with pytest.raises(StorageError, match=r"schema r9999, newer than this program's r\d{4}; use the newer program"):
        open_catalog(database_url)


def test_a_migration_that_fails_leaves_no_half_of_it(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE labels (id integer)"))
    with pytest.raises(StorageError, match="labels"):
        upgrade(engine)
    assert sa.inspect(engine).get_table_names() == ["labels"]
    engine.dispose()


def test_a_database_from_before_keeps_its_coils_frames_and_their_length(database_url: str) -> None:
    engine = open_engine(database_url)
    _at_revision(engine, "r0001")
    with engine.begin() as connection:
        connection.execute(sa.text(_OLD_COIL))
        connection.execute(sa.text(_OLD_FRAME))
        connection.execute(sa.text("INSERT INTO gaps VALUES ('old', 0, 100, 400, 'the coil ended before these lines')"))
    engine.dispose()
    catalog = open_catalog(database_url)
    with catalog.transaction() as unit:
        coil = unit.coil("old")
        [frame] = unit.frames("old")
    catalog.close()
    assert coil is not None
    assert (coil.expected_lines, coil.cameras, coil.reversed) == (500, (), False)
    assert (frame.source, frame.torn_lines, frame.fingerprint, frame.measures) == ("a.png", 0, None, None)


_OLD_COIL = (
    "INSERT INTO coils (id, line, recipe, family, created_at) VALUES "
    "('old', 'line-1', 'default', 'steel', '2024-05-17 12:00:00')"
)
_OLD_FRAME = (
    "INSERT INTO frames (id, coil, camera, sequence, source, first_line, line_count, width_px, captured_at, "
    "mm_per_px_across, mm_per_px_along, image, reason) VALUES "
    "('f', 'old', 'camera-0', 0, 'a.png', 0, 100, 64, '2024-05-17 12:00:00', 1.0, 1.0, 'x.png', NULL)"
)


def _at_revision(engine: sa.Engine, revision: str) -> None:
    """Migrate an empty database to an older revision, as an older program left it."""
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
