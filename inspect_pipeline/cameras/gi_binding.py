"""Aravis for Python: PyGObject of the environment, else that of Debian, which is loaded alone.

PyGObject does not build from PyPI everywhere. Debian's package lies in a folder with much else, which must not shadow
the environment's own packages: so the folder never comes onto ``sys.path``.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspect_pipeline.errors import ConfigError

SYSTEM_PACKAGES = (Path("/usr/lib/python3/dist-packages"),)
_INSTALL = "install python3-gi and gir1.2-aravis-0.8 (Debian, Ubuntu)"


def load_aravis(system_packages: Sequence[Path] = SYSTEM_PACKAGES) -> tuple[Any, Any]:
    """Return the modules ``Aravis`` (0.8) and ``GLib``. Raises ConfigError saying what to install."""
    gi = load_gi(system_packages)
    try:
        gi.require_version("Aravis", "0.8")
    except ValueError as error:
        raise ConfigError(f"Aravis cameras: no Aravis 0.8 here; {_INSTALL}") from error
    with warnings.catch_warnings():
        # PyGObject 3.42 has an importer of the old kind, which Python 3.11 warns of
        warnings.simplefilter("ignore", ImportWarning)
        return importlib.import_module("gi.repository.Aravis"), importlib.import_module("gi.repository.GLib")


def load_gi(system_packages: Sequence[Path] = SYSTEM_PACKAGES) -> Any:
    """Return the module ``gi``. Raises ConfigError where there is none, or none for this Python."""
    try:
        return importlib.import_module("gi")
    except ModuleNotFoundError as error:
        if error.name != "gi":
            raise
    folders = [str(folder) for folder in system_packages]
    spec = importlib.machinery.PathFinder.find_spec("gi", folders)
    if spec is None or spec.loader is None or spec.origin is None:
        raise ConfigError(f"Aravis cameras: no PyGObject in this environment nor in {', '.join(folders)}; {_INSTALL}")
    _refuse_other_python(Path(spec.origin).parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        del sys.modules["gi"]
        raise ConfigError(f"Aravis cameras: PyGObject in {spec.origin} does not load ({error}); {_INSTALL}") from error
    return module


def _refuse_other_python(folder: Path) -> None:
    """Raise ConfigError unless the package is compiled for this Python: one of another version would not load."""
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    if not any((folder / f"_gi{suffix}").is_file() for suffix in suffixes):
        found = ", ".join(sorted(path.name for path in folder.glob("_gi.*"))) or "nothing"
        raise ConfigError(
            f"Aravis cameras: PyGObject in {folder} is not for this Python (needs _gi{suffixes[0]}, there is {found}); "
            "run the Python that the system has"
        )
