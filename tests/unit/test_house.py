"""The habits of the house hold in every file, and each check is shown to be able to fail."""

import configparser
import re
import subprocess
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from tests.unit import house_rules as rules

REPOSITORY = Path(__file__).resolve().parents[2]

# The edges, one a program, where every error becomes a line and an exit code, a traceback with --debug.
BROAD_EXCEPT_ALLOWED = {
    "inspect_pipeline/cli/main.py": "the edge of inspect-pipeline: our own faults end as exit code 1",
    "flows/__main__.py": "the edge of python -m flows: the same",
}


def tracked_files() -> list[str]:
    """Return the files of the repository, those about to be added included."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git checkout, so nobody knows which files belong to it")
    return [name for name in done.stdout.decode().split("\0") if name and (REPOSITORY / name).is_file()]


def package_files() -> list[str]:
    return [
        name for name in tracked_files() if name.endswith(".py") and name.startswith(("inspect_pipeline/", "flows/"))
    ]


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def broken(check: rules.Check, names: list[str]) -> list[str]:
    return [f"{name}:{found}" for name in names for found in check(read(name))]


BODY = "".join(f"    x = {i}\n" for i in range(50))
CASES: list[tuple[rules.Check, str, str]] = [
    (rules.long_file, "x = 1\n" * 400, "x = 1\n" * 401),
    (rules.long_functions, f"def f():\n{BODY[:-11]}", f"def f():\n{BODY}"),
    (rules.long_functions, "", f"class A:\n    async def f(self):\n{BODY.replace('    ', '        ')}"),
    (rules.missing_docstrings, '"""It is."""\ndef _f(): ...\n', "def _f(): ...\n"),
    (rules.missing_docstrings, '"""It is."""\ndef f():\n    """Return."""\n', '"""It is."""\ndef f(): ...\n'),
    (rules.missing_docstrings, '"""It is."""\n', '"""It is."""\nclass A:\n    """An A."""\n    def f(self): ...\n'),
    (rules.options_passed_on, "def f(**o):\n    return sorted(o)\n", "def f(**o):\n    return g(1, **o)\n"),
    (rules.broad_excepts, "try:\n    f()\nexcept ValueError: ...\n", "try:\n    f()\nexcept Exception as e: ...\n"),
    (rules.broad_excepts, "", "try:\n    f()\nexcept: ...\n"),
    (rules.broad_excepts, "", "try:\n    f()\nexcept (ValueError, BaseException): ...\n"),
    (
        rules.broad_excepts,
        "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n",
        "try:\n    f()\nexcept: raise X\n",
    ),
    (rules.pickle_imports, "from pickle import UnpicklingError\n", "def f():\n    import pickle\n"),
    (rules.pickle_imports, "from a import pickle_of_nothing\n", "from cloudpickle import dumps\n"),
    (rules.unsafe_loads, "torch.load(b, weights_only=True)\n", "torch.load(b)\n"),
    (rules.unsafe_loads, "", "torch.load(b, weights_only=False)\n"),
    (rules.unsafe_loads, "", "from torch import load\n"),
    (rules.prefect_imports, "from prefecture import x\n", "def f():\n    from prefect import flow\n"),
    (rules.prefect_imports, "", "import importlib\nimportlib.import_module('flows.score')\n"),
    (rules.crowded_init, '"""A room."""\n__version__ = "1"\n', '"""A room."""\nfrom a.b import c\n'),
    (rules.crowded_init, "", "import os\n"),
    (rules.mocks, "from tests.fakes.images import InMemoryImages\n", "from unittest.mock import Mock\n"),
    (rules.machine_paths, "https://a.b/home/x, docs/work/, ~/work/x\n", "open('" + "/ho" + "me/somebody/x')\n"),
    (rules.index_hosts, "https://example.org\n", "https://download.pytorch" + ".org/whl\n"),
    (rules.index_hosts, "index\n", "pip install --extra-index" + "-url x\n"),
    (rules.loose_pins, "# made by make lock\nTorch==2.14.1\na.b_c-d==1!2.0.post1\n", "torch>=2\n"),
    *[
        (rules.loose_pins, "", line)
        for line in (
            "torch",
            "torch==2.1+cpu",
            "a @ https://x/y.whl",
            "-e .",
            "./a.whl",
            "a==1 --hash=x",
            "a==1.*",
            " ",
        )
    ],
]


@pytest.mark.parametrize(("check", "good", "bad"), CASES)
def test_a_check_passes_what_is_good_and_finds_what_is_bad(check: rules.Check, good: str, bad: str) -> None:
    assert check(good) == []
    assert len(check(bad)) == 1


def test_the_checks_read_the_whole_package() -> None:
    assert {"inspect_pipeline/errors.py", "inspect_pipeline/domain/material.py"} <= set(package_files())


@pytest.mark.parametrize("check", [rules.long_file, rules.long_functions])
def test_files_and_functions_stay_under_their_ceilings(check: rules.Check) -> None:
    assert broken(check, package_files()) == []


def test_every_room_has_a_name_of_its_own() -> None:
    assert [name for name in tracked_files() if PurePosixPath(name).name in rules.ROOMS_WITHOUT_A_NAME] == []


def test_an_init_only_says_what_its_room_holds() -> None:
    assert broken(rules.crowded_init, [name for name in package_files() if name.endswith("/__init__.py")]) == []


@pytest.mark.parametrize(
    "check",
    [rules.missing_docstrings, rules.options_passed_on, rules.pickle_imports, rules.unsafe_loads],
    ids=lambda check: check.__name__,
)
def test_the_package_keeps_the_habit(check: rules.Check) -> None:
    assert broken(check, package_files()) == []


def test_only_the_edge_of_the_program_catches_everything() -> None:
    assert broken(rules.broad_excepts, [name for name in package_files() if name not in BROAD_EXCEPT_ALLOWED]) == []


def test_the_package_never_imports_prefect_or_the_flows() -> None:
    files = [name for name in package_files() if name.startswith("inspect_pipeline/")]
    assert broken(rules.prefect_imports, files) == []


def test_tests_use_small_fakes_and_no_mocks() -> None:
    assert broken(rules.mocks, [name for name in tracked_files() if name.endswith(".py")]) == []


@pytest.mark.parametrize("check", [rules.machine_paths, rules.index_hosts], ids=lambda check: check.__name__)
def test_no_file_names_a_machine_or_a_package_index(check: rules.Check) -> None:
    found = []
    for name in tracked_files():
        text = (REPOSITORY / name).read_bytes().decode("utf-8", errors="replace")
        found += [f"{name}:{line}" for line in check(text)]
    assert found == []


def test_the_lock_pins_every_version_once_and_names_no_place() -> None:
    text = read("requirements.lock")
    assert rules.loose_pins(text) == []
    names = [_normal(line.split("==")[0]) for line in text.splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names)) > 0


def test_the_lock_holds_every_package_that_the_project_asks_for() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {_normal(re.split(r"[\[<>=!~; ]", each)[0]) for each in asked}
    locked = {_normal(line.split("==")[0]) for line in read("requirements.lock").splitlines()}
    assert names - locked == set()


def test_the_layers_are_written_down_for_the_machine() -> None:
    contracts = configparser.ConfigParser()
    contracts.read_string(read(".importlinter"))
    layers = contracts["importlinter:contract:layers"]
    assert (layers["type"], layers["exhaustive"]) == ("layers", "true")
    rooms = re.findall(r"\w+", layers["layers"])
    assert [room for room in ("domain", "errors") if room not in rooms] == []
    assert "prefect" in contracts["importlinter:contract:no-prefect"]["forbidden_modules"].split()
    assert {"torch", "cv2", "sqlalchemy"} <= set(
        contracts["importlinter:contract:domain-pure"]["forbidden_modules"].split()
    )


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = read("LICENSE")
    parts = ["Apache License", "Version 2.0, January 2004", "TERMS AND CONDITIONS", "END OF TERMS AND CONDITIONS"]
    assert [part for part in parts if part not in text] == []
    assert len(text.splitlines()) > 170


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower().strip()
