"""The stores under test: the fake, SQLite and PostgreSQL behind one fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_pipeline.services.ports import Catalog
from inspect_pipeline.store.catalog import open_catalog
from tests.fakes.catalog import InMemoryCatalog
from tests.integration.store.mlflow_databases import (  # noqa: F401 - fixtures
    mlflow_postgres_template,
    mlflow_postgres_uri,
    mlflow_sqlite_uri,
    mlflow_template,
)
from tests.integration.store.s3_server import s3_bucket, s3_environment, s3_server  # noqa: F401 - fixtures

POSTGRES = pytest.param("postgresql", marks=pytest.mark.required_in_ci)


@pytest.fixture(params=["sqlite", POSTGRES])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'catalog.db'}"


@pytest.fixture(params=["fake", "sqlite", POSTGRES])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog: the fake, then the real one on each database."""
    if request.param == "fake":
        yield InMemoryCatalog()
        return
    on_disk = f"sqlite:///{tmp_path / 'catalog.db'}"
    url = on_disk if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    real = open_catalog(url)
    yield real
    real.close()
