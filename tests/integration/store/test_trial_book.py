"""Trials in SQLite by Optuna: kept and gone on with, pruned, failed, gone through as a grid."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from inspect_pipeline.domain.search import Axis, Option
from inspect_pipeline.errors import BadDataError, StorageError
from inspect_pipeline.store.trial_book import Objective, OptunaTrialBook

RATE = Axis(name="rate", low=0.001, high=1.0, log=True)
AXES = (RATE, Axis(name="steps", low=1, high=8, whole=True), Axis(name="order", choices=("first", "second")))
Report = Callable[[int, float], None]


def peaked(values: Mapping[str, Option], _report: Report) -> float:
    """Best at a rate of 0.1, whatever the rest."""
    rate = values["rate"]
    assert isinstance(rate, float)
    return 1.0 - abs(rate - 0.1)


def searched(file: Path, objective: Objective = peaked, *, trials: int = 4, about: str = "a", seed: int = 0) -> object:
    return OptunaTrialBook(file).search("s", AXES, objective, trials=trials, sampler="tpe", seed=seed, about=about)


def test_a_second_run_goes_on_and_the_same_seed_tries_the_same(tmp_path: Path) -> None:
    book = OptunaTrialBook(tmp_path / "deep" / "trials.sqlite")
    first = book.search("s", AXES, peaked, trials=3, sampler="tpe", seed=0, about="a")
    both = book.search("s", AXES, peaked, trials=7, sampler="tpe", seed=0, about="a")
    assert both.tried[:3] == first.tried
    assert [trial.number for trial in both.tried] == list(range(10))
    assert len({trial.values["rate"] for trial in both.tried}) == 10
    assert first == searched(tmp_path / "other.sqlite", trials=3)
    assert first != searched(tmp_path / "third.sqlite", trials=3, seed=1)
    assert both.importance["rate"] == max(both.importance.values())
    assert sum(both.importance.values()) == pytest.approx(1.0)
    assert first.importance == {}, "three trials say nothing of what matters"


def test_a_study_of_another_search_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trials.sqlite"
    searched(file, trials=1)
    with pytest.raises(BadDataError, match="study 's' is a search of other data, settings or space"):
        searched(file, about="b")
    with pytest.raises(BadDataError, match="of other data, settings or space"):
        OptunaTrialBook(file).search("s", (RATE,), peaked, trials=1, sampler="tpe", seed=0, about="a")


def test_a_grid_is_gone_through_once_over_several_runs(tmp_path: Path) -> None:
    axes = (Axis(name="rate", choices=(0.1, 0.2)), Axis(name="order", choices=("first", "second")))
    book = OptunaTrialBook(tmp_path / "trials.sqlite")
    book.search("g", axes, peaked, trials=3, sampler="grid", seed=0, about="a")
    tried = book.search("g", axes, peaked, trials=10, sampler="grid", seed=0, about="a").tried
    assert sorted((trial.values["rate"], trial.values["order"]) for trial in tried) == [
        (0.1, "first"),
        (0.1, "second"),
        (0.2, "first"),
        (0.2, "second"),
    ]


def test_hopeless_trials_are_pruned_and_those_that_diverge_failed(tmp_path: Path) -> None:
    count = iter(range(100))

    def worse_and_worse(_values: Mapping[str, Option], report: Report) -> float:
        number = next(count)
        if number == 6:
            raise BadDataError("the outer loop diverged")
        report(1, 1.0 - number)
        return 1.0 - number

    log = OptunaTrialBook(tmp_path / "t.sqlite").search(
        "s", AXES, worse_and_worse, trials=8, sampler="tpe", seed=0, about="a"
    )
    assert [trial.state for trial in log.tried] == ["complete"] * 5 + ["pruned", "failed", "pruned"]
    assert log.tried[6].accuracy is None


def test_a_fault_of_ours_ends_the_search(tmp_path: Path) -> None:
    def wrong(_values: Mapping[str, Option], _report: Report) -> float:
        raise KeyError("rate")

    with pytest.raises(KeyError):
        searched(tmp_path / "t.sqlite", wrong)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trials.sqlite"
    file.write_text("no database " * 100)
    with pytest.raises(StorageError, match=r"trials\.sqlite"):
        searched(file)
