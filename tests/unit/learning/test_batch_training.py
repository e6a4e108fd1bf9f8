"""Supervised training over all types at once: it learns a metric, goes on bit by bit, and refuses what cannot serve."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.batch_training import BatchTraining
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import CATALOG, build_method, untrained
from inspect_pipeline.learning.methods.distribution_calibration import DistributionCalibration
from inspect_pipeline.learning.outer_loop_settings import OuterLoop

SPEC = EpisodeSpec(way=3, shot=2, query=4)
OPTIONS = OuterLoop(steps=40, tasks_per_step=4, learning_rate=0.05)
BY_BATCHES = [name for name, entry in CATALOG.items() if entry.learned == "batches"]


def material(*, families: int = 4, seed: int = 0) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Types differ in 8 channels; 24 others are loud and say nothing."""
    generator = np.random.default_rng(seed)
    rows, names = [], []
    for family in range(families):
        for kind in range(4):
            told = generator.normal(size=8) + 0.35 * generator.normal(size=(12, 8))
            rows.append(np.concatenate([told, 1.0 * generator.normal(size=(12, 24))], axis=1))
            names += [(f"f{family}", f"t{kind}")] * 12
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return np.concatenate(rows).astype(np.float32), index


def training(method: Method, *, seed: int = 0, options: OuterLoop = OPTIONS) -> BatchTraining:
    return BatchTraining(method, *material(), spec=SPEC, options=options, seed=seed)


def stepped(run: BatchTraining, steps: int) -> Sequence[float]:
    return [run.step() for _ in range(steps)]


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_channels_that_say_nothing_are_turned_down_and_new_types_are_told_better(kind: str) -> None:
    start = build_method("supervised", ChannelScales.identity(32), {"type_classifier": kind})
    run = training(start)
    losses = stepped(run, 40)
    scales = run.method().head()["log_scales"]
    assert float(scales[8:].mean()) < float(scales[:8].mean()) - 0.3
    assert losses[-1] < losses[0]
    assert (run.taken, run.report.loss) == (40, losses[-1])
    assert run.report.accuracy > 0.5
    features, index = material(seed=9)
    before, after = (
        evaluate(features, index, SPEC, episodes=60, seed=0, methods=[each]).scores["supervised"].accuracy.mean
        for each in (start, run.method())
    )
    assert after > before + 0.03


@pytest.mark.parametrize("name", BY_BATCHES)
def test_a_training_that_was_stopped_goes_on_bit_by_bit(name: str) -> None:
    whole, first, second = (training(untrained(name, 32)) for _ in range(3))
    expected = stepped(whole, 6)
    begun = stepped(first, 3)
    second.resume(first.to_bytes())
    assert [*begun, *stepped(second, 3)] == expected
    heads = [run.method().head() for run in (whole, second)]
    assert all(torch.equal(tensor, heads[1][key]) for key, tensor in heads[0].items())
    assert [*stepped(first, 3)] == expected[3:]  # a state is a copy, and the training that gave it goes on


def test_a_state_before_the_first_step_starts_from_there() -> None:
    begun, again = training(untrained("supervised", 32)), training(untrained("supervised", 32))
    state = begun.state()
    expected = stepped(begun, 2)
    again.load_state(state)
    assert stepped(again, 2) == expected


def test_a_state_of_another_training_is_refused() -> None:
    other = BatchTraining(untrained("supervised", 32), *material(families=2), spec=SPEC, options=OPTIONS, seed=0)
    with pytest.raises(BadDataError, match="of another training"):
        training(untrained("supervised", 32)).load_state(other.state())


def test_another_seed_draws_other_batches() -> None:
    runs = [training(untrained("supervised", 32), seed=seed) for seed in (0, 0, 1)]
    losses = [stepped(run, 2) for run in runs]
    assert losses[0] == losses[1] != losses[2]


def test_a_method_of_episodes_and_a_history_of_one_type_are_refused() -> None:
    with pytest.raises(BadDataError, match="train it on episodes"):
        training(untrained("protonet", 32))
    features, index = material()
    with pytest.raises(BadDataError, match="1 type to train"):
        BatchTraining.on(
            np.arange(12), untrained("supervised", 32), features, index, spec=SPEC, options=OPTIONS, seed=0
        )


def test_distribution_calibration_takes_the_types_of_its_own_samples_with_it() -> None:
    features, index = material()
    run = BatchTraining.on(
        np.arange(96), untrained("distribution_calibration", 32), features, index, spec=SPEC, options=OPTIONS, seed=0
    )
    found = run.method()
    assert isinstance(found, DistributionCalibration)
    assert len(found.base) == found.options()["base_types"] == 8
    stepped(run, 3)
    moved = run.method()
    assert not torch.equal(moved.head()["base_means"], found.head()["base_means"])
