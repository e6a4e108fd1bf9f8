"""Tasks of a step with their samples changed at random; every episode by its own generator, whoever computes it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.augmentation import (
    beta_share,
    brightened,
    contrasted,
    cropped,
    cut_mixed,
    cut_out,
    flipped,
    mixed_up,
    noisy,
    quarter_turned,
)
from inspect_pipeline.learning.augmentation_settings import Augmentation
from inspect_pipeline.learning.episodes import Episode
from inspect_pipeline.learning.losses import class_probabilities
from inspect_pipeline.learning.sample_cache import SampleCache, Transform
from inspect_pipeline.learning.tasks import Tasks, stack

_SUPPORTS, _QUERIES, _MIXING = 2, 3, 4  # streams of an episode, apart from the one that draws it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskMaker:
    """Makes tasks of episodes; built by ``task_maker``."""

    samples: SampleCache
    augmentation: Augmentation
    seed: int

    def tasks(self, episodes: Sequence[Episode], numbers: Sequence[int]) -> Tasks:
        """Return the episodes of these numbers as a stack; the same for an episode in any stack and process."""
        wanted = self.augmentation
        tasks = stack(
            self.samples,
            episodes,
            supports=self._changes(numbers, _SUPPORTS) if wanted.supports else None,
            queries=self._changes(numbers, _QUERIES) if wanted.queries else None,
        )
        return self._mixed(tasks, numbers) if wanted.mixes else tasks

    def _changes(self, numbers: Sequence[int], stream: int) -> Transform | None:
        if not (self.augmentation.of_intensities or self.augmentation.of_planes):
            return None
        return lambda samples: torch.stack(
            [
                changed(task, self.augmentation, _generator(self.seed, number, stream))
                for task, number in zip(samples, numbers, strict=True)
            ]
        )

    def _mixed(self, tasks: Tasks, numbers: Sequence[int]) -> Tasks:
        supports, queries, labels = [], [], []
        for place, number in enumerate(numbers):
            generator = _generator(self.seed, number, _MIXING)
            if self.augmentation.supports:
                partners = _partners_within(tasks.support_labels, generator)
                supports.append(mixed(tasks.support[place], partners, self.augmentation, generator)[0])
            if self.augmentation.queries:
                partners = torch.randperm(tasks.query.shape[1], generator=generator).to(tasks.query.device)
                samples, kept = mixed(tasks.query[place], partners, self.augmentation, generator)
                queries.append(samples)
                labels.append(_mixed_labels(tasks, partners, kept))
        if supports:
            tasks = replace(tasks, support=torch.stack(supports))
        if queries:
            tasks = replace(tasks, query=torch.stack(queries), query_labels=torch.stack(labels))
        return tasks


def task_maker(samples: SampleCache, augmentation: Augmentation, *, seed: int) -> TaskMaker:
    """Return the maker of tasks. Raises BadDataError for an augmentation that such samples cannot have."""
    if augmentation.of_intensities and not samples.holds_images:
        raise BadDataError(
            "brightness, contrast and sensor noise change intensities of images, and these samples are none; "
            "leave them out, or train on images"
        )
    if augmentation.of_planes and len(samples.sample_shape) != 3:
        raise BadDataError(
            "flips, turns, crops, Cutout and CutMix need samples with height and width, and these are descriptors; "
            "leave them out, or train on images"
        )
    return TaskMaker(samples=samples, augmentation=augmentation, seed=seed)


def changed(images: Tensor, wanted: Augmentation, generator: Generator) -> Tensor:
    """Return images (..., c, h, w) after geometry, light, sensor noise and Cutout, in this order, as a camera would."""
    if wanted.flips:
        images = flipped(images, generator)
    if wanted.quarter_turns:
        images = quarter_turned(images, generator)
    if wanted.crop < 1.0:
        images = cropped(images, generator, least=wanted.crop)
    if wanted.brightness > 0.0:
        images = brightened(images, generator, most=wanted.brightness)
    if wanted.contrast > 0.0:
        images = contrasted(images, generator, most=wanted.contrast)
    if wanted.full_well > 0.0:
        images = noisy(images, generator, full_well=wanted.full_well, read_noise=wanted.read_noise)
    if wanted.cutout > 0.0:
        images = cut_out(images, generator, side=wanted.cutout)
    return images


def mixed(samples: Tensor, partners: Tensor, wanted: Augmentation, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return samples (n, *shape) mixed with their partners by Mixup or CutMix, and the share (n,) that stayed."""
    both = wanted.mixup > 0.0 and wanted.cutmix > 0.0
    cut = bool(torch.rand((), generator=generator) < 0.5) if both else wanted.cutmix > 0.0
    share = torch.tensor(beta_share(wanted.cutmix if cut else wanted.mixup, generator), device=samples.device)
    if cut:
        return cut_mixed(samples, partners, share, generator)
    return mixed_up(samples, partners, share), share.expand(len(samples))


def _mixed_labels(tasks: Tasks, partners: Tensor, kept: Tensor) -> Tensor:
    like = tasks.query.new_empty(len(kept), tasks.way)
    own = class_probabilities(tasks.query_labels, like)
    return kept[:, None] * own + (1.0 - kept[:, None]) * own[partners]


def _partners_within(labels: Tensor, generator: Generator) -> Tensor:
    """Return a partner of the same class for every sample, itself included."""
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    shuffled = order[torch.argsort(labels[order], stable=True)]
    partners = torch.empty_like(order)
    partners[torch.argsort(labels, stable=True)] = shuffled
    return partners


def _generator(seed: int, number: int, stream: int) -> Generator:
    word = np.random.SeedSequence(seed, spawn_key=(stream, number)).generate_state(1, np.uint64)[0]
    return Generator().manual_seed(int(word) % 2**63)
