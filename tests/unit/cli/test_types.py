"""``types``: the types of a line, and the steps in their life cycle that people decide."""

import pytest

from inspect_pipeline.errors import RefusedError
from tests.unit.cli.conftest import Program


def test_the_types_are_listed_with_stage_labels_and_last_step(program: Program) -> None:
    ran = program("types", "list", "--line", "poly", "--json")
    assert ran.code == 0
    (one,) = ran.document["types"]
    assert (one["name"], one["life_cycle"], one["supports"], one["held_out"]) == ("crack", "approved", 5, 2)
    assert (one["in_champion"], one["last"]["operator"], one["last"]["before"]) == (True, "night shift", "provisional")
    assert program.house.types.calls == [("listing", {"line": "poly", "recipe": "default"})]
    assert "night shift: 20 coils" in program("types", "list").out


@pytest.mark.parametrize(("step", "stage"), [("approve", "approved"), ("retire", "retired"), ("restore", "candidate")])
def test_a_step_is_taken_with_who_and_why(program: Program, step: str, stage: str) -> None:
    words = ("types", step, "crack", "--line", "poly", "--reason", "seen often", "--operator", "day shift")
    ran = program(*words, "--json")
    assert (ran.code, ran.document["after"], ran.document["reason"]) == (0, stage, "seen often")
    expected = {"line": "poly", "type": "crack", "operator": "day shift", "reason": "seen often"}
    assert program.house.types.calls == [(step, expected)]
    assert f"crack on line poly: {stage}" in program(*words).out


@pytest.mark.parametrize("step", ["approve", "retire", "restore"])
def test_a_step_without_a_reason_is_not_taken(program: Program, step: str) -> None:
    ran = program("types", step, "crack")
    assert ran.code == 2
    assert "--reason" in ran.err
    assert program.house.types.calls == []


def test_what_is_refused_ends_with_3_and_says_why(program: Program) -> None:
    program.house.types.failure = RefusedError("type 'crack' cannot be approved: no detector in force")
    ran = program("types", "approve", "crack", "--reason", "x", "--json")
    assert ran.code == 3
    assert ran.err.startswith("refused: type 'crack' cannot be approved")
    assert ran.out == ""
