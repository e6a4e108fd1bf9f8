"""``models reteach``, what ``models promote`` says of the lines that follow, and ``calibrate``."""

from dataclasses import replace
from pathlib import Path

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.reteaching import Retaught
from tests.unit.cli.conftest import Program

TAUGHT = Retaught(line="poly", recipe="default", model="detector.poly.default", in_force="1", challenger="2", new=True)
FAILED = replace(TAUGHT, line="mono", challenger=None, new=False, failed="its image is gone")


def test_a_promoted_initialization_has_its_lines_taught_again_and_what_fails_there_does_not_fail_it(
    program: Program,
) -> None:
    program.house.retaught = (TAUGHT, FAILED)
    ran = program("models", "promote", "initialization.default", "--version", "5", "--json", "--operator", "anna")
    assert ran.code == 0
    assert [row["failed"] for row in ran.document["reteach"]["lines"]] == [None, "its image is gone"]
    assert ("reteach", {"model": "initialization.default", "operator": "anna"}) in program.house.calls
    program.house.failure = BadDataError("the lines are being taught again already")
    ran = program("models", "promote", "initialization.default", "--version", "5")
    assert ran.code == 0
    assert "'models reteach initialization.default' tries again" in " ".join(ran.out.split())


def test_a_detector_has_nothing_that_follows_and_who_wants_can_leave_it_for_later(program: Program) -> None:
    assert "reteach" not in program("models", "promote", "detector.a.b", "--version", "5", "--json").document
    ran = program("models", "promote", "initialization.default", "--version", "5", "--no-reteach", "--json")
    assert "reteach" not in ran.document
    assert program.house.calls == []


def test_reteach_ends_with_3_while_a_line_cannot_be_taught_and_with_4_where_none_follows(program: Program) -> None:
    program.house.retaught = (TAUGHT, FAILED)
    ran = program("models", "reteach", "initialization.default", "--json")
    assert ran.code == 3
    assert ran.document["lines"][0]["challenger"] == "2"
    assert "1 of 2 lines that follow initialization.default could not be taught again; first mono default" in ran.err
    program.house.retaught = (TAUGHT,)
    assert program("models", "reteach", "initialization.default").code == 0
    program.house.retaught = ()
    assert program("models", "reteach", "initialization.default").code == 4
    assert program("models", "reteach", "initialization.default@2").code == 2


def test_calibrate_takes_good_images_alone(program: Program) -> None:
    ran = program("calibrate", "--normals", "good", "--line", "strip", "--operator", "anna", "--json")
    assert ran.code == 0
    assert ran.document["version"] == "4"
    called = {"normals": Path("good"), "line": "strip", "recipe": "default", "operator": "anna"}
    assert program.house.calls == [("calibrate", called)]
    program.house.taught = replace(program.house.taught, new=False, leave_one_out={})
    ran = program("calibrate", "--normals", "good")
    assert ran.code == 4
    assert "everything else is UNKNOWN" in ran.out
    assert program("calibrate").code == 2
