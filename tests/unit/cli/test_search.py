"""``search``: what is passed on, the answer, and what a person is told of the best of many."""

from pathlib import Path

from tests.unit.cli.conftest import Program


def test_the_answer_holds_the_best_values_all_trials_and_the_settings_file(program: Program) -> None:
    ran = program("search", "--data", "neu", "--method", "protonet", "--trials", "7", "--json")

    assert ran.code == 0
    assert (ran.document["study"], ran.document["accuracy"]) == ("rates", 0.8422)
    assert ran.document["values"] == {"learning_rate": 0.02}
    assert ran.document["config"] == "searches/rates/training.yaml"
    assert [trial["state"] for trial in ran.document["trials"]] == ["complete", "failed"]
    assert (ran.document["importance"], ran.document["baselines"]) == ({"learning_rate": 0.86}, {"ridge": 0.8433})


def test_sampler_study_space_seeds_and_folders_are_passed_on(program: Program) -> None:
    space = ("--space", "learning_rate=0.001:0.1:log", "--space", "tasks_per_step=4,8")
    program(
        "search", "--data", "neu", "xsdd", "--sampler", "grid", "--study", "rates", *space, "--seeds", "2", "--no-track"
    )

    ((_, given),) = program.house.calls
    assert given == {
        "data": [Path("neu"), Path("xsdd")],
        "method": "protonet",
        "trials": 30,
        "sampler": "grid",
        "study": "rates",
        "space": ("learning_rate=0.001:0.1:log", "tasks_per_step=4,8"),
        "seed": 0,
        "seeds": 2,
        "track": False,
    }


def test_a_person_is_told_that_the_best_of_many_is_too_high(program: Program) -> None:
    out = program("search", "--data", "neu").out

    for words in ("0.8422 (the best of many, so too high)", "baseline ridge", "0.8433", "training.yaml", "0.86"):
        assert words in out


def test_a_sampler_that_is_not_there_is_refused(program: Program) -> None:
    ran = program("search", "--data", "neu", "--sampler", "magic")

    assert ran.code == 2
    assert program.house.calls == []
