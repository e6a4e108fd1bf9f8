"""The edge: help without heavy imports, one clear line an error, exit codes that mean something."""

import subprocess
import sys

import pytest

from inspect_pipeline import __version__
from inspect_pipeline.errors import (
    BadDataError,
    DiskFullError,
    InspectError,
    NothingToDoError,
    RefusedError,
    WeightsError,
)
from tests.unit.cli.conftest import Program

_HELP_OF_EVERY_COMMAND = """
import sys, typer
from inspect_pipeline.cli.main import app, main

def words(command, so_far):
    yield so_far
    for name, child in getattr(command, "commands", {}).items():
        yield from words(child, [*so_far, name])

for path in words(typer.main.get_command(app), []):
    assert main([*path, "--help"]) == 0, path
heavy = ("torch", "mlflow", "prefect", "timm", "cv2", "numpy", "sqlalchemy", "yaml", "scipy",
         "inspect_pipeline.settings", "inspect_pipeline.bootstrap")
sys.exit(", ".join(name for name in heavy if name in sys.modules) or 0)
"""


def test_help_of_every_command_imports_nothing_heavy() -> None:
    ended = subprocess.run([sys.executable, "-c", _HELP_OF_EVERY_COMMAND], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "rollback" in ended.stdout


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (InspectError("books do not balance"), 1, "error"),
        (DiskFullError("no space left"), 1, "error"),
        (BadDataError("empty folder"), 2, "error"),
        (WeightsError("altered"), 2, "error"),
        (RefusedError("would be forgotten"), 3, "refused"),
        (NothingToDoError("all there"), 4, "nothing to do"),
    ],
)
def test_each_kind_of_error_has_its_exit_code_and_one_line(
    program: Program, error: Exception, code: int, kind: str
) -> None:
    program.house.failure = error

    ran = program("report", "coil-7", "--json")

    assert (ran.code, ran.out, ran.err) == (code, "", f"{kind}: {error}\n")
    assert program.house.closed


def test_a_message_with_line_breaks_and_terminal_codes_is_printed_as_one_harmless_line(program: Program) -> None:
    program.house.failure = BadDataError("name 'a\x1b[31mb'\nis wrong\udc80")

    ran = program("report", "coil-7")

    assert ran.err == "error: name 'a\\x1b[31mb' is wrong\\udc80\n"


def test_an_error_nobody_foresaw_is_called_our_fault_without_a_traceback(program: Program) -> None:
    program.house.failure = ZeroDivisionError("division by zero")

    ran = program("report", "coil-7")

    assert ran.code == 1
    assert ran.err.startswith("error: this is our fault: ZeroDivisionError: division by zero; run again with --debug")
    assert ran.err.count("\n") == 1


def test_what_the_system_refuses_is_said_as_it_is_and_not_called_our_fault(program: Program) -> None:
    program.house.failure = OSError(28, "No space left on device")

    ran = program("report", "coil-7")

    assert ran.code == 1
    assert ran.err.startswith("error: the system refused: [Errno 28] No space left on device")


@pytest.mark.parametrize("words", [("--debug", "report", "coil-7"), ("report", "coil-7", "--debug")])
def test_debug_shows_the_traceback_wherever_it_is_written(program: Program, words: tuple[str, ...]) -> None:
    program.house.failure = BadDataError("empty folder")

    ran = program(*words)

    assert ran.code == 2
    assert "Traceback" in ran.err
    assert ran.err.endswith("error: empty folder\n")


def test_an_interrupt_ends_with_130_and_closes_the_house(program: Program) -> None:
    program.house.failure = KeyboardInterrupt()

    ran = program("report", "coil-7")

    assert (ran.code, ran.out) == (130, "")
    assert program.house.closed


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("scor",), "No such command 'scor'"),
        (("score", "--al"), "No such option: --al"),
        (("ingest",), "Missing argument 'PATH|URI'"),
        (("evaluate", "--data", "x", "--way", "1"), "--way"),
        (("train", "--seed", "many"), "--seed"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line_that_names_the_word(
    program: Program, words: tuple[str, ...], hint: str
) -> None:
    ran = program(*words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert hint in ran.err
    assert "--help'" in ran.err
    assert ran.err.count("\n") == 1


def test_no_command_shows_the_help_and_ends_with_2(program: Program) -> None:
    ran = program()

    assert ran.code == 2
    assert "evaluate" in ran.out
    assert "error" not in ran.err


def test_version_is_that_of_the_package(program: Program) -> None:
    ran = program("--version")

    assert (ran.code, ran.out) == (0, f"inspect-pipeline {__version__}\n")
