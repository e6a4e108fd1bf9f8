"""``evaluate``: the answer with intervals, and forms that are refused rather than swallowed."""

import pytest

from tests.unit.cli.conftest import Program


def test_the_answer_holds_accuracy_interval_seed_fingerprint_and_baselines(program: Program) -> None:
    ran = program("evaluate", "--data", "neu", "--way", "3", "--shot", "1", "--episodes", "60", "--seed", "9", "--json")

    assert ran.code == 0
    wanted = ("accuracy", "interval", "episodes", "seed", "fingerprint", "way", "shot", "query")
    assert {key: ran.document[key] for key in wanted} == {
        "accuracy": 0.963,
        "interval": [0.958, 0.968],
        "episodes": 60,
        "seed": 9,
        "fingerprint": "abc",
        "way": 3,
        "shot": 1,
        "query": 15,
    }
    assert ran.document["per_type"]["crazing [bold]"]["recall"] == 0.9
    assert ran.document["baselines"]["nearest prototype"] == {"accuracy": 0.961, "interval": [0.956, 0.966]}


def test_a_person_sees_each_rate_with_its_interval_and_names_as_they_are(program: Program) -> None:
    ran = program("evaluate", "--data", "neu")

    assert "0.963 [0.958, 0.968]" in ran.out
    assert "0.961 [0.956, 0.966]" in ran.out
    assert "crazing [bold]" in ran.out


def test_detection_is_refused_with_the_version_that_brings_it(program: Program) -> None:
    ran = program("evaluate", "--task", "detect", "--data", "neu", "--normals", "20", "--draws", "5", "--json")

    assert (ran.code, ran.out) == (2, "")
    assert "comes with version 0.2" in ran.err
    assert program.house.calls == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model", "initialization.default@champion", "--method", "protonet"), "--model and --method"),
        (("--draws", "4"), "--draws belong to --task detect"),
        (("--normals", "4", "--draws", "4"), "--normals and --draws belong to --task detect"),
    ],
)
def test_contradictions_are_refused_by_name(program: Program, words: tuple[str, ...], named: str) -> None:
    ran = program("evaluate", "--data", "neu", *words)

    assert ran.code == 2
    assert named in ran.err
    assert program.house.calls == []
