"""The system's PyGObject is loaded alone, and says what is wrong where it is not there or for another Python."""

import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspect_pipeline.cameras.gi_binding import load_gi
from inspect_pipeline.errors import ConfigError


@pytest.fixture(autouse=True)
def _without_gi(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No ``gi`` in the environment, and none that stays: the real one is put back."""
    real = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "gi"}
    for name in real:
        del sys.modules[name]
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not (Path(entry) / "gi").is_dir()])
    yield
    sys.modules.pop("gi", None)
    sys.modules.update(real)


def package(folder: Path, *, suffix: str, code: str) -> Path:
    (folder / "gi").mkdir()
    (folder / "gi" / "__init__.py").write_text(code, encoding="utf-8")
    (folder / "gi" / f"_gi{suffix}").touch()
    (folder / "neighbour.py").touch()
    return folder


def test_the_package_of_the_system_is_loaded_and_its_neighbours_are_not(tmp_path: Path) -> None:
    folder = package(tmp_path, suffix=importlib.machinery.EXTENSION_SUFFIXES[0], code="answer = 42\n")
    assert load_gi([folder]).answer == 42
    assert str(folder) not in sys.path
    assert importlib.machinery.PathFinder.find_spec("neighbour") is None


def test_without_any_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"install python3-gi and gir1\.2-aravis-0\.8"):
        load_gi([tmp_path])


def test_one_for_another_python_is_refused(tmp_path: Path) -> None:
    folder = package(tmp_path, suffix=".cpython-34m-x86_64-linux-gnu.so", code="")
    with pytest.raises(ConfigError, match=r"not for this Python .*_gi\.cpython-34m"):
        load_gi([folder])
    assert "gi" not in sys.modules


def test_one_that_does_not_load_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = package(tmp_path, suffix=importlib.machinery.EXTENSION_SUFFIXES[0], code="import not_there_at_all\n")
    with pytest.raises(ConfigError, match="does not load"):
        load_gi([folder])
    assert "gi" not in sys.modules
