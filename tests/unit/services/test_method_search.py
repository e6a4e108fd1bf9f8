"""A search looks at held-out validation episodes only, prunes, goes on, and tells what cannot be searched."""

import math
from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.domain.search import Axis
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.method_search import MethodSearch, SearchSummary, split_values
from inspect_pipeline.services.search_space import default_axes, parsed_axes
from tests.fakes.trial_book import InMemoryTrialBook

from .method_materials import DIMS, materials
from .plant import silent

LOOP = OuterLoop(steps=20, tasks_per_step=4, validate_every=10, folds=2, validation_episodes=40, decision_episodes=40)
SEARCH = MethodSearch(
    build=lambda values: build_method("protonet", ChannelScales.identity(DIMS), values),
    described=materials(),
    spec=EpisodeSpec(way=3, shot=2, query=4),
    outer_loop=LOOP,
    seed=0,
    seeds=1,
    progress=silent,
)
RATES = (Axis(name="learning_rate", choices=(0.001, 0.1)),)


def searched(book: InMemoryTrialBook, *, search: MethodSearch = SEARCH, trials: int = 4) -> SearchSummary:
    return search.run(book, "s", RATES, trials=trials, sampler="tpe")


def test_a_trial_is_judged_by_the_validation_of_the_outer_loop_with_its_values() -> None:
    found = searched(InMemoryTrialBook())
    by_rate = {trial.values["learning_rate"]: trial.accuracy for trial in found.trials}
    assert found.values == {"learning_rate": 0.1}
    assert found.accuracy == by_rate[0.1] > (by_rate[0.001] or 0.0)
    outer = meta_train(
        SEARCH.build({}),
        SEARCH.described.features,
        SEARCH.described.index,
        SEARCH.spec,
        options=replace(LOOP, learning_rate=0.1),
        seed=0,
    )
    assert found.accuracy == max(point.accuracy for point in outer.history)
    assert set(found.baselines) == {"nearest_prototype", "ridge", "shrinkage_lda"}
    assert found.accuracy > found.baselines["nearest_prototype"]
    assert (found.held_out_by, found.validation_episodes) == ("family", 40)


def test_a_second_run_goes_on_with_the_study_and_another_search_may_not() -> None:
    book = InMemoryTrialBook()
    first = searched(book)
    again = searched(book, trials=2)
    assert again.trials[:4] == first.trials
    assert (len(again.trials), again.new) == (6, 2)
    with pytest.raises(BadDataError, match="study 's' is a search of other data"):
        searched(book, search=replace(SEARCH, outer_loop=replace(LOOP, steps=10)))


def test_pruned_and_diverged_trials_are_told_and_never_the_best() -> None:
    pruned = searched(InMemoryTrialBook(prune_below=1.1), trials=1)
    assert (pruned.trials[0].state, pruned.values, math.isnan(pruned.accuracy)) == ("pruned", {}, True)
    wild = (Axis(name="learning_rate", choices=(7.0,)),)
    failed = SEARCH.run(InMemoryTrialBook(), "s", wild, trials=1, sampler="tpe")
    assert (failed.trials[0].state, failed.values) == ("failed", {})


def test_permuted_types_leave_the_best_of_many_trials_near_chance() -> None:
    found = searched(InMemoryTrialBook(), search=replace(SEARCH, described=materials(permuted=True), seeds=2), trials=3)
    assert abs(found.accuracy - 1 / 3) < 0.1


def test_values_go_to_the_outer_loop_or_to_the_method() -> None:
    options, loop = split_values({"learning_rate": 0.5, "steps": 7, "inner_rate": 0.3}, LOOP)
    assert options == {"inner_rate": 0.3}
    assert loop == replace(LOOP, learning_rate=0.5, steps=7)


def test_by_default_rates_and_the_numbers_and_switches_of_the_method_are_searched() -> None:
    axes = {axis.name: axis for axis in default_axes({"steps_in": 5, "rate": 0.1, "first": True, "order": "second"})}
    assert list(axes) == ["learning_rate", "decay", "tasks_per_step", "steps_in", "rate", "first"]
    assert axes["steps_in"] == Axis(name="steps_in", low=2, high=10, whole=True)
    assert axes["rate"] == Axis(name="rate", low=0.01, high=1.0, log=True)
    assert axes["first"].choices == (False, True)


def test_a_space_is_read_as_it_is_typed() -> None:
    words = ["learning_rate=0.001:0.1:log", "steps=10:40", "tasks_per_step=4,8", "first=true,false"]
    rate, steps, tasks, first = parsed_axes(words, {"first": True})
    assert rate == Axis(name="learning_rate", low=0.001, high=0.1, log=True)
    assert steps == Axis(name="steps", low=10, high=40, whole=True)
    assert (tasks.choices, first.choices) == ((4, 8), (True, False))
    np.testing.assert_allclose(np.array(rate.points(), dtype=float), [0.001, 0.00464159, 0.0215443, 0.1], rtol=1e-5)
    assert steps.points() == (10, 20, 30, 40)


@pytest.mark.parametrize(
    "word", ["speed=1:2", "learning_rate", "learning_rate=a:b", "learning_rate=1:2:lin", "first=1:2", "first=yes"]
)
def test_a_space_that_cannot_be_read_is_refused(word: str) -> None:
    with pytest.raises(BadDataError, match="space '"):
        parsed_axes([word], {"first": True})


def test_an_axis_without_room_is_refused() -> None:
    for low, high, log in ((0.1, 0.1, False), (0.0, 1.0, True)):
        with pytest.raises(BadDataError, match="holds nothing to search"):
            Axis(name="rate", low=low, high=high, log=log)
