"""Evaluation of a method on a labelled folder: episodes, intervals, baselines on the same episodes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import Evaluation, Interval, data_fingerprint, evaluate, sample_hash
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.services.examples import NORMAL

Regions = Literal["image", "boxes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSummary:
    """Accuracy over episodes with its 95% interval, per type recall, and the frozen baselines on the same episodes."""

    method: str
    model: str | None
    accuracy: float
    interval: tuple[float, float]
    way: int
    shot: int
    query: int
    episodes: int
    seed: int
    fingerprint: str
    per_type: Mapping[str, Mapping[str, Any]]
    per_family: Mapping[str, Mapping[str, Any]]
    baselines: Mapping[str, Mapping[str, Any]]
    refused: tuple[str, ...]
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """Descriptors (n, d) of samples with their index and the fingerprint of the data."""

    features: NDArray[np.float32]
    index: EpisodeIndex
    fingerprint: str


def describe_folder(
    images: Sequence[LabelledImage], backbone: Backbone, *, regions: Regions, progress: Progress
) -> Described:
    """Return the descriptors of the images of a data folder, whole or cut by their boxes.

    With ``boxes`` each box is a sample of its own class, and an image without boxes is one whole sample; boxes of one
    image share a leakage group. Raises BadImageError for an image that cannot be read: a benchmark leaves none out.
    """
    classes: list[tuple[str, str, str]] = []
    hashes: list[str] = []

    def crops() -> Iterator[Pixels]:
        for image in images:
            pixels = image.load()
            for class_name, crop in _samples(image, pixels, regions):
                classes.append((image.family, class_name, image.group or image.source))
                hashes.append(sample_hash(crop))
                yield crop

    features = region_features(backbone, crops(), progress=progress)
    index = index_samples(
        families=[family for family, _, _ in classes],
        types=[name for _, name, _ in classes],
        groups=[group for _, _, group in classes],
    )
    return Described(features=features, index=index, fingerprint=data_fingerprint(hashes, index))


def _samples(image: LabelledImage, pixels: Pixels, regions: Regions) -> Iterator[tuple[str, Pixels]]:
    boxes = image.boxes if regions == "boxes" else ()
    for box in boxes:
        roi = box.roi.clipped(height=pixels.shape[0], width=pixels.shape[1])
        if roi is not None:
            yield box.class_name, _context_crop(pixels, roi)
    if not boxes:
        yield NORMAL if is_normal(image.class_name) else image.class_name, pixels


def _context_crop(pixels: Pixels, roi: Roi) -> Pixels:
    """Return the square of twice the box's longer side around its middle, as far as the image goes."""
    half = max(roi.height, roi.width)
    row, column = (roi.top + roi.bottom) // 2, (roi.left + roi.right) // 2
    return pixels[max(row - half, 0) : row + half, max(column - half, 0) : column + half]


def evaluate_folder(
    described: Described,
    method: Method,
    *,
    model: str | None,
    spec: EpisodeSpec,
    episodes: int,
    seed: int,
    progress: Progress,
) -> EvaluateSummary:
    """Return how a method does on the samples, beside the frozen baselines on the same episodes."""
    baselines = frozen_baselines(described.features.shape[1])
    others = [baseline for baseline in baselines if baseline.name != method.name]
    result = evaluate(
        described.features,
        described.index,
        spec,
        episodes=episodes,
        seed=seed,
        methods=[method, *others],
        fingerprint=described.fingerprint,
        progress=progress,
    )
    return _summary(result, method.name, [b.name for b in baselines], model=model, samples=len(described.index))


def _summary(
    result: Evaluation, method: str, baselines: Sequence[str], *, model: str | None, samples: int
) -> EvaluateSummary:
    score = result.scores[method]
    return EvaluateSummary(
        method=method,
        model=model,
        accuracy=score.accuracy.mean,
        interval=(score.accuracy.low, score.accuracy.high),
        way=result.spec.way,
        shot=result.spec.shot,
        query=result.spec.query,
        episodes=result.episodes,
        seed=result.seed,
        fingerprint=result.fingerprint,
        per_type={name: _shown(value, "recall") for name, value in score.per_type.items()},
        per_family={name: _shown(value, "accuracy") for name, value in score.per_family.items()},
        baselines={name: _shown(result.scores[name].accuracy, "accuracy") for name in baselines},
        refused=result.refused,
        samples=samples,
    )


def _shown(value: Interval, name: str) -> dict[str, Any]:
    return {name: value.mean, "interval": [value.low, value.high], "episodes": value.episodes}
