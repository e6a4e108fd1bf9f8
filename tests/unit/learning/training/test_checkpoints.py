"""A training that was stopped goes on to the very bits, and a checkpoint of another one is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.training.checkpoints import state_from_bytes
from inspect_pipeline.learning.training.optimization import Optimization
from tests.unit.learning.training.learned_material import QUICK, SPEC, material, training

HARD = Sampling(policy="hard", domain_shuffle=0.3, ways=(2, 4), shots=(1, 2))


def bits(run: EpisodeTraining) -> dict[str, bytes]:
    state = run.state()
    tensors = {**state.head, **{f"memory {key}": value for key, value in state.optimizer.items()}}
    return {key: tensor.numpy().tobytes() for key, tensor in tensors.items()}


@pytest.mark.parametrize(
    "options",
    [
        QUICK,
        replace(QUICK, sampling=HARD, optimization=Optimization(name="adamw", schedule="cosine", warm_up=3, clip=0.5)),
        replace(QUICK, optimization=Optimization(name="sgd", weight_decay=0.01)),
    ],
    ids=["adam", "hard types with adamw", "sgd with momentum"],
)
def test_five_steps_and_five_after_a_restart_are_ten(options: OuterLoop) -> None:
    straight, first, second = training(options), training(options), training(options)
    losses = [straight.step() for _ in range(10)]
    before = [first.step() for _ in range(5)]
    data = first.to_bytes()
    second.resume(data)
    after = [second.step() for _ in range(5)]
    assert before + after == losses
    assert bits(second) == bits(straight)
    assert second.state().hardness == straight.state().hardness
    assert second.to_bytes() == straight.to_bytes()
    assert bool(straight.state().hardness.losses) == (options.sampling.policy == "hard")


def test_what_a_checkpoint_holds_is_what_was_learned() -> None:
    run = training()
    for _ in range(3):
        run.step()
    state = state_from_bytes(run.to_bytes())
    assert state.step == 3
    assert torch.equal(state.head["log_scales"], run.method().head()["log_scales"])
    assert not state.start["log_scales"].any()
    assert float(state.optimizer["log_scales/step"]) == 3.0
    assert state.facts["method"] == "protonet"


def test_a_checkpoint_of_another_training_is_refused_by_what_differs() -> None:
    data = training().to_bytes()
    for other, said in (
        (training(seed=4), "its seed is 3, here it is 4"),
        (training(replace(QUICK, learning_rate=0.01)), "its outer loop is"),
        (training(method="r2d2"), "its method is protonet"),
    ):
        with pytest.raises(BadDataError, match=said):
            other.resume(data)
    features, index = material(seed=9)
    with pytest.raises(BadDataError, match="its data is"):
        EpisodeTraining(training().method(), features, index, spec=SPEC, options=QUICK, seed=3).resume(data)
    training(replace(QUICK, tasks_at_once=2)).resume(data)  # how many at once is no other training


@pytest.mark.parametrize("damage", ["cut", "garbage", "no facts"])
def test_bytes_that_are_no_checkpoint_are_refused(damage: str) -> None:
    data = training().to_bytes()
    torn = {
        "cut": data[:-40],
        "garbage": np.random.default_rng(0).bytes(300),
        "no facts": data.replace(b"facts", b"fakts"),
    }
    with pytest.raises(BadDataError, match="start anew"):
        training().resume(torn[damage])
