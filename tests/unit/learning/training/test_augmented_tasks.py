"""Augmented tasks: the same episode is changed alike in any stack, in the inner loop, the outer loop, or both."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.augmentation_settings import Augmentation
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.sample_cache import SampleCache, float_cache, image_cache
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.sampler import episode_sampler
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.tasks import stack
from inspect_pipeline.learning.training.augmented_tasks import task_maker

CPU = torch.device("cpu")
EVERYTHING = Augmentation(
    flips=True,
    quarter_turns=True,
    crop=0.5,
    brightness=0.1,
    contrast=0.2,
    full_well=1000.0,
    read_noise=3.0,
    cutout=0.2,
    mixup=0.5,
    cutmix=0.5,
)


def index() -> EpisodeIndex:
    return index_samples(families=["steel"] * 30, types=[f"t{i % 3}" for i in range(30)], groups=[""] * 30)


def cache() -> SampleCache:
    """Images whose grey level tells their type: 20, 120 or 220."""
    noise = np.random.default_rng(0).integers(-15, 16, size=(30, 8, 8))
    levels = 20 + 100 * (np.arange(30) % 3)[:, None, None] + noise
    return image_cache(levels.astype(np.uint8), mean=(0.5,), std=(0.5,), device=CPU)


def episodes(count: int = 4) -> list[Episode]:
    sampler = episode_sampler(index(), EpisodeSpec(way=3, shot=3, query=4), Sampling(), seed=0)
    return sampler.step(0, numbers=range(count), hardness=Hardness())


def test_an_episode_is_changed_alike_alone_and_in_a_stack() -> None:
    maker, drawn = task_maker(cache(), EVERYTHING, seed=5), episodes()
    together = maker.tasks(drawn, range(4))
    alone = maker.tasks(drawn[2:3], [2])
    assert torch.equal(together.support[2], alone.support[0])
    assert torch.equal(together.query[2], alone.query[0])
    assert torch.equal(together.query_labels[2], alone.query_labels[0])
    assert not torch.equal(maker.tasks(drawn[2:3], [3]).query, alone.query)
    assert not torch.equal(task_maker(cache(), EVERYTHING, seed=6).tasks(drawn[2:3], [2]).query, alone.query)


def test_supports_and_queries_are_changed_as_asked_for() -> None:
    plain = stack(cache(), episodes())
    for supports, queries in ((True, False), (False, True), (True, True), (False, False)):
        wanted = replace(EVERYTHING, supports=supports, queries=queries)
        found = task_maker(cache(), wanted, seed=0).tasks(episodes(), range(4))
        assert torch.equal(found.support, plain.support) != supports
        assert torch.equal(found.query, plain.query) != queries
        assert found.query_labels.is_floating_point() == queries
        assert torch.equal(found.support_labels, plain.support_labels)


@pytest.mark.parametrize("wanted", [Augmentation(mixup=1.0), Augmentation(cutmix=1.0)], ids=["mixup", "cutmix"])
def test_mixed_queries_get_the_probabilities_of_what_they_hold(wanted: Augmentation) -> None:
    tasks = task_maker(cache(), wanted, seed=0).tasks(episodes(), range(4))
    levels = (tasks.query * 0.5 + 0.5).mean(dim=(-3, -2, -1)) * 255.0
    told = torch.tensor([[int(name[1:]) for name in each.class_names] for each in episodes()])
    expected = (tasks.query_labels * (20.0 + 100.0 * told[:, None, :])).sum(dim=-1)
    torch.testing.assert_close(levels, expected, atol=12.0, rtol=0.0)
    torch.testing.assert_close(tasks.query_labels.sum(dim=-1), torch.ones(4, 12))
    assert bool(((tasks.query_labels > 0.05) & (tasks.query_labels < 0.95)).any())


def test_supports_are_mixed_within_their_class() -> None:
    tasks = task_maker(cache(), Augmentation(mixup=1.0, queries=False), seed=0).tasks(episodes(), range(4))
    levels = (tasks.support * 0.5 + 0.5).mean(dim=(-3, -2, -1)) * 255.0
    told = torch.tensor([[int(name[1:]) for name in each.class_names] for each in episodes()])
    torch.testing.assert_close(levels, 20.0 + 100.0 * told[:, tasks.support_labels], atol=12.0, rtol=0.0)
    assert not torch.equal(tasks.support, stack(cache(), episodes()).support)


def test_descriptors_can_be_mixed_and_nothing_else() -> None:
    features = float_cache(np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32), device=CPU)
    assert task_maker(features, Augmentation(mixup=0.5), seed=0).tasks(episodes(), range(4)).query.shape == (4, 12, 6)
    with pytest.raises(BadDataError, match="these are descriptors"):
        task_maker(features, Augmentation(flips=True), seed=0)
    with pytest.raises(BadDataError, match="these samples are none"):
        task_maker(features, Augmentation(brightness=0.1), seed=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"crop": 0.0}, "crop"),
        ({"cutout": 1.0}, "cutout"),
        ({"mixup": -0.1}, "mixup"),
        ({"read_noise": 3.0}, "full_well as well"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        replace(Augmentation(), **wrong)
