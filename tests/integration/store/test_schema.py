"""The migrations give exactly the tables of the program, and a newer database is refused."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

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
