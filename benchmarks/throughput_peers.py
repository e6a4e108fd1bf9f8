"""What people train few-shot methods with, as their own examples do it: easyfsl 1.5.0 and learn2learn 0.2.0.

Neither is a dependency. ``pip install --no-deps --target PEERS easyfsl==1.5.0 gym==0.26.2 gym_notices cloudpickle``
gives the first and what the second imports. The sources of learn2learn (``pip download --no-deps learn2learn==0.2.0``)
are to be compiled anew: remove ``learn2learn/data/*.c``, run ``python setup.py build_ext --inplace`` with
``cython<3.1`` at hand, and copy ``learn2learn`` into PEERS.
"""

import contextlib
import io
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision import transforms

from benchmarks.throughput_task import INNER_RATE, LEAST_CROP, OUTER_RATE, PIXEL_MEAN, PIXEL_STD, Task

Step = Callable[[], None]
"""Trains on one episode: draws it, loads it, changes it, steps the optimiser."""


def peers(folder: Path, task: Task) -> dict[str, dict[str, Step]]:
    """Return by method the peers' steps by name; ``cached`` ones hold the decoded images in memory, as we do."""
    sys.path.append(str(folder))  # behind our own packages
    random.seed(task.seed)
    torch.manual_seed(task.seed)  # the peers know no other randomness
    found: dict[str, dict[str, Step]] = {"protonet": {}, "anil": {}, "fomaml": {}, "maml": {}}
    for name, cached in (("files", False), ("cached", True)):
        images = Images(task, cached=cached)
        found["protonet"][f"easyfsl, {name}"] = easyfsl_protonet(images, task)
        found["anil"][f"learn2learn, {name}"] = learn2learn_anil(images, task)
        found["fomaml"][f"learn2learn, {name}"] = learn2learn_maml(images, task, first_order=True)
    found["maml"]["learn2learn, cached"] = learn2learn_maml(Images(task, cached=True), task, first_order=False)
    return found


class Images(Dataset[tuple[Tensor, int]]):
    """The images of the task with torchvision's augmentation, one by one, as both peers' examples load them."""

    def __init__(self, task: Task, *, cached: bool) -> None:
        self._paths, self.labels = task.paths, task.labels
        self._kept = [_opened(path) for path in task.paths] if cached else None
        self._transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(task.side_px, scale=(LEAST_CROP, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(PIXEL_MEAN, PIXEL_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        image = self._kept[item] if self._kept is not None else _opened(self._paths[item])
        return self._transform(image), self.labels[item]

    def get_labels(self) -> list[int]:
        """Return the label of every image, for easyfsl."""
        return self.labels


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def conv4() -> nn.Module:
    """Return Conv4-64 as it is usually written."""

    def block(inside: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inside, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2))

    return nn.Sequential(block(3), block(64), block(64), block(64), nn.Flatten())


def easyfsl_protonet(images: Images, task: Task) -> Step:
    """Return a step of easyfsl's episodic training of a prototypical network."""

    def without_source(self: Sampler[Any], data_source: object = None) -> None:
        """Take the argument that easyfsl still gives and torch no longer takes."""

    Sampler.__init__ = without_source  # type: ignore[method-assign]
    from easyfsl.methods import PrototypicalNetworks
    from easyfsl.samplers import TaskSampler

    sampler = TaskSampler(images, n_way=task.way, n_shot=task.shot, n_query=task.query, n_tasks=10**9)
    loader = iter(DataLoader(images, batch_sampler=sampler, collate_fn=sampler.episodic_collate_fn))
    model = PrototypicalNetworks(conv4())
    optimizer = torch.optim.Adam(model.parameters(), lr=OUTER_RATE)

    def step() -> None:
        support, support_labels, query, query_labels, _ = next(loader)
        optimizer.zero_grad()
        model.process_support_set(support, support_labels)
        cross_entropy(model(query), query_labels).backward()
        optimizer.step()

    return step


def learn2learn_maml(images: Images, task: Task, *, first_order: bool) -> Step:
    """Return a step of learn2learn's example ``maml_miniimagenet`` with one task a step."""
    l2l = _learn2learn()
    model = l2l.algorithms.MAML(
        l2l.vision.models.CNN4(task.way, hidden_size=64, layers=4, embedding_size=task.dims),
        lr=INNER_RATE,
        first_order=first_order,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=OUTER_RATE)
    episodes = _learn2learn_episodes(l2l, images, task)

    def step() -> None:
        (support, support_labels), (query, query_labels) = next(episodes)
        learner = model.clone()
        optimizer.zero_grad()
        for _ in range(task.inner_steps):
            learner.adapt(cross_entropy(learner(support), support_labels))
        cross_entropy(learner(query), query_labels).backward()
        optimizer.step()

    return step


def learn2learn_anil(images: Images, task: Task) -> Step:
    """Return a step of learn2learn's example ``anil_miniimagenet`` with one task a step: features once, for all."""
    l2l = _learn2learn()
    features = nn.Sequential(l2l.vision.models.ConvBase(hidden=64, channels=3, max_pool=True, layers=4), nn.Flatten())
    head = l2l.algorithms.MAML(nn.Linear(task.dims, task.way), lr=INNER_RATE)
    optimizer = torch.optim.Adam([*features.parameters(), *head.parameters()], lr=OUTER_RATE)
    episodes = _learn2learn_episodes(l2l, images, task)

    def step() -> None:
        (support, support_labels), (query, query_labels) = next(episodes)
        learner = head.clone()
        optimizer.zero_grad()
        described = features(torch.cat([support, query]))
        seen, asked = described[: len(support)], described[len(support) :]
        for _ in range(task.inner_steps):
            learner.adapt(cross_entropy(learner(seen), support_labels))
        cross_entropy(learner(asked), query_labels).backward()
        optimizer.step()

    return step


def _learn2learn() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # gym prints that it is old
        warnings.simplefilter("ignore")
        import learn2learn
    return learn2learn


Part = tuple[Tensor, Tensor]


def _learn2learn_episodes(l2l: Any, images: Images, task: Task) -> Iterator[tuple[Part, Part]]:
    """Yield supports and queries of tasks, as learn2learn's examples draw and part them."""
    dataset = l2l.data.MetaDataset(images)
    drawn = l2l.data.TaskDataset(
        dataset,
        task_transforms=[
            l2l.data.transforms.NWays(dataset, task.way),
            l2l.data.transforms.KShots(dataset, task.shot + task.query),
            l2l.data.transforms.LoadData(dataset),
            l2l.data.transforms.RemapLabels(dataset),
            l2l.data.transforms.ConsecutiveLabels(dataset),
        ],
        num_tasks=-1,
    )
    each = task.shot + task.query
    of_support = torch.arange(task.way * each) % each < task.shot
    while True:
        data, labels = drawn.sample()
        yield (data[of_support], labels[of_support]), (data[~of_support], labels[~of_support])
