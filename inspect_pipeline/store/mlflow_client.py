"""The MLflow client: offline, quiet, its errors turned into ours. MLflow is imported late, it takes seconds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from inspect_pipeline.errors import BadDataError, DiskFullError, InspectError, NotFoundError, StorageError
from inspect_pipeline.store.engine import open_engine, take_write_lock
from inspect_pipeline.store.failures import database_errors, database_failure, disk_failure, shown, without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by MLflow when it is imported; what the user has set stays.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "GIT_PYTHON_REFRESH": "quiet",
}
_SERVER_SCHEMES = ("http://", "https://")


class MlflowConnection:
    """A client of one MLflow store: a SQL database with a local artifact folder, or a tracking server with its own."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        """Connect, making MLflow's tables where there are none.

        With an ``http(s)`` tracking server the artifacts lie where the server says and ``artifact_root`` is not
        used. Raises StorageError within seconds when a database cannot be reached or written.
        """
        self.where = shown(tracking_uri)
        self.artifact_root = None if tracking_uri.startswith(_SERVER_SCHEMES) else artifact_root.absolute()
        if self.artifact_root is not None:
            _check_writable(tracking_uri)
        self.client = self._connected(tracking_uri)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise our errors in place of MLflow's, SQLAlchemy's and the file system's, in one line."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            raise self._failure(error.error_code, error.message) from error
        except SQLAlchemyError as error:
            raise database_failure(error, where=self.where) from error
        except OSError as error:
            raise disk_failure(error, path=self.artifact_root or Path(self.where)) from error

    def experiment(self, name: str) -> str:
        """Return the id of the experiment, made where there is none yet."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = None if self.artifact_root is None else self.artifact_root.as_uri()
            try:
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException as error:
                found = self.client.get_experiment_by_name(name)  # another process was first
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                    raise
        return str(found.experiment_id)

    def _connected(self, tracking_uri: str) -> "MlflowClient":
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        with self.errors():
            return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)

    def _failure(self, code: str, message: str) -> InspectError:
        text = without_secrets(str(message))
        if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            return NotFoundError(f"MLflow at {self.where}: {text}")
        if code == "INVALID_PARAMETER_VALUE":
            return BadDataError(f"MLflow at {self.where} takes no such value: {text}")
        if "database or disk is full" in text:
            return DiskFullError(f"no space left for the database {self.where}; free some and run again")
        return StorageError(f"MLflow at {self.where} failed: {text}")


def _check_writable(tracking_uri: str) -> None:
    """Fail now and clearly where MLflow would try ten times for minutes; also sets SQLite's write-ahead log."""
    engine = open_engine(tracking_uri)
    try:
        with database_errors(shown(tracking_uri)), engine.connect() as connection:
            take_write_lock(connection)
    finally:
        engine.dispose()
