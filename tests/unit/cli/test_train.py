"""``train``: folders and further settings, the answer, and the end when it was trained before."""

from dataclasses import replace
from pathlib import Path

from inspect_pipeline.cli.train import metric_rows
from tests.unit.cli.conftest import Program


def test_the_answer_holds_version_method_metrics_and_speed(program: Program) -> None:
    ran = program("train", "--json")

    assert ran.code == 0
    assert {key: ran.document[key] for key in ("version", "method", "episodes_per_s")} == {
        "version": "3",
        "method": "protonet",
        "episodes_per_s": 41.0,
    }
    assert ran.document["metrics"] == {"accuracy": 0.9, "difference_low": None}


def test_several_folders_may_follow_one_data_option_or_have_their_own(program: Program) -> None:
    program("train", "--data", "one", "two", "--data", "three", "--seed", "5", "--name", "night")

    expected = {"data": [Path("one"), Path("three"), Path("two")], "method": "protonet", "name": "night", "seed": 5}
    assert program.house.calls == [("train", {**expected, "options": ()})]


def test_options_of_the_method_are_passed_on(program: Program) -> None:
    program("train", "--method", "maml", "--option", "steps=3", "--option", "order=first")

    ((_, given),) = program.house.calls
    assert (given["method"], given["options"]) == ("maml", ("steps=3", "order=first"))


def test_a_further_file_of_settings_is_read(program: Program, tmp_path: Path) -> None:
    further = tmp_path / "gates.yaml"
    further.write_text("min_episodes: 250\n")

    program("train", "--config", str(further))

    assert program.house.settings.gates.min_episodes == 250


def test_the_same_input_again_ends_with_4_and_still_answers(program: Program) -> None:
    program.house.trained = replace(program.house.trained, new=False)

    ran = program("train", "--json")

    assert (ran.code, ran.document["version"]) == (4, "3")
    assert ran.err == "nothing to do: initialization.default version 3 was trained on the same input before\n"


def test_the_methods_are_listed_without_training(program: Program) -> None:
    document = program("train", "--list-methods", "--json").document
    assert document["methods"] == ["protonet", "r2d2"]
    assert document["details"] == [
        {"name": "protonet", "paper": "Snell 2017", "learned": "episodes", "options": {"steps": 5}}
    ]
    shown = program("train", "--list-methods").out
    assert all(word in shown for word in ("protonet", "episodes", "steps=5", "Snell 2017"))
    assert [door for door, _ in program.house.calls] == ["train_methods", "train_methods"]


def test_a_metric_with_both_ends_of_its_interval_is_one_line() -> None:
    rows = metric_rows({"accuracy": 0.5, "accuracy_low": 0.25, "accuracy_high": 0.75, "steps": 20.0, "gain": None})

    assert rows == {"accuracy": "0.500 [0.250, 0.750]", "steps": "20", "gain": "not measured"}
