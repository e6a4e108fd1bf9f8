"""Evaluation of a method on labelled folders: episodes, intervals, baselines and paired gains on the same episodes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.contest import Contest, contest
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import Evaluation, data_fingerprint, evaluate, sample_hash
from inspect_pipeline.learning.image_samples import resized
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.open_set import open_set
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.learning.sample_cache import Samples
from inspect_pipeline.learning.type_growth import type_growth
from inspect_pipeline.services.examples import NORMAL
from inspect_pipeline.services.method_curves import MethodCurves, measure_curves
from inspect_pipeline.services.method_figures import ACCURACY, RECALL, differences, shown
from inspect_pipeline.services.open_world import growth_rows, open_set_rows

Regions = Literal["image", "boxes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSummary:
    """Accuracy over episodes with its 95% interval, per type recall, and the frozen baselines on the same episodes.

    ``differences`` are paired, over episodes and over materials. ``seen`` names materials that the model was trained
    on: their figures prove nothing about new material. What the data or the method cannot carry is None, and
    ``not_measured`` says why.
    """

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
    task: str = "classify"
    chance: float = float("nan")
    options: Mapping[str, Option] = field(default_factory=dict)
    differences: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    open_set: Mapping[str, Any] | None = None
    known_versus_new: Mapping[str, Any] | None = None
    seen: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured beside the accuracy of the episodes asked for."""

    curves: MethodCurves = field(default_factory=MethodCurves)
    open_set: bool = False
    known_versus_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """Descriptors (n, d) of samples with their index and the fingerprint of the data.

    ``images`` (n, side, side, 3) are the samples themselves where a method takes images.
    """

    features: NDArray[np.float32]
    index: EpisodeIndex
    fingerprint: str
    images: NDArray[np.uint8] | None = None


def describe_folder(
    images: Sequence[LabelledImage],
    backbone: Backbone,
    *,
    regions: Regions,
    progress: Progress,
    side_px: int | None = None,
) -> Described:
    """Return the descriptors of the images of a data folder, whole or cut by their boxes.

    With ``side_px`` the samples themselves are kept too, as images of that side.

    With ``boxes`` each box is a sample of its own class, and an image without boxes is one whole sample; boxes of one
    image share a leakage group. Raises BadImageError for an image that cannot be read: a benchmark leaves none out.
    """
    classes: list[tuple[str, str, str]] = []
    hashes: list[str] = []
    small: list[NDArray[np.uint8]] = []

    def crops() -> Iterator[Pixels]:
        for image in images:
            pixels = image.load()
            for class_name, crop in _samples(image, pixels, regions):
                classes.append((image.family, class_name, image.group or image.source))
                hashes.append(sample_hash(crop))
                if side_px is not None:
                    small.append(resized(crop, side_px))
                yield crop

    features = region_features(backbone, crops(), progress=progress)
    index = index_samples(
        families=[family for family, _, _ in classes],
        types=[name for _, name, _ in classes],
        groups=[group for _, _, group in classes],
    )
    return Described(
        features=features,
        index=index,
        fingerprint=data_fingerprint(hashes, index),
        images=np.stack(small) if small else None,
    )


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
    measures: Measures | None = None,
    trained_on: Sequence[str] = (),
    others: Mapping[str, Samples] | None = None,
) -> EvaluateSummary:
    """Return how a method does on the samples, beside the frozen baselines on the same episodes.

    ``trained_on`` are the families of the model; ``others`` are the samples, by method name, of one that does not take
    descriptors. Raises BadDataError where no family can serve ``spec``, or for a curve that cannot be measured.
    """
    baselines = frozen_baselines(described.features.shape[1])
    methods = [method, *(baseline for baseline in baselines if baseline.name != method.name)]
    result = evaluate(
        described.features,
        described.index,
        spec,
        episodes=episodes,
        seed=seed,
        methods=methods,
        fingerprint=described.fingerprint,
        progress=progress,
        others=others,
    )
    entered = contest(described.features, described.index, methods, others=others)
    beyond = _beyond(entered, result, method.name, measures or Measures(), progress)
    summary = _summary(result, method.name, [b.name for b in baselines], model=model, samples=len(described.index))
    return replace(
        summary,
        options=dict(method.options()),
        seen=tuple(sorted(set(described.index.families) & set(trained_on))),
        curves=beyond.curves,
        open_set=beyond.open_set,
        known_versus_new=beyond.known_versus_new,
        not_measured=beyond.not_measured,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beyond:
    """What is measured beside accuracy, and why the rest is not."""

    curves: Mapping[str, Mapping[str, Any]]
    open_set: Mapping[str, Any] | None
    known_versus_new: Mapping[str, Any] | None
    not_measured: tuple[str, ...]


def _beyond(entered: Contest, result: Evaluation, method: str, asked: Measures, progress: Progress) -> _Beyond:
    spec, episodes, seed = result.spec, result.episodes, result.seed
    curves = measure_curves(entered, spec, asked.curves, method=method, episodes=episodes, seed=seed, progress=progress)
    few = f"with {spec.way} types in an episode none can be left out or added; give --way 3 or more"
    wanted = asked.open_set or asked.known_versus_new
    able = spec.way >= 3
    return _Beyond(
        curves=curves,
        open_set=open_set_rows(open_set(entered, spec, episodes=episodes, seed=seed, progress=progress), method=method)
        if asked.open_set and able
        else None,
        known_versus_new=growth_rows(
            type_growth(entered, spec, episodes=episodes, seed=seed, progress=progress), method=method
        )
        if asked.known_versus_new and able
        else None,
        not_measured=(few,) if wanted and not able else (),
    )


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
        per_type={name: shown(value, RECALL) for name, value in score.per_type.items()},
        per_family={name: shown(value, ACCURACY) for name, value in score.per_family.items()},
        baselines={name: shown(result.scores[name].accuracy, ACCURACY) for name in baselines},
        refused=result.refused,
        samples=samples,
        chance=1.0 / result.spec.way,
        differences=differences(result, method, baselines),
    )
