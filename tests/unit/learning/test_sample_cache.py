"""A cache keeps bytes and gives what a network wants; subsets share it; training and evaluation take from it alike."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Classifier, Method, Objective
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained
from inspect_pipeline.learning.sample_cache import SampleCache, as_cache, float_cache, image_cache
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.tasks import Tasks, stack

CPU = torch.device("cpu")
MEAN, STD = (0.5, 0.25, 0.125), (0.5, 0.25, 0.125)


def colour(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(count, 4, 5, 3), dtype=np.uint8)


def labelled(count: int) -> EpisodeIndex:
    types = [f"t{i % 3}" for i in range(count)]
    return index_samples(families=["steel"] * count, types=types, groups=[""] * count)


def test_images_stay_bytes_and_are_taken_as_the_backbone_wants_them() -> None:
    images = colour()
    cache = image_cache(images, mean=MEAN, std=STD, device=CPU)
    assert (cache.stored.dtype, cache.sample_shape, len(cache)) == (torch.uint8, (3, 4, 5), 6)
    taken = cache.take(np.array([[4, 0], [1, 1]]))
    wanted = (images[4].astype(np.float32) / 255.0 - np.array(MEAN, dtype=np.float32)) / np.array(STD, dtype=np.float32)
    assert taken.shape == (2, 2, 3, 4, 5)
    np.testing.assert_allclose(taken[0, 0].numpy(), np.moveaxis(wanted, -1, 0), rtol=1e-6)
    assert torch.equal(taken[1, 0], taken[1, 1])


def test_grey_images_are_kept_once_and_given_in_three_channels() -> None:
    cache = image_cache(colour()[..., 0], mean=MEAN, std=STD, device=CPU)
    assert cache.stored.shape == (6, 1, 4, 5)
    taken = cache.take(np.array([2]))[0]
    assert taken.shape == cache.sample_shape == (3, 4, 5)
    assert torch.allclose(taken[0] * STD[0] + MEAN[0], taken[2] * STD[2] + MEAN[2])


def test_a_transform_sees_intensities_before_they_are_normalised() -> None:
    cache = image_cache(colour(), mean=MEAN, std=STD, device=CPU)
    seen: list[tuple[float, float]] = []

    def black(images: torch.Tensor) -> torch.Tensor:
        seen.append((float(images.min()), float(images.max())))
        return torch.zeros_like(images)

    taken = cache.take(np.arange(6), transform=black)
    assert 0.0 <= seen[0][0] < 0.1
    assert 0.9 < seen[0][1] <= 1.0
    assert torch.equal(taken, -torch.ones_like(taken))


def test_channels_last_changes_the_layout_and_no_number() -> None:
    plain, last = (image_cache(colour(), mean=MEAN, std=STD, device=CPU, channels_last=on) for on in (False, True))
    rows = np.array([[0, 1, 2], [3, 4, 5]])
    assert torch.equal(plain.take(rows), last.take(rows))
    assert last.take(rows).flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    assert not plain.take(rows).flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_a_subset_of_a_subset_shares_memory_and_counts_from_zero() -> None:
    cache = float_cache(np.arange(20, dtype=np.float32).reshape(10, 2), device=CPU)
    part = cache.subset([7, 3, 5]).subset(np.array([2, 0]))
    assert part.take(np.array([0, 1])).tolist() == [[10.0, 11.0], [14.0, 15.0]]
    assert part.stored is cache.stored
    assert len(part) == 2
    assert part.digest() == float_cache(part.take(np.arange(2)).numpy(), device=CPU).digest() != cache.digest()


def test_activations_may_be_kept_in_half_the_memory() -> None:
    activations = np.linspace(-1.0, 1.0, 48, dtype=np.float32).reshape(2, 6, 2, 2)
    cache = float_cache(activations, device=CPU, keep_as=torch.float16)
    taken = cache.take(np.array([1]))
    assert (cache.stored.dtype, taken.dtype) == (torch.float16, torch.float32)
    np.testing.assert_allclose(taken[0].numpy(), activations[1], atol=1e-3)
    with pytest.raises(BadDataError, match=r"not finite in torch\.float16"):
        float_cache(np.full((1, 2), 1e6, dtype=np.float32), device=CPU, keep_as=torch.float16)


def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(BadDataError, match="uint8"):
        image_cache(colour().astype(np.float32), mean=MEAN, std=STD, device=CPU)  # type: ignore[arg-type]
    with pytest.raises(BadDataError, match="do not fit a mean of 2"):
        image_cache(colour(), mean=MEAN[:2], std=STD[:2], device=CPU)
    with pytest.raises(BadDataError, match="mean None"):
        SampleCache(stored=torch.zeros(1, 3, 2, 2, dtype=torch.uint8), device=CPU)
    with pytest.raises(BadDataError, match="6 samples in a cache for 9"):
        as_cache(image_cache(colour(), mean=MEAN, std=STD, device=CPU), labelled(9))


def test_unlabelled_samples_come_with_the_tasks() -> None:
    features = np.arange(36, dtype=np.float32)[:, None]
    sampler = episode_sampler(labelled(36), EpisodeSpec(way=2, shot=1, query=2), Sampling(unlabelled=3), seed=0)
    drawn = sampler.step(0, numbers=range(4), hardness=Hardness())
    tasks = stack(as_cache(features, labelled(36)), drawn)
    assert tasks.unlabelled is not None
    assert tasks.unlabelled[..., 0].tolist() == [each.unlabelled.tolist() for each in drawn]
    assert stack(torch.from_numpy(features), sampler.step(0, numbers=[0], hardness=Hardness())).way == 2


def test_each_method_is_evaluated_on_its_own_form_of_the_same_samples() -> None:
    index = labelled(60)
    generator = np.random.default_rng(0)
    told = np.eye(3, 8, dtype=np.float32)[np.arange(60) % 3] + 0.01 * generator.normal(size=(60, 8)).astype(np.float32)
    noise = generator.normal(size=(60, 5)).astype(np.float32)
    spec = EpisodeSpec(way=3, shot=2, query=3)
    scores = evaluate(
        noise,
        index,
        spec,
        episodes=60,
        seed=0,
        methods=[untrained("protonet", 8), *frozen_baselines(5)],
        others={"protonet": float_cache(told, device=CPU)},
    ).scores
    assert scores["protonet"].accuracy.mean == 1.0
    assert scores["ridge"].accuracy.high < 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """A frozen baseline that notes how many unlabelled samples it was shown."""

    inner: Method
    shown: list[int]

    @property
    def name(self) -> str:
        return "looking"

    @property
    def embedding(self) -> Embedding:
        return self.inner.embedding

    def options(self) -> Mapping[str, Option]:
        return {}

    def head(self) -> dict[str, Tensor]:
        return self.inner.head()

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_head(head))

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> Classifier:
        self.shown.append(0 if unlabelled is None else unlabelled.shape[1])
        return self.inner.adapt(support, labels, way=way)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        return self.inner.objective(tasks, loss=loss, progress=progress)


def test_evaluation_shows_the_unlabelled_samples_that_are_asked_for() -> None:
    features = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    method = Looking(inner=frozen_baselines(5)[0], shown=[])
    spec = EpisodeSpec(way=2, shot=1, query=2)
    for sampling in (None, Sampling(unlabelled=3, distractors=1, policy="uniform").judged):
        evaluate(features, labelled(60), spec, episodes=4, seed=0, methods=[method], sampling=sampling)
    assert method.shown == [0, 9]
