"""Meta-training learns a metric where one is to be learned, and says "frozen" where none is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales, Option, State
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import with_permuted_types
from inspect_pipeline.learning.held_out import fold_samples
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import image_cache
from inspect_pipeline.learning.sampling.settings import Sampling

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
        progress=lambda what, done, total, note="": steps.append(done) if what == "meta-train" else None,
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


class StoppedError(Exception):
    """The machine was switched off."""


@pytest.mark.parametrize("checkpoints", [1, 2, 3], ids=["in the folds", "later in the folds", "on everything"])
def test_a_meta_training_that_was_stopped_goes_on_to_the_same_bits(checkpoints: int) -> None:
    features, index = material(loud=0.6, families=3)
    options = replace(
        SHORT, steps=20, patience=9, decision_episodes=60, sampling=Sampling(policy="hard"), tasks_per_step=4
    )

    def trained(**more: object) -> object:
        return meta_train(untrained("protonet", 32), features, index, SPEC, options=options, seed=2, **more)  # type: ignore[arg-type]

    kept: list[bytes] = []

    def keep(data: bytes) -> None:
        kept.append(data)
        if len(kept) == checkpoints:
            raise StoppedError

    whole = trained()
    with pytest.raises(StoppedError):
        trained(keep=keep)
    steps: list[int] = []
    resumed = trained(
        resume=kept[-1],
        progress=lambda what, done, total, note="": steps.append(done) if what == "meta-train" else None,
    )
    assert whole.history == resumed.history  # type: ignore[attr-defined]
    assert whole.metrics() == resumed.metrics()  # type: ignore[attr-defined]
    for name, tensor in whole.trained.head().items():  # type: ignore[attr-defined]
        assert torch.equal(tensor, resumed.trained.head()[name])  # type: ignore[attr-defined]
    assert steps == [*range(10 * checkpoints + 1, 21)]  # what was done is not done again


def test_a_checkpoint_of_another_meta_training_is_refused() -> None:
    features, index = material(loud=0.6)
    options = replace(SHORT, steps=10, decision_episodes=40)
    kept: list[bytes] = []
    meta_train(untrained("protonet", 32), features, index, SPEC, options=options, seed=1, keep=kept.append)
    for seed, data, said in ((2, kept[0], "another training: its seed"), (1, kept[0][:-9], "no checkpoint")):
        with pytest.raises(BadDataError, match=said):
            meta_train(untrained("protonet", 32), features, index, SPEC, options=options, seed=seed, resume=data)
    part = EpisodeTraining(untrained("protonet", 32), features, index, spec=SPEC, options=options, seed=1).to_bytes()
    with pytest.raises(BadDataError, match="of a part of a meta-training"):
        meta_train(untrained("protonet", 32), features, index, SPEC, options=options, seed=1, resume=part)


def test_progress_tells_loss_accuracy_and_episodes_a_second() -> None:
    features, index = material(loud=0.6)
    ticks = count()
    options = replace(SHORT, steps=4, validate_every=2, decision_episodes=40)
    told: list[tuple[str, int, int, str]] = []
    meta_train(
        untrained("protonet", 32),
        features,
        index,
        SPEC,
        options=options,
        seed=1,
        progress=lambda what, done, total, note="": told.append((what, done, total, note)),
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks)),
    )
    notes = [(what, done, total) for what, done, total, _ in told if what == "meta-train"]
    assert notes == [("meta-train", step, 4) for step in (1, 2, 3, 4)]
    first = told[0][3].split(", ")
    assert first[0].startswith("loss ")
    assert first[1].startswith("accuracy ")
    assert first[2] == "32 episodes/s"  # 8 tasks of each of 4 folds in the second that passed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelScales:
    """Pixels of an image (1, h, w) as a descriptor, each times a learned scale."""

    inner: ChannelScales

    @property
    def dims(self) -> int:
        return self.inner.dims

    @property
    def sample_ndim(self) -> int:
        return 3

    def form(self) -> dict[str, Option]:
        return {"kind": "pixel_scales", "dims": self.dims}

    def tensors(self) -> dict[str, Tensor]:
        return self.inner.tensors()

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_tensors(tensors))

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        return self.embed(support, tensors, {}), {}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        return self.inner.embed(samples.flatten(-3), tensors, state)


def test_a_method_of_images_is_judged_beside_baselines_of_descriptors_on_the_same_episodes() -> None:
    features, index = material(loud=0.6)
    scaled = np.clip(127.0 + 40.0 * features, 0, 255).astype(np.uint8).reshape(-1, 4, 8)
    images = image_cache(scaled, mean=(0.5,), std=(0.16,), device=torch.device("cpu"))
    method = ProtoNet.untrained(PixelScales(inner=ChannelScales.identity(32)))
    result = meta_train(method, images, index, SPEC, options=SHORT, seed=1, baseline_features=features)
    plain = meta_train(untrained("protonet", 32), features, index, SPEC, options=SHORT, seed=1)
    assert result.chosen == "protonet"
    for name in ("ridge", "nearest_prototype"):  # the very episodes, and the very descriptors
        assert np.array_equal(result.decision.scores[name].recalls, plain.decision.scores[name].recalls)
    ours, theirs = (each.decision.scores["protonet"].accuracy.mean for each in (result, plain))
    assert ours == pytest.approx(theirs, abs=0.03)
    with pytest.raises(BadDataError, match="baseline_features"):
        meta_train(method, images, index, SPEC, options=SHORT, seed=1)


def test_a_frozen_baseline_is_not_trained() -> None:
    features, index = material()
    with pytest.raises(BadDataError, match="ridge is a frozen baseline"):
        meta_train(untrained("ridge", 32), features, index, SPEC, options=SHORT, seed=1)
