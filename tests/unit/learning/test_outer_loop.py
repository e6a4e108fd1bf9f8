"""Meta-training learns a metric where one is to be learned, and says "frozen" where none is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import with_permuted_types
from inspect_pipeline.learning.held_out import fold_samples
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop

SPEC = EpisodeSpec(way=3, shot=2, query=4)
SHORT = OuterLoop(
    steps=40, tasks_per_step=8, learning_rate=0.05, validate_every=10, validation_episodes=60, decision_episodes=200
)


def material(
    *, families: int = 4, types: int = 4, loud: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Types differ in 8 channels; in 24 others samples differ by ``loud`` noise that says nothing."""
    generator = np.random.default_rng(seed)
    rows, names = [], []
    for family in range(families):
        for kind in range(types):
            centre = generator.normal(size=8)
            told = centre + 0.35 * generator.normal(size=(12, 8))
            rows.append(np.concatenate([told, loud * generator.normal(size=(12, 24))], axis=1))
            names += [(f"f{family}", f"t{kind}")] * 12
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return np.concatenate(rows).astype(np.float32), index


@pytest.mark.parametrize("name", ["protonet", "r2d2"])
def test_channels_that_say_nothing_are_turned_down_and_held_out_families_gain(name: str) -> None:
    features, index = material(loud=0.6)
    result = meta_train(untrained(name, 32), features, index, SPEC, options=SHORT, seed=1)
    scales = result.trained.head()["log_scales"]
    assert float(scales[8:].mean()) < float(scales[:8].mean()) - 0.3
    assert result.chosen == name == result.method.name
    assert all(gain.low > 0.0 for gain in result.differences.values())
    assert result.metrics()["gain_over_ridge_low"] == result.differences["ridge"].low
    assert result.division.by == "family"
    assert set(result.family_gains) == set(result.decision.scores[name].per_family) == {"f0", "f1", "f2", "f3"}


def test_where_there_is_nothing_to_learn_the_frozen_baseline_is_shipped() -> None:
    features, index = material(loud=0.6)
    shuffled = with_permuted_types(index, np.random.default_rng(0))
    result = meta_train(untrained("protonet", 32), features, shuffled, SPEC, options=SHORT, seed=0)
    assert result.chosen == "frozen"
    assert result.method.name == result.best_baseline
    assert not result.method.head()["log_scales"].any()
    assert {"protonet.accuracy", "ridge.accuracy", "gain_over_nearest_prototype"} <= set(result.metrics())


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    features, index = material(loud=0.6)
    options = replace(SHORT, steps=10, decision_episodes=40)
    first, second, third = (
        meta_train(untrained("protonet", 32), features, index, SPEC, options=options, seed=seed) for seed in (5, 5, 6)
    )
    assert torch.equal(first.trained.head()["log_scales"], second.trained.head()["log_scales"])
    assert first.history == second.history
    assert first.metrics() == second.metrics()
    assert first.history != third.history


def test_a_strong_decay_keeps_the_metric_at_the_identity() -> None:
    features, index = material(loud=0.6)
    held = [
        meta_train(untrained("protonet", 32), features, index, SPEC, options=replace(SHORT, decay=decay), seed=1)
        for decay in (0.0, 10.0)
    ]
    free, tied = (float(result.trained.head()["log_scales"].abs().mean()) for result in held)
    assert tied < 0.1 * free


def test_training_stops_when_validation_no_longer_improves() -> None:
    features, index = material(loud=0.0)
    options = replace(SHORT, steps=400, validate_every=5, patience=2, decision_episodes=40)
    steps: list[int] = []
    result = meta_train(
        untrained("protonet", 32),
        features,
        index,
        SPEC,
        options=options,
        seed=0,
        progress=lambda what, done, total: steps.append(done),
    )
    assert result.history[-1].step < 400
    assert steps[-1] == result.history[-1].step
    assert result.episodes == 8 * (4 * result.history[-1].step + result.kept_step)


def test_a_head_that_helps_most_families_and_harms_one_is_not_shipped() -> None:
    features, index = material(families=8, types=5, loud=1.0)
    odd = np.array(index.families) == "f7"
    features[odd] = np.roll(features[odd], 16, axis=1)  # here the channels that say nothing elsewhere say it all
    result = meta_train(untrained("r2d2", 32), features, index, SPEC, options=SHORT, seed=1)
    assert all(gain.low > 0.0 for gain in result.differences.values())
    assert result.family_gains["f7"].high < 0.0
    assert result.chosen == "frozen"


def test_every_family_is_held_out_once_and_never_trained_on_in_its_fold() -> None:
    _, index = material(families=5)
    folds = fold_samples(index, SPEC, np.random.default_rng(0), most=3)
    assert (folds.by, len(folds.held_out)) == ("family", 3)
    assert sorted(np.concatenate(folds.held_out).tolist()) == list(range(len(index)))
    for fold, held in enumerate(folds.held_out):
        kept = folds.training(fold, samples=len(index))
        assert not {index.families[i] for i in held} & {index.families[i] for i in kept}
        assert len(kept) + len(held) == len(index)


def test_two_families_are_folded_by_type_and_few_types_by_group() -> None:
    _, two = material(families=2, types=5)
    by_type = fold_samples(two, SPEC, np.random.default_rng(0), most=4)
    types = [{(two.families[i], two.types[i]) for i in held} for held in by_type.held_out]
    assert (by_type.by, len(types), by_type.spec.way) == ("type", 2, 2)
    assert not types[0] & types[1]
    names = ["a"] * 16 + ["b"] * 16 + ["c"] * 16
    few = index_samples(families=["steel"] * 48, types=names, groups=[f"coil{i % 8}" for i in range(48)])
    by_group = fold_samples(few, SPEC, np.random.default_rng(0), most=4)
    assert (by_group.by, by_group.spec) == ("group", SPEC)
    groups = [{int(few.groups[i]) for i in held} for held in by_group.held_out]
    assert not groups[0] & groups[1]
    assert [len(held) for held in by_group.held_out] == [24, 24]


def test_a_run_that_cannot_work_is_refused() -> None:
    features, index = material()
    with pytest.raises(BadDataError, match="1 or more steps"):
        OuterLoop(steps=0)
    with pytest.raises(BadDataError, match="8 or more episodes"):
        OuterLoop(decision_episodes=7)
    with pytest.raises(BadDataError, match="learning rate"):
        OuterLoop(learning_rate=-1.0)
    with pytest.raises(BadDataError, match="no family can serve 9-way"):
        meta_train(untrained("protonet", 32), features, index, replace(SPEC, way=9), options=SHORT, seed=0)
    features[0, 0] = np.nan
    with pytest.raises(BadDataError, match="finite"):
        meta_train(untrained("protonet", 32), features, index, SPEC, options=SHORT, seed=0)
