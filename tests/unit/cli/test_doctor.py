"""``doctor``: checks, and an end that a script can act on."""

from inspect_pipeline.bootstrap.doctor import Check
from inspect_pipeline.errors import StorageError
from tests.unit.cli.conftest import Program


def test_all_well_ends_with_0(program: Program) -> None:
    ran = program("doctor", "--json")

    assert ran.code == 0
    assert ran.document == {"checks": [{"name": "python", "ok": True, "detail": "3.11.9"}]}


def test_a_failed_check_ends_with_1_and_is_named(program: Program) -> None:
    program.house.checks += (Check(name="free disk", ok=False, detail="12 MiB are free"),)

    ran = program("doctor")

    assert ran.code == 1
    assert "12 MiB are free" in ran.out
    assert ran.err == "error: 1 of 2 checks failed: free disk\n"


def test_a_workspace_that_cannot_be_opened_is_a_failed_check(program: Program) -> None:
    program.house.failure = StorageError("workspace cannot be made (Read-only file system)")

    ran = program("doctor", "--json")

    assert ran.code == 1
    check = {"name": "settings and workspace", "ok": False, "detail": str(program.house.failure)}
    assert ran.document == {"checks": [check]}
