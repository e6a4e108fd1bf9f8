"""``teach``: the answer with leave-one-out and its interval, and forms that are refused."""

import getpass
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program


def test_the_answer_holds_leave_one_out_confusions_forgetting_and_life_cycle(program: Program) -> None:
    ran = program("teach", "crack", "--samples", "five", "--operator", "night shift", "--json")

    assert ran.code == 0
    assert ran.document["version"] == "4"
    assert ran.document["leave_one_out"]["crack"] == {"found": 4, "of": 5, "interval": [0.2836, 0.9949]}
    assert ran.document["confusions"] == {"crack": {"crack": 3, "stain": 1}}
    assert ran.document["forgetting"] == {"stain": 0.0}
    assert ran.document["seconds"] == 3.0
    assert ran.document["life_cycle"] == "provisional"
    expected = {
        "defect_type": "crack",
        "samples": Path("five"),
        "labels": None,
        "operator": "night shift",
        "line": "default",
    }
    assert program.house.calls == [("teach", expected)]


def test_a_person_sees_counts_interval_and_warnings(program: Program) -> None:
    ran = program("teach", "crack", "--labels", "boxes.csv")

    assert "0.800 [0.284, 0.995] (4 of 5)" in ran.out
    assert "0.025 [0.001, 0.132] (1 of 40)" in ran.out
    assert "stain 1" in ran.out
    assert "crack 3" not in ran.out
    assert "two samples look alike" in ran.out


def test_the_operator_is_the_login_where_none_is_given(program: Program) -> None:
    program("teach", "crack", "--samples", "five")

    assert program.house.calls[0][1]["operator"] == getpass.getuser()


@pytest.mark.parametrize("words", [(), ("--samples", "a", "--labels", "b")])
def test_samples_come_from_one_place(program: Program, words: tuple[str, ...]) -> None:
    ran = program("teach", "crack", *words)

    assert ran.code == 2
    assert "either --samples DIR or --labels FILE" in ran.err
    assert program.house.calls == []


@pytest.mark.parametrize("name", ["good", "unknown", "a/b", " "])
def test_a_name_that_cannot_be_used_is_refused_before_any_work(program: Program, name: str) -> None:
    ran = program("teach", name, "--samples", "five")

    assert ran.code == 2
    assert program.house.calls == []


def test_the_same_samples_again_end_with_4_and_still_answer(program: Program) -> None:
    program.house.taught = replace(program.house.taught, new=False)

    ran = program("teach", "crack", "--samples", "five", "--json")

    assert (ran.code, ran.document["version"]) == (4, "4")
    assert ran.err.startswith("nothing to do: ")


def test_an_adaptation_is_asked_for_by_name_and_its_outcome_is_shown(program: Program) -> None:
    ran = program("teach", "crack", "--samples", "five", "--adaptation", "lora", "--json")
    seen = program("teach", "crack", "--samples", "five", "--adaptation", "lora")

    assert ran.document["adaptation"]["name"] == "lora"
    assert "not taken" in seen.out


def test_an_adaptation_that_is_none_is_refused_in_one_line_before_any_work(program: Program) -> None:
    ran = program("teach", "crack", "--samples", "five", "--adaptation", "magic")

    assert ran.code == 2
    assert "no adaptation 'magic'; name one of closed_form, gradient_head" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert program.house.calls == []


def test_doubts_effect_and_cost_are_answered_as_data_and_shown_to_a_person(program: Program) -> None:
    ran = program("teach", "crack", "--samples", "five", "--json")
    assert ran.document["checks"][0]["kind"] == "blurred"
    assert ran.document["effect"]["flips"] == {"PASS->DEFECT": 2}
    assert ran.document["against_champion"]["crack"]["lost_points"] == 20.0

    shown = program("teach", "crack", "--samples", "five").out
    assert "Doubt: blurred" in shown
    assert "PASS->DEFECT 2" in shown
    assert "0.040 [0.005, 0.137] (2 of 50)" in shown
    assert "one [bold].png, two.png" in shown
    assert "3 of 53 frames have no image any more" in shown
    assert "-20.0 found" in shown


def test_an_effect_that_was_not_tried_gives_its_reason(program: Program) -> None:
    skipped = {**(program.house.taught.effect or {}), "skipped": "no detector is in force to compare with"}
    program.house.taught = replace(program.house.taught, effect=skipped)
    assert "no detector is in force" in program("teach", "crack", "--samples", "five").out


def test_a_version_from_before_checks_and_effects_is_shown_all_the_same(program: Program) -> None:
    program.house.taught = replace(program.house.taught, effect=None, checks=(), against_champion=None)
    shown = program("teach", "crack", "--samples", "five").out
    assert "Warning" in shown
    assert "two samples look alike" in shown
    assert "Effect" not in shown


def test_a_type_is_withdrawn_and_the_detector_of_before_is_answered(program: Program) -> None:
    program.house.taught = replace(program.house.taught, new=False)
    ran = program("teach", "crack", "--withdraw", "--operator", "night shift", "--json")
    assert (ran.code, ran.document["version"]) == (0, "4")
    expected = {"defect_type": "crack", "operator": "night shift", "line": "default"}
    assert program.house.calls == [("withdraw", expected)]


@pytest.mark.parametrize("words", [("--samples", "a"), ("--labels", "b"), ("--normals", "c")])
def test_samples_are_either_given_or_taken_back(program: Program, words: tuple[str, ...]) -> None:
    ran = program("teach", "crack", "--withdraw", *words)
    assert ran.code == 2
    assert "--withdraw takes samples back" in ran.err
    assert program.house.calls == []
