"""A step does what the options say: losses, optimizers, rates, accumulation, precision, compilers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.augmentation_settings import Augmentation
from inspect_pipeline.learning.embedding import ChannelScales, Embedding, Option, State
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.loss_settings import LossSettings
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Classifier, Method, Objective
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.training.optimization import Optimization
from tests.unit.learning.training.learned_material import QUICK, SPEC, material, training


def learned(options: OuterLoop, *, steps: int = 4, method: str = "protonet") -> dict[str, Tensor]:
    run = training(options, method=method)
    for _ in range(steps):
        run.step()
    return run.method().head()


def distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_tasks_some_at_a_time_give_the_numbers_of_all_at_once() -> None:
    options = replace(QUICK, sampling=Sampling(policy="hard"), augmentation=Augmentation(mixup=0.4))
    whole = learned(options)
    assert distance(whole, learned(replace(options, tasks_at_once=3))) < 1e-5
    assert float(whole["log_scales"].abs().max()) > 0.05


@pytest.mark.parametrize("method", ["protonet", "r2d2"])
def test_bfloat16_learns_nearly_the_same_and_keeps_the_head_in_float32(method: str) -> None:
    plain, half = learned(QUICK, method=method), learned(replace(QUICK, precision="bfloat16"), method=method)
    assert {tensor.dtype for tensor in half.values()} == {torch.float32}
    moved = plain["log_scales"]
    assert distance(plain, half) > 0.0
    assert float(torch.cosine_similarity(moved, half["log_scales"], dim=0)) > 0.9


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's own, between two compiled graphs
def test_a_compiled_step_gives_the_same_numbers() -> None:
    counters.clear()
    plain = learned(QUICK, steps=2)
    assert counters["stats"]["unique_graphs"] == 0
    compiled = learned(replace(QUICK, compiler="aot_eager"), steps=2)
    assert counters["stats"]["unique_graphs"] > 0
    assert distance(plain, compiled) < 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwiceDifferentiated:
    """A method whose outer gradient goes through an inner one."""

    inner: Method
    order: int = 2
    name: str = "twice"

    @property
    def embedding(self) -> Embedding:
        return self.inner.embedding

    def options(self) -> Mapping[str, Option]:
        return {"order": self.order}

    def head(self) -> dict[str, Tensor]:
        return self.inner.head()

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_head(head))

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> Classifier:
        return self.inner.adapt(support, labels, way=way, unlabelled=unlabelled)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        return self.inner.objective(tasks, loss=loss, progress=progress)


def test_a_compiler_is_refused_by_name_where_gradients_are_differentiated_twice() -> None:
    features, index = material()
    twice = TwiceDifferentiated(inner=untrained("protonet", 16))
    compiled = replace(QUICK, compiler="inductor")
    with pytest.raises(BadDataError, match="twice of second order cannot be compiled"):
        EpisodeTraining(twice, features, index, spec=SPEC, options=compiled, seed=0)
    EpisodeTraining(replace(twice, order=1), features, index, spec=SPEC, options=compiled, seed=0)
    EpisodeTraining(twice, features, index, spec=SPEC, options=QUICK, seed=0).step()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DroppingScales:
    """Channel scales that leave channels out in training."""

    inner: ChannelScales
    kept: Tensor | None = None
    dims: int = 16
    sample_ndim: int = 1

    def form(self) -> dict[str, Option]:
        return {"kind": "dropping_scales", "drop": 0.5}

    def tensors(self) -> dict[str, Tensor]:
        return self.inner.tensors()

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_tensors(tensors))

    def dropping(self, generator: torch.Generator) -> Self:
        return replace(self, kept=(torch.rand(16, generator=generator) < 0.5).float())

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        return self.embed(support, tensors, {}), {}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        found = self.inner.embed(samples, tensors, state)
        return found if self.kept is None else found * self.kept


def test_what_an_embedding_drops_goes_by_the_step_and_ends_with_training() -> None:
    features, index = material()
    method = ProtoNet.untrained(DroppingScales(inner=ChannelScales.identity(16)))

    def run(options: OuterLoop = QUICK) -> EpisodeTraining:
        return EpisodeTraining(method, features, index, spec=SPEC, options=options, seed=3)

    first, second = run(), run()
    assert [first.step(), first.step()] == [second.step(), second.step()]
    assert training().step() != run().step()
    moved = run(replace(QUICK, decay=0.0))
    moved.step()
    still = moved.method().head()["log_scales"] == 0.0
    assert 2 < int(still.sum()) < 14  # what was dropped has not moved
    embedding = moved.method().embedding
    assert isinstance(embedding, DroppingScales)
    assert embedding.kept is None
    with pytest.raises(BadDataError, match="drops features at random"):
        run(replace(QUICK, compiler="aot_eager"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeLabels(TwiceDifferentiated):
    """A method whose objective looks up whole labels."""

    order: int = 1
    name: str = "whole_labels"

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        torch.nn.functional.one_hot(tasks.query_labels, tasks.way)
        return self.inner.objective(tasks, loss=loss, progress=progress)


def test_a_method_that_takes_no_mixed_labels_says_so() -> None:
    features, index = material()
    method = WholeLabels(inner=untrained("protonet", 16))
    mixing = replace(QUICK, augmentation=Augmentation(mixup=1.0))
    with pytest.raises(BadDataError, match=r"whole_labels failed on mixed labels .* leave Mixup"):
        EpisodeTraining(method, features, index, spec=SPEC, options=mixing, seed=3).step()
    EpisodeTraining(method, features, index, spec=SPEC, options=QUICK, seed=3).step()


def test_the_loss_and_the_sampling_that_are_asked_for_are_used() -> None:
    plain = training()
    smooth = training(replace(QUICK, loss=LossSettings(label_smoothing=0.3)))
    hierarchical = training(replace(QUICK, sampling=Sampling(policy="hierarchical")))
    mixed = training(replace(QUICK, augmentation=Augmentation(mixup=1.0)))
    losses = [run.step() for run in (plain, smooth, hierarchical, mixed)]
    assert len(set(losses)) == 4
    assert losses[1] > losses[0]
    assert 1 / 3 < plain.report.accuracy <= 1.0
    assert plain.report.loss == losses[0]


def test_hard_types_are_remembered_from_step_to_step_and_drawn_more() -> None:
    run = training(replace(QUICK, steps=30, sampling=Sampling(policy="hard", hard_power=3.0, hard_floor=0.1)))
    for _ in range(20):
        run.step()
    losses = run.state().hardness.losses
    assert len(losses) == 12
    easy, hard = (np.mean([losses[f"f{family}", kind] for family in range(3)]) for kind in ("t0", "t3"))
    assert hard > 2.0 * easy


def test_a_tensor_of_rate_zero_stays_and_another_moves_by_its_multiplier() -> None:
    rates = {"log_": 0.0, "log_scales": 0.1}
    slow = learned(replace(QUICK, optimization=Optimization(rates=rates)), steps=1)
    full = learned(QUICK, steps=1)
    start = untrained("protonet", 16).head()
    assert torch.equal(slow["log_temperature"], start["log_temperature"])
    assert not torch.equal(full["log_temperature"], start["log_temperature"])
    torch.testing.assert_close(slow["log_scales"], 0.1 * full["log_scales"])  # Adam's first step is the rate
    features, index = material()
    by_call = EpisodeTraining(
        untrained("protonet", 16), features, index, spec=SPEC, options=QUICK, seed=3,
        multiplier=lambda name: 0.1 if name == "log_scales" else 0.0,
    )  # fmt: skip
    by_call.step()
    assert torch.equal(by_call.method().head()["log_scales"], slow["log_scales"])
    with pytest.raises(BadDataError, match="are frozen"):
        training(replace(QUICK, optimization=Optimization(rates={"log": 0.0})))


def test_the_rate_warms_up_and_falls_by_a_cosine() -> None:
    course = Optimization(schedule="cosine", warm_up=4, last_rate=0.1)
    shares = [course.share(step, 24) for step in range(24)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[4] == 1.0
    assert shares[-1] == pytest.approx(0.1)
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert {Optimization().share(step, 24) for step in range(24)} == {1.0}
    warm = learned(replace(QUICK, optimization=Optimization(warm_up=10)), steps=1)
    torch.testing.assert_close(warm["log_scales"], 0.1 * learned(QUICK, steps=1)["log_scales"])


def test_a_clipped_gradient_is_no_longer_than_asked_for() -> None:
    sgd = replace(QUICK, decay=0.0, optimization=Optimization(name="sgd", momentum=0.0))
    start = untrained("protonet", 16).head()
    moves = []
    for clip in (0.0, 1e-3):
        now = learned(replace(sgd, optimization=replace(sgd.optimization, clip=clip)), steps=1)
        moves.append(torch.cat([(now[name] - start[name]).flatten() for name in now]).norm() / sgd.learning_rate)
    assert float(moves[0]) > 0.01
    assert float(moves[1]) == pytest.approx(1e-3, rel=5e-3)  # the norm of torch adds 1e-6


def test_momentum_goes_on_and_adamw_draws_to_zero() -> None:
    still, moving = (
        learned(replace(QUICK, optimization=Optimization(name="sgd", momentum=momentum)), steps=6)
        for momentum in (0.0, 0.9)
    )
    assert float(moving["log_scales"].norm()) > 1.5 * float(still["log_scales"].norm())
    kept, drawn = (
        learned(replace(QUICK, optimization=Optimization(name="adamw", weight_decay=decay)), steps=4)
        for decay in (0.0, 2.0)
    )
    assert float(drawn["log_temperature"]) < 0.8 * float(kept["log_temperature"])


def test_a_gradient_that_is_no_number_is_named() -> None:
    run = training(replace(QUICK, learning_rate=0.99, optimization=Optimization(name="sgd", rates={"": 1000.0})))
    with pytest.raises(BadDataError, match="diverged"):
        for _ in range(40):
            run.step()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tasks_at_once": -1}, "at once"),
        ({"precision": "float16"}, "float16"),
        ({"compiler": "fast"}, "compiler 'fast'"),
    ],
)
def test_what_cannot_be_computed_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        replace(QUICK, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "lion"}, "optimizer 'lion'"),
        ({"schedule": "steps"}, "schedule 'steps'"),
        ({"momentum": 1.0}, "momentum"),
        ({"rates": {"head": -1.0}}, "rates"),
        ({"clip": -1.0}, "clip"),
    ],
)
def test_an_optimization_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        replace(Optimization(), **wrong)  # type: ignore[arg-type]
