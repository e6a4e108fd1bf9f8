"""Meta-gradients of this package beside those of learn2learn, on the same network and tasks; prints JSON.

python -m benchmarks.meta_gradients [--way 5 --shot 5 --query 15 --steps 5 --tasks 4 --seeds 0 1 2 --repeats 5]

The peer is installed nowhere else. Its 0.2.0 builds on Python 3.11 once its C files are made anew: unpack the sdist,
delete learn2learn/data/*.c, run `python setup.py build_ext --inplace` with Cython and setuptools at hand, install gym,
cloudpickle and gym_notices with --no-deps --target, and put both folders on PYTHONPATH. The network:
four convolutions of 32 channels without BatchNorm, whose treatment differs between the two, on 28 px noise images with
a class signal.
"""

import argparse
import importlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cosine_similarity, cross_entropy

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.learning.embedding import Option, State
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.tasks import Tasks
from inspect_pipeline.learning.weight_files import checked_tensors

_RATE, _DIMS, _SIDE_PX = 0.1, 32, 28
_METHODS = ("maml", "fomaml", "anil")


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    peer = learn2learn()
    document: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.meta_gradients", *sys.argv[1:]]),
        "revision": code_revision(),
        "torch": torch.__version__,
        "learn2learn": peer.__version__,
        "threads": torch.get_num_threads(),
        "seeds": options.seeds,
        "form": {name: getattr(options, name) for name in ("way", "shot", "query", "steps", "tasks")},
        "agreement": {
            f"{name}, {dtype}": agreement(peer, name, options, dtype=getattr(torch, dtype))
            for name in _METHODS
            for dtype in ("float64", "float32")
        },
        "seconds_of_learn2learn_over_ours": {name: ratio(peer, name, options) for name in _METHODS},
    }
    print(json.dumps(document, indent=1))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("way", 5), ("shot", 5), ("query", 15), ("steps", 5), ("tasks", 4), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def learn2learn() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("learn2learn")
        except ModuleNotFoundError as error:
            raise SystemExit(f"learn2learn cannot be imported ({error}); see the head of this file") from error


def trunk(dtype: torch.dtype) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inside in (1, 32, 32, 32):
        layers += [nn.Conv2d(inside, 32, 3, padding=1), nn.Softplus(), nn.AvgPool2d(2, ceil_mode=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(dtype)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trunk:
    """The same network as an embedding."""

    network: nn.Sequential
    numbers: Mapping[str, Tensor]

    @property
    def dims(self) -> int:
        return _DIMS

    @property
    def sample_ndim(self) -> int:
        return 3

    def form(self) -> dict[str, Option]:
        return {"kind": "benchmark", "dims": _DIMS}

    def tensors(self) -> dict[str, Tensor]:
        return dict(self.numbers)

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        return replace(self, numbers=checked_tensors(tensors, self.numbers, what="the trunk"))

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:  # noqa: ARG002
        return self.embed(support, tensors, {}), {}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:  # noqa: ARG002
        flat: Tensor = functional_call(self.network, dict(tensors), (samples.reshape(-1, *samples.shape[-3:]),))
        return flat.reshape(*samples.shape[:-3], _DIMS)


def drawn(options: argparse.Namespace, seed: int, dtype: torch.dtype) -> tuple[nn.Sequential, Tasks]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = trunk(dtype)
        labels = torch.arange(options.way)
        signal = torch.randn(options.tasks, options.way, 1, 1, 1, _SIDE_PX, _SIDE_PX, dtype=dtype)
        parts = [
            (signal + torch.randn(options.tasks, options.way, count, 1, 1, _SIDE_PX, _SIDE_PX, dtype=dtype))
            for count in (options.shot, options.query)
        ]
    support, query = (part.reshape(options.tasks, -1, 1, _SIDE_PX, _SIDE_PX) for part in parts)
    return network, Tasks(
        support=support,
        support_labels=labels.repeat_interleave(options.shot),
        query=query,
        query_labels=labels.repeat_interleave(options.query),
        way=options.way,
    )


def ours(network: nn.Sequential, name: str, options: argparse.Namespace) -> Method:
    numbers = {key: tensor.detach().clone() for key, tensor in network.named_parameters()}
    settings: dict[str, Option] = {"steps": options.steps, "rate": _RATE, "features": "raw"}
    return build_method(name, Trunk(network=network, numbers=numbers), settings)


def our_gradient(method: Method, tasks: Tasks) -> Tensor:
    learned = method.embedding.tensors()
    head = {name: tensor.clone().requires_grad_(name in learned) for name, tensor in method.head().items()}
    loss = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=0.0).loss.mean()
    found = torch.autograd.grad(loss, [head[name] for name in learned])
    return torch.cat([each.flatten() for each in found])


def their_gradient(peer: Any, network: nn.Sequential, name: str, tasks: Tasks, steps: int) -> Tensor:
    """Return the gradient of the trunk as the peer's examples take it: task by task, summed up by ``backward``."""
    head = nn.Linear(_DIMS, tasks.way).to(tasks.support)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    stepped = head if name == "anil" else nn.Sequential(network, head)
    algorithm = peer.algorithms.MAML(stepped, lr=_RATE, first_order=name == "fomaml")
    network.zero_grad()
    for support, query in zip(tasks.support, tasks.query, strict=True):
        learner = algorithm.clone()
        seen, asked = (network(support), network(query)) if name == "anil" else (support, query)
        for _ in range(steps):
            learner.adapt(cross_entropy(learner(seen), tasks.support_labels))
        (cross_entropy(learner(asked), tasks.query_labels) / len(tasks)).backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None])


def agreement(peer: Any, name: str, options: argparse.Namespace, *, dtype: torch.dtype) -> dict[str, float]:
    """Return the least cosine and the greatest relative difference of the gradients over the seeds."""
    cosines, differences = [], []
    for seed in options.seeds:
        network, tasks = drawn(options, seed, dtype)
        our = our_gradient(ours(network, name, options), tasks)
        their = their_gradient(peer, network, name, tasks, options.steps)
        cosines.append(float(cosine_similarity(our.double(), their.double(), dim=0)))
        differences.append(float((our - their).norm() / their.norm()))
    return {"least_cosine": min(cosines), "greatest_relative_difference": max(differences)}


def ratio(peer: Any, name: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the peer's time over ours for one outer gradient: median, least and greatest of pairs run in turn."""
    network, tasks = drawn(options, options.seeds[0], torch.float32)
    method = ours(network, name, options)
    runs: tuple[Callable[[], Tensor], Callable[[], Tensor]] = (
        lambda: their_gradient(peer, network, name, tasks, options.steps),
        lambda: our_gradient(method, tasks),
    )
    for run in runs:
        run()
    pairs = [[seconds(run) for run in runs] for _ in range(options.repeats)]
    ratios = [their / our for their, our in pairs]
    return {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios), "pairs": len(ratios)}


def seconds(run: Callable[[], Tensor]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
