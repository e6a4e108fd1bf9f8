"""``score``: one coil, or all of them with sums; none is left out without a word."""

from dataclasses import replace

import pytest

from inspect_pipeline.errors import BadDataError, StorageError
from tests.unit.cli.conftest import Program
from tests.unit.cli.fake_house import coil


def test_the_answer_for_one_coil(program: Program) -> None:
    ran = program("score", "coil-7", "--model", "detector.default.default@challenger", "--json")

    assert ran.code == 0
    wanted = ("judged", "unusable", "not_inspected_m", "findings", "seconds", "frames_per_s")
    assert [ran.document[key] for key in wanted] == [11, 1, 0.25, 3, 2.0, 6.0]
    expected = {"coil": "coil-7", "model": "detector.default.default@challenger"}
    assert program.house.calls == [("score", expected)]


def test_all_coils_are_summed_and_listed(program: Program) -> None:
    program.house.every_coil = (coil("a"), coil("b"))

    ran = program("score", "--all", "--json")

    assert ran.code == 0
    wanted = ("judged", "unusable", "not_inspected_m", "findings", "seconds", "frames_per_s")
    assert [ran.document[key] for key in wanted] == [22, 2, 0.5, 6, 4.0, 6.0]
    assert ran.document["verdicts"] == {"PASS": 18, "DEFECT": 4, "UNUSABLE": 2}
    assert [row["coil"] for row in ran.document["coils"]] == ["a", "b"]


def test_coils_of_a_line_without_a_detector_are_listed_as_not_scored(program: Program) -> None:
    program.house.every_coil = (coil("history", line="mono"), coil("b"))

    ran = program("score", "--all", "--json")

    assert ran.code == 0
    assert ran.document["judged"] == 11
    assert ran.document["coils"][0] == {
        "coil": "history",
        "not_scored": "its line and recipe have no detector in force",
    }


def test_a_coil_that_fails_does_not_stop_the_others_but_ends_with_2(program: Program) -> None:
    program.house.every_coil = (coil("a"), coil("b"))
    program.house.failures = {"a": BadDataError("its images are gone")}

    ran = program("score", "--all", "--json")

    assert ran.code == 2
    assert ran.document["judged"] == 11
    assert ran.document["coils"][0] == {"coil": "a", "error": "its images are gone"}
    assert ran.err.endswith("error: 1 of 2 coils were not scored; a: its images are gone\n")


def test_a_failing_store_ends_the_run_at_once(program: Program) -> None:
    program.house.every_coil = (coil("a"), coil("b"))
    program.house.failures = {"a": StorageError("the catalog is gone")}

    ran = program("score", "--all", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert [arguments["coil"] for _, arguments in program.house.calls] == ["a"]


def test_nothing_new_ends_with_4_and_still_answers(program: Program) -> None:
    program.house.scored = replace(program.house.scored, new=0)

    ran = program("score", "coil-7", "--json")

    assert (ran.code, ran.document["judged"], ran.document["frames_per_s"]) == (4, 11, 0.0)


def test_an_empty_catalog_ends_with_4_and_zeros(program: Program) -> None:
    ran = program("score", "--all", "--json")

    assert (ran.code, ran.document["judged"], ran.document["coils"]) == (4, 0, [])


@pytest.mark.parametrize("words", [(), ("coil-7", "--all")])
def test_either_one_coil_or_all_are_asked_for(program: Program, words: tuple[str, ...]) -> None:
    ran = program("score", *words)

    assert ran.code == 2
    assert "either COIL or --all" in ran.err


def test_a_person_sees_what_was_not_inspected(program: Program) -> None:
    program.house.every_coil = (coil("history", line="mono"), coil("b"))

    ran = program("score", "--all")

    assert "0.250 m" in ran.out
    assert "not scored" in ran.out
    assert "DEFECT 2, PASS 9, UNUSABLE 1" in ran.out
