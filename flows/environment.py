"""Where a run takes place, and the environment that Prefect must find before it is imported."""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from inspect_pipeline.errors import StorageError

WORKSPACE_VARIABLE = "INSPECT_WORKSPACE"
CONFIGS_VARIABLE = "INSPECT_CONFIGS"
API_VARIABLE = "PREFECT_API_URL"
_DEFAULT_WORKSPACE = "workspace"
_DEFAULT_CONFIGS = "configs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The workspace of a run and the folder of its settings (None: defaults); both absolute."""

    workspace: Path
    config_dir: Path | None

    @property
    def prefect_home(self) -> Path:
        """Where Prefect keeps its database and logs."""
        return self.workspace / "prefect"

    @property
    def locks(self) -> Path:
        """Where runs on one subject take their turns."""
        return self.workspace / "locks"


def place_of(environment: Mapping[str, str], *, workspace: str | None = None, config_dir: str | None = None) -> Place:
    """Return the place: what is given, else INSPECT_WORKSPACE and INSPECT_CONFIGS, else ./workspace and ./configs."""
    folder = workspace or environment.get(WORKSPACE_VARIABLE) or _DEFAULT_WORKSPACE
    configs = config_dir or environment.get(CONFIGS_VARIABLE)
    if configs is None and Path(_DEFAULT_CONFIGS).is_dir():
        configs = _DEFAULT_CONFIGS
    return Place(
        workspace=Path(folder).expanduser().absolute(),
        config_dir=None if configs is None else Path(configs).expanduser().absolute(),
    )


def current_place() -> Place:
    """Return the place of this process; flow runs started by a schedule or a worker find it in their environment."""
    return place_of(os.environ)


def prepare(place: Place, environment: MutableMapping[str, str]) -> None:
    """Set what Prefect and child processes read; what is set already stays. Call it before Prefect is imported.

    Raises StorageError when the workspace cannot be written.
    """
    try:
        place.prefect_home.mkdir(parents=True, exist_ok=True)
        place.locks.mkdir(exist_ok=True)
        probe = place.locks / f"writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"workspace {place.workspace} cannot be written ({error.strerror}); choose another one with --workspace"
        ) from error
    environment[WORKSPACE_VARIABLE] = str(place.workspace)
    if place.config_dir is not None:
        environment[CONFIGS_VARIABLE] = str(place.config_dir)
    for variable, value in _defaults(place).items():
        environment.setdefault(variable, value)


def _defaults(place: Place) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(place.prefect_home),
        "DO_NOT_TRACK": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads and a server on the same cores slow each other to a tenth
    }
