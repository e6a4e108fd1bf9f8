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


def test_detection_answers_with_the_keys_that_scripts_rely_on(program: Program) -> None:
    words = ("--shot", "3", "--normals", "30", "--draws", "4", "--seed", "9", "--model", "initialization.default@2")
    ran = program("evaluate", "--task", "detect", "--data", "neu", *words, "--json")

    assert ran.code == 0
    wanted = ("image_auroc", "interval", "average_precision", "escape_at", "shot", "normals", "draws", "seed")
    assert {key: ran.document[key] for key in wanted} == {
        "image_auroc": 0.985,
        "interval": [0.979, 0.991],
        "average_precision": 0.982,
        "escape_at": {"0.01": None, "0.05": 0.07},
        "shot": 3,
        "normals": 30,
        "draws": 4,
        "seed": 9,
    }
    assert ran.document["per_type"]["coil/crack [bold]"]["escape_at"]["0.01"] is None
    assert ran.document["baselines"]["normality_only"]["image_auroc"] == 0.729
    ((name, given),) = program.house.calls
    assert (name, given["model"]) == ("evaluate_detection", "initialization.default@2")


def test_detection_without_numbers_is_5_samples_20_normals_and_10_draws(program: Program) -> None:
    ran = program("evaluate", "--task", "detect", "--data", "neu", "--json")

    assert [ran.document[key] for key in ("shot", "normals", "draws", "seed")] == [5, 20, 10, 0]


def test_a_person_sees_the_promise_beside_what_came_and_what_was_not_measured(program: Program) -> None:
    ran = program("evaluate", "--task", "detect", "--data", "neu")

    for words in (
        "0.985 [0.979, 0.991]",
        "promised 0.050",
        "0.062 [0.040, 0.084]",
        "not measured",
        "crack [bold]",
        "0.729 [0.700, 0.758]",
        "coil/dust has 2 samples",
        "Seen in training",
        "0.700 [0.348, 0.933] (7 of 10)",
        "stain [bold]",
        "0.720 [0.670, 0.770]",
        "0.961 [0.950, 0.972]",
    ):
        assert words in ran.out


def test_curves_the_slow_baseline_and_the_page_are_passed_on(program: Program) -> None:
    words = ("--curve-shots", "10,1,3", "--curve-normals", "5, 20", "--baselines", "all", "--page", "out.html")
    ran = program("evaluate", "--task", "detect", "--data", "neu", *words, "--json")

    assert ran.code == 0
    (_, given), (page, shown) = program.house.calls
    assert (given["curve_shots"], given["curve_normals"], given["fine_tuned"]) == ((1, 3, 10), (5, 20), True)
    assert (page, shown["out"].name, shown["data"].name) == ("detection_page", "out.html", "neu")
    assert shown["command"].startswith("inspect-pipeline")
    assert ran.document["page"] == "out.html"
    assert shown["document"]["promise"]["overkill"]["within"]["count"] == 7


def test_without_options_there_are_no_curves_no_slow_baseline_and_no_page(program: Program) -> None:
    program("evaluate", "--task", "detect", "--data", "neu")

    ((_, given),) = program.house.calls
    assert (given["curve_shots"], given["curve_normals"], given["fine_tuned"]) == ((), (), False)


def test_points_that_are_no_counts_are_refused_by_name(program: Program) -> None:
    ran = program("evaluate", "--task", "detect", "--data", "neu", "--curve-shots", "1,few")

    assert ran.code == 2
    assert "--curve-shots 1,few: 'few' is no count" in ran.err
    assert program.house.calls == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model", "initialization.default@champion", "--method", "protonet"), "--model and --method"),
        (("--draws", "4"), "--draws belongs to --task detect"),
        (("--normals", "4", "--draws", "4"), "--normals and --draws belong to --task detect"),
        (("--curve-shots", "1,3", "--page", "x.html"), "--curve-shots and --page belong to --task detect"),
        (("--task", "detect", "--way", "5"), "--way belongs to --task classify"),
        (("--task", "detect", "--method", "ridge", "--regions", "boxes"), "--method and --regions belong to --task cl"),
    ],
)
def test_contradictions_are_refused_by_name(program: Program, words: tuple[str, ...], named: str) -> None:
    ran = program("evaluate", "--data", "neu", *words)

    assert ran.code == 2
    assert named in ran.err
    assert program.house.calls == []
