"""``flows deploy``: what ``deploy/prefect.yaml`` says, written to the configured Prefect server."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from flows import server
from flows.environment import API_VARIABLE, Place
from inspect_pipeline.errors import ConfigError, StorageError

POOL_TYPE = "process"


def deploy(place: Place, file: str, *, console: Console) -> int:
    """Make the work pools that are missing and deploy all flows of ``file``. Returns 0.

    Raises ConfigError without a configured server or with a file that cannot serve, StorageError when Prefect refuses.
    """
    content = deployments_of(Path(file))
    url = server.configured(os.environ) or server.served(place)
    if url is None:
        raise ConfigError(f"no Prefect server to deploy to; set {API_VARIABLE}, or start 'flows serve' here first")
    os.environ[API_VARIABLE] = url
    for pool in sorted({entry["work_pool"]["name"] for entry in content}):
        if _make_pool(pool):
            console.print(f"made work pool {pool} ({POOL_TYPE})", markup=False, highlight=False)
    words = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise StorageError(f"prefect deploy failed: {' '.join((done.stdout + done.stderr).split())[-600:]}")
    for entry in content:
        pool = entry["work_pool"]["name"]
        console.print(f"deployed {entry['name']} to work pool {pool}", markup=False, highlight=False)
    return 0


def deployments_of(file: Path) -> list[dict[str, Any]]:
    """Return the deployments of a prefect.yaml. Raises ConfigError for one without a name, entrypoint or pool."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read ({' '.join(str(error).split())})") from error
    found = document.get("deployments") if isinstance(document, dict) else None
    if not isinstance(found, list) or not found:
        raise ConfigError(f"{file}: has no deployments")
    for entry in found:
        if not entry.get("name") or not entry.get("entrypoint") or not entry.get("work_pool", {}).get("name"):
            raise ConfigError(f"{file}: deployment {entry.get('name')!r} needs a name, an entrypoint and a work pool")
    return found


def _make_pool(name: str) -> bool:
    """Return True when the pool was made, False when it was there."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE))
        except ObjectAlreadyExists:
            return False
    return True
