"""Meta-training from files to steps, ours against what people use: episodes a second, paired in one run.

Conv4-64 at 84 px, 5-way 5-shot with 15 queries, 5 inner steps, random crops and flips, Adam, one episode a step, one
thread, no workers. Each repeat runs every engine once, one after the other, so that a ratio compares neighbours in
time; ratios are of CPU seconds, which a busy machine moves less, with those of the clock beside them. ``files`` reads
and decodes every image as the peers' examples do, ``cached`` gives the peers decoded images in memory, as we hold
them. Our cache is filled once; what that takes stands beside. How to get the peers: ``throughput_peers``.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.throughput ../shared/data/neu_det --peers PEERS \
        --out benchmarks/results/throughput.json
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.throughput_peers import Step, peers
from benchmarks.throughput_task import INNER_RATE, LEAST_CROP, OUTER_RATE, PIXEL_MEAN, PIXEL_STD, Task
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.domain.statistics import student_interval
from inspect_pipeline.learning.augmentation_settings import Augmentation
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import EpisodeSpec, index_samples
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.networks.network_catalog import started_network
from inspect_pipeline.learning.networks.network_specs import Conv4Spec
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.sample_cache import SampleCache, image_cache

TARGETS = {"protonet": 2.0, "anil": 2.0, "fomaml": 2.0, "maml": 1.2}
_PRECISIONS = ("bfloat16", "float32")
_OURS = "ours, bfloat16"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with images/<class>/*")
    parser.add_argument("--peers", type=Path, required=True, help="the folder that easyfsl and learn2learn lie in")
    parser.add_argument("--methods", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=1, help="episodes of every engine in a repeat")
    parser.add_argument("--per-class", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    document = measured(arguments)
    text = json.dumps(document, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    load, began = os.getloadavg(), time.perf_counter()
    task = Task.read(
        arguments.data, per_class=arguments.per_class, way=5, shot=5, query=15, inner_steps=5, seed=arguments.seed
    )
    started = time.process_time()
    cache = filled_cache(task)
    filling = time.process_time() - started
    theirs = peers(arguments.peers, task)
    methods = {
        name: of_method(name, {**ours(name, cache, task), **theirs[name]}, arguments) for name in arguments.methods
    }
    return {
        "command": f"OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.throughput {arguments.data.name} "
        f"--peers PEERS --methods {' '.join(arguments.methods)} --repeats {arguments.repeats} "
        f"--episodes {arguments.episodes} --per-class {arguments.per_class} --seed {arguments.seed}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": {"before": load, "after": os.getloadavg()},
        "threads": {
            "torch": torch.get_num_threads(),
            "workers": 0,
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"),
        },
        "versions": {name: version(name) for name in ("torch", "torchvision")}
        | {"easyfsl": "1.5.0", "learn2learn": "0.2.0"},
        "seeds": {"episodes": arguments.seed},
        "episode": "5-way 5-shot, 15 queries a class, 84 px, Conv4-64, 5 inner steps, 1 episode a step",
        "repeats": arguments.repeats,
        "images": len(task.paths),
        "filling_the_cache_cpu_s": round(filling, 3),
        "intervals": "geometric mean of the paired ratios with Student's 95% interval of their logarithms over repeats",
        "methods": methods,
        "seconds": round(time.perf_counter() - began, 1),
    }


def filled_cache(task: Task) -> SampleCache:
    """Return the images as bytes in memory, resized once."""
    images = np.empty((len(task.paths), task.side_px, task.side_px, 3), dtype=np.uint8)
    for place, path in enumerate(task.paths):
        image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        images[place] = cv2.resize(image, (task.side_px, task.side_px), interpolation=cv2.INTER_AREA)
    return image_cache(images, mean=PIXEL_MEAN, std=PIXEL_STD, device=torch.device("cpu"), channels_last=True)


def ours(name: str, cache: SampleCache, task: Task) -> dict[str, Step]:
    """Return our steps: the product's own training of the catalog's own method, in either precision."""
    index = index_samples(
        families=["all"] * len(task.paths),
        types=[task.names[label] for label in task.labels],
        groups=[""] * len(task.paths),
    )
    embedding = started_network(Conv4Spec(side_px=task.side_px), torch.Generator().manual_seed(task.seed))
    inner = {} if name == "protonet" else {"steps": task.inner_steps, "rate": INNER_RATE, "features": "raw"}
    found: dict[str, Step] = {}
    for precision in _PRECISIONS:
        training = EpisodeTraining(
            build_method(name, embedding, inner),
            cache,
            index,
            spec=EpisodeSpec(way=task.way, shot=task.shot, query=task.query),
            options=OuterLoop(
                steps=10_000,
                tasks_per_step=1,
                learning_rate=OUTER_RATE,
                decay=0.0,
                precision=precision,
                augmentation=Augmentation(flips=True, crop=LEAST_CROP),
            ),
            seed=task.seed,
        )
        found[f"ours, {precision}"] = discarding(training.step)
    return found


def discarding(step: Callable[[], float]) -> Step:
    def stepped() -> None:
        step()

    return stepped


def of_method(name: str, engines: Mapping[str, Step], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the engines of a method took, and the ratios to ours of those of the peers."""
    for step in engines.values():
        step()  # the first one allocates and compiles
    cpu: dict[str, list[float]] = {engine: [] for engine in engines}
    clock: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in range(arguments.repeats):
        for engine, step in engines.items():
            started, began = time.process_time(), time.perf_counter()
            for _ in range(arguments.episodes):
                step()
            cpu[engine].append((time.process_time() - started) / arguments.episodes)
            clock[engine].append((time.perf_counter() - began) / arguments.episodes)
    rivals = [engine for engine in engines if not engine.startswith("ours")]
    ratios = {rival: ratio(cpu[rival], cpu[_OURS]) for rival in rivals}
    best = min(rivals, key=lambda rival: ratios[rival]["mean"])
    return {
        "cpu_s_an_episode": {engine: round(float(np.median(values)), 4) for engine, values in cpu.items()},
        "clock_s_an_episode": {engine: round(float(np.median(values)), 4) for engine, values in clock.items()},
        "times_as_fast": ratios,
        "times_as_fast_by_the_clock": {rival: ratio(clock[rival], clock[_OURS]) for rival in rivals},
        "times_as_fast_in_float32": {rival: ratio(cpu[rival], cpu["ours, float32"]) for rival in rivals},
        "best_peer": best,
        "target": TARGETS[name],
        "target_met": ratios[best]["interval"][0] >= TARGETS[name],
        "runs_cpu_s": {engine: [round(value, 4) for value in values] for engine, values in cpu.items()},
    }


def ratio(theirs: Sequence[float], own: Sequence[float]) -> dict[str, Any]:
    """Return how many times as long they took, paired by repeat."""
    logs = [math.log(their / our) for their, our in zip(theirs, own, strict=True)]
    mean, low, high = (round(math.exp(value), 3) for value in student_interval(logs))
    return {"mean": mean, "interval": [low, high]}


if __name__ == "__main__":
    main()
