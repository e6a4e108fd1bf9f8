"""``evaluate``: the answer with intervals, and forms that are refused rather than swallowed."""

from pathlib import Path

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


def test_curves_options_and_several_folders_are_passed_on(program: Program) -> None:
    words = ("--curve-shots", "10,1,3", "--curve-steps", "0-3,5", "--method", "maml", "--option", "steps=3")
    ran = program("evaluate", "--data", "neu", "xsdd", "--data", "gc10", *words, "--regions", "boxes", "--json")

    assert ran.code == 0
    (_, given), _ = program.house.calls
    assert given["data"] == [Path("neu"), Path("gc10"), Path("xsdd")]
    assert (given["curve_shots"], given["curve_steps"]) == ((1, 3, 10), (0, 1, 2, 3, 5))
    assert (given["method"], given["options"], given["regions"], given["open_world"]) == (
        "maml",
        ("steps=3",),
        "boxes",
        True,
    )


def test_the_run_is_tracked_with_its_page_unless_that_is_declined(program: Program) -> None:
    ran = program("evaluate", "--data", "neu", "--closed-world", "--json")
    assert ran.document["run"] == "run-1"
    assert "page" not in ran.document and "plots" not in ran.document
    (_, given), (door, shown) = program.house.calls
    assert (given["open_world"], door, shown["track"]) == (False, "publish", True)
    assert shown["document"]["accuracy"] == 0.963
    assert shown["command"].startswith("inspect-pipeline")

    ran = program("evaluate", "--data", "neu", "--no-track", "--page", "a.html", "--plots", "charts", "--json")
    assert "run" not in ran.document
    assert (ran.document["page"], ran.document["plots"]) == ("a.html", ["charts/accuracy_over_shots.svg"])


def test_a_person_sees_what_was_gained_curves_strangers_and_added_types(program: Program) -> None:
    ran = program("evaluate", "--data", "neu")

    for words in (
        "+0.002 [+0.001, +0.003]",
        "+0.011 [-0.004, +0.026]",
        "over 3 materials",
        "0.710 [0.705, 0.715]",
        "+0.210 [+0.209, +0.211]",
        "0.847 [0.842, 0.852]",
        "0.944 [0.939, 0.949]",
        "Seen in training",
        "dust [bold]",
    ):
        assert words in ran.out


def test_each_material_is_left_out_in_turn_and_the_answer_is_over_materials(program: Program) -> None:
    words = ("--task", "cross-domain", "--method", "protonet", "--seeds", "3", "--way", "4")
    ran = program("evaluate", "--data", "neu", "xsdd", "bottle", *words, "--json")
    (door, given), (publish, shown) = program.house.calls
    assert (door, publish, given["seeds"], given["method"]) == ("cross_domain", "publish", 3, "protonet")
    assert (ran.document["accuracy"], ran.document["way"], ran.document["seeds"]) == (0.824, 4, 3)
    assert shown["document"]["task"] == "cross-domain"

    out = program("evaluate", "--data", "neu", "xsdd", "bottle", *words).out
    for part in ("steel", "over materials", "-0.015", "dust: no family can serve"):
        assert part in out


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


@pytest.mark.parametrize("text", ["1,few", "few", "1-few", "-3", "1,,3", "1-999999999"])
def test_points_that_are_no_counts_are_refused_by_name(program: Program, text: str) -> None:
    ran = program("evaluate", "--task", "detect", "--data", "neu", f"--curve-shots={text}")

    assert ran.code == 2
    assert f"--curve-shots {text}:" in ran.err and "is no count" in ran.err
    assert program.house.calls == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model", "initialization.default@champion", "--method", "protonet"), "--model and --method"),
        (("--draws", "4"), "--draws belongs to --task detect"),
        (("--normals", "4", "--draws", "4"), "--normals and --draws belong to --task detect"),
        (("--curve-normals", "1,3", "--baselines", "all"), "--curve-normals and --baselines belong to --task detect"),
        (("--task", "detect", "--plots", "x", "--no-track"), "--plots and --track belong to --task classify"),
        (("--task", "detect", "--curve-steps", "1,3"), "--curve-steps belongs to --task classify"),
        (("--seeds", "3"), "--seeds belongs to --task cross-domain"),
        (("more", "--task", "detect"), "--task detect takes one --data DIR"),
        (("--task", "detect", "--way", "5"), "--way belongs to --task classify"),
        (("--task", "detect", "--method", "ridge", "--regions", "boxes"), "--method and --regions belong to --task cl"),
    ],
)
def test_contradictions_are_refused_by_name(program: Program, words: tuple[str, ...], named: str) -> None:
    ran = program("evaluate", "--data", "neu", *words)

    assert ran.code == 2
    assert named in ran.err
    assert program.house.calls == []
