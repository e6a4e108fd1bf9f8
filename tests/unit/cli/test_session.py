"""Where state and configuration are looked for, and that the answer stays alone on standard output."""

from pathlib import Path

import pytest

from inspect_pipeline.cli.session import Invocation
from tests.unit.cli.conftest import Program


@pytest.mark.parametrize(
    ("words", "variable", "expected"),
    [
        (("report", "c"), "", "workspace"),
        (("report", "c"), "from-variable", "from-variable"),
        (("--workspace", "before", "report", "c"), "from-variable", "before"),
        (("--workspace", "before", "report", "c", "--workspace", "after"), "from-variable", "after"),
    ],
)
def test_the_option_wins_over_the_variable_and_that_over_the_default(
    program: Program, words: tuple[str, ...], variable: str, expected: str
) -> None:
    program.environment = {"INSPECT_WORKSPACE": variable}

    assert program(*words).code == 0
    assert program.house.settings.workspace == Path(expected)


def _gates(folder: Path, min_samples: int) -> str:
    folder.mkdir()
    (folder / "gates.yaml").write_text(f"min_samples: {min_samples}\n")
    return str(folder)


def test_configs_beside_the_user_are_read_unless_others_are_named(program: Program, tmp_path: Path) -> None:
    program("report", "c")
    assert program.house.settings.gates.min_samples == 3

    _gates(tmp_path / "configs", 4)
    program("report", "c")
    assert program.house.settings.gates.min_samples == 4

    program.environment = {"INSPECT_CONFIGS": _gates(tmp_path / "by-variable", 5)}
    program("report", "c")
    assert program.house.settings.gates.min_samples == 5

    program("report", "c", "--config-dir", _gates(tmp_path / "by-option", 6))
    assert program.house.settings.gates.min_samples == 6


def test_a_wrong_configuration_is_one_line_with_file_and_line(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "gates.yaml").write_text("# limits\nmin_sample: 4\n")

    ran = program("report", "c", "--config-dir", str(folder), "--json")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {folder}/gates.yaml:2: unknown key 'min_sample'")
    assert ran.err.count("\n") == 1


def test_what_a_library_prints_goes_to_standard_error(program: Program) -> None:
    program.house.noise = "2 migrations were run"

    ran = program("report", "coil-7", "--json")

    assert ran.document == {"path": "workspace/reports/coil-7.html", "coil": "coil-7"}
    assert "2 migrations were run" in ran.err


def test_progress_is_a_line_on_standard_error_where_that_is_no_terminal(program: Program) -> None:
    ran = program("ingest", "frames", "--json")

    assert ran.document["captured"] == 12
    assert ran.err == "ingest: 12 of 12, 7,200 lines/s\n"


def test_an_invocation_takes_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECT_WORKSPACE", "elsewhere")

    assert Invocation().environment["INSPECT_WORKSPACE"] == "elsewhere"
