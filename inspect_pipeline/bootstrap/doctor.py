"""Is this machine fit for the work: versions, device, weights, stores, disk, and that no network is needed."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_pipeline.errors import InspectError, StorageError

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House

_PACKAGES = ("torch", "timm", "opencv-python", "prefect", "mlflow", "sqlalchemy")
_LEAST_FREE_BYTES = 2 * 1024**3
_SERVER_VARIABLES = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at, whether it is fit, and what was seen or what to do."""

    name: str
    ok: bool
    detail: str


def examine(house: "House") -> list[Check]:
    """Return every check; one that fails is a row, never an exception."""
    looks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("opencv", _opencv),
        ("device", _device),
        ("workspace", lambda: _workspace(house.settings.workspace)),
        ("free disk", lambda: _free_disk(house.settings.workspace)),
        ("weights", lambda: _weights(house)),
        ("catalog", lambda: _catalog(house)),
        ("models", lambda: _models(house)),
        ("demo images", _demo_images),
        ("network", _network),
    ]
    return [_checked(name, look) for name, look in looks]


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


def _free_disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise StorageError(
            f"{free / 1024**3:.1f} GiB free at {folder}; at least {_LEAST_FREE_BYTES // 1024**3} GiB are needed"
        )
    return f"{free / 1024**3:.1f} GiB free"


def _weights(house: "House") -> str:
    size = len(house.backbone_weights())
    return f"{house.settings.backbone.name}: {size / 1024**2:.1f} MiB, hash verified"


def _catalog(house: "House") -> str:
    return f"{len(house.coils())} coils"


def _models(house: "House") -> str:
    return f"{len(house.registry.models())} registered models"


def _demo_images() -> str:
    try:
        return f"elpv-dataset {importlib.metadata.version('elpv-dataset')}"
    except importlib.metadata.PackageNotFoundError as error:
        raise StorageError("elpv-dataset is not installed (only 'demo' needs it): install the extra [demo]") from error


def _network() -> str:
    configured = [name for name in _SERVER_VARIABLES if os.environ.get(name)]
    if configured:
        return f"servers configured by {', '.join(configured)}; nothing else is reached"
    return "none needed: weights, stores and servers are all on this machine"
