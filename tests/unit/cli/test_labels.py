"""``labels add``: labels for the gate, in the role asked for."""

from pathlib import Path

from tests.unit.cli.conftest import Program


def test_a_folder_is_kept_for_the_gate_of_a_line_in_its_role(program: Program) -> None:
    ran = program("labels", "add", "held", "--role", "golden", "--line", "line-1", "--operator", "engineer-1", "--json")
    assert (ran.code, ran.document["line"], ran.document["role"]) == (0, "line-1", "golden")
    asked = {"folder": Path("held"), "role": "golden", "line": "line-1", "recipe": "default"}
    assert program.house.calls[-1] == ("add_labels", {**asked, "operator": "engineer-1"})
    assert "kept for the gate of default" in program("labels", "add", "held").out


def test_a_role_that_there_is_not_is_refused(program: Program) -> None:
    ran = program("labels", "add", "held", "--role", "support")
    assert ran.code == 2
    assert "give gate or golden" in ran.err
