"""MLflow's tables are made once a session and copied for each test: making them takes seconds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_pipeline.store.mlflow_client import MlflowConnection
from tests.integration.postgres import PostgresServer


def give_back(connection: MlflowConnection) -> None:
    """Close MLflow's own connections; it keeps them for the life of the process."""
    client = connection.client
    for store in (client._tracking_client.store, client._get_registry_client().store):  # type: ignore[no-untyped-call]
        store.engine.dispose()


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables and nothing in them."""
    folder = tmp_path_factory.mktemp("mlflow")
    give_back(MlflowConnection(f"sqlite:///{folder / 'template.db'}", folder))
    return folder / "template.db"


@pytest.fixture(scope="session")
def mlflow_postgres_template(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a PostgreSQL database with MLflow's tables and nothing in them."""
    name = postgres_server.fresh()
    give_back(MlflowConnection(postgres_server.url(name), tmp_path_factory.mktemp("mlflow")))
    return name


@pytest.fixture
def mlflow_sqlite_uri(mlflow_template: Path, tmp_path: Path) -> str:
    shutil.copy(mlflow_template, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def mlflow_postgres_uri(postgres_server: PostgresServer, mlflow_postgres_template: str) -> Iterator[str]:
    name = postgres_server.fresh(template=mlflow_postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)
