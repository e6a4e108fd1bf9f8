"""Is this machine fit for the work: versions, device, weights, stores, disk, and that no network is needed."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspect_pipeline.bootstrap.stores import HUB, Stores
from inspect_pipeline.errors import InspectError, StorageError
from inspect_pipeline.settings import Settings

_PACKAGES = ("torch", "timm", "opencv-python", "prefect", "mlflow", "sqlalchemy")
_LEAST_FREE_BYTES = 2 * 1024**3
_COILS_LOOKED_AT, _IMAGES_A_COIL = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at, whether it is fit, and what was seen or what to do."""

    name: str
    ok: bool
    detail: str


def examine(stores: Stores) -> list[Check]:
    """Return every check; one that fails is a row, never an exception."""
    looks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("opencv", _opencv),
        ("device", _device),
        ("workspace", lambda: _workspace(stores.settings.workspace)),
        ("free disk", lambda: _free_disk(stores.settings.workspace)),
        ("weights", lambda: _weights(stores)),
        ("catalog", lambda: _catalog(stores)),
        ("models", lambda: _models(stores)),
        ("demo images", _demo_images),
    ]
    return [*(_checked(name, look) for name, look in looks), network(stores.settings)]


def stores_health(stores: Stores, *, least_free_gib: float) -> list[Check]:
    """Return whether what the line stands on works: workspace, disk, weights, catalog, registry, stored images."""
    folder, least_bytes = stores.settings.workspace, int(least_free_gib * 1024**3)
    return [
        _checked("workspace", lambda: _workspace(folder)),
        _checked("free disk", lambda: _free_disk(folder, least_bytes)),
        _checked("weights", lambda: _weights(stores)),
        _checked("catalog", lambda: _catalog(stores)),
        _checked("models", lambda: _models(stores)),
        _checked("images", lambda: _images(stores)),
    ]


def network(settings: Settings) -> Check:
    """Return whether these settings work without network, or with no more than the servers they name."""
    return _checked("network", lambda: _network(settings))


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=look())
    except (InspectError, OSError, ImportError) as error:
        return Check(name=name, ok=False, detail=str(error))


def _python() -> str:
    if not (3, 11) <= sys.version_info < (3, 13):
        raise StorageError(f"Python {platform.python_version()}; 3.11 or 3.12 is needed")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _packages() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError as error:
            if name != "opencv-python":  # a machine without a screen has the headless build in its place
                raise StorageError(
                    f"package {name} is missing; run 'make demo' or install from requirements.lock"
                ) from error
    return ", ".join(found)


def _opencv() -> str:
    import cv2

    return f"cv2 {cv2.__version__}"


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"CUDA: {torch.cuda.get_device_name(0)} (torch {torch.__version__})"
    return f"CPU, {torch.get_num_threads()} threads (torch {torch.__version__}; no usable CUDA device)"


def _workspace(folder: Path) -> str:
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
    finally:
        probe.unlink(missing_ok=True)
    return f"{folder.resolve()} can be written"


def _free_disk(folder: Path, least_bytes: int = _LEAST_FREE_BYTES) -> str:
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise StorageError(
            f"{free / 1024**3:.1f} GiB free at {folder}; at least {least_bytes / 1024**3:g} GiB are needed"
        )
    return f"{free / 1024**3:.1f} GiB free"


def _weights(stores: Stores) -> str:
    size = len(stores.backbone_weights())
    return f"{stores.settings.backbone.name}: {size / 1024**2:.1f} MiB, hash verified"


def _catalog(stores: Stores) -> str:
    return f"{len(stores.coils())} coils"


def _models(stores: Stores) -> str:
    return f"{len(stores.registry.models())} registered models"


def _images(stores: Stores) -> str:
    """Return that the newest images are there as they were put. Raises NotFoundError or AlteredError."""
    with stores.catalog.transaction() as unit:
        newest = unit.overview.coil_page(line=None, excluding="", offset=0, limit=_COILS_LOOKED_AT)
        addresses = [one for coil in newest for one in unit.overview.images(coil.id, limit=_IMAGES_A_COIL)]
    for address in addresses:
        stores.images.get(address)
    return f"the {len(addresses)} newest images are as they were stored"


def _demo_images() -> str:
    try:
        return f"elpv-dataset {importlib.metadata.version('elpv-dataset')}"
    except importlib.metadata.PackageNotFoundError as error:
        raise StorageError("elpv-dataset is not installed (only 'demo' needs it): install the extra [demo]") from error


def _network(settings: Settings) -> str:
    """Return that no network is needed, or what is configured to be reached. Raises StorageError for the hub."""
    if settings.backbone.weights.startswith(HUB):
        raise StorageError(f"backbone weights come from {settings.backbone.weights}: fetch them once and name the file")
    remote = {"catalog": settings.catalog_url, "mlflow": settings.mlflow_uri}
    reached = [name for name, url in remote.items() if not url.startswith("sqlite")]
    reached += ["prefect"] if os.environ.get("PREFECT_API_URL") else []
    if reached:
        return f"configured servers only: {', '.join(reached)}; nothing else is reached"
    return "none needed: weights, stores and servers are all on this machine"
