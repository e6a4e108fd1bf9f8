"""One draw measured: the product's own teaching and detector on the test images, and the baselines beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.domain.detection_metrics import average_precision, escape_at, image_auroc
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector import Detector, ScoreMaps
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.examples import GoodUnit, Patches, Support, cut_map
from inspect_pipeline.learning.fine_tuned_baseline import FineTuning, fine_tune
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained
from inspect_pipeline.learning.region_typing import RegionPrior
from inspect_pipeline.learning.teaching import Taught, teach_patches
from inspect_pipeline.services.detect_draws import Drawn
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_open_set import open_set
from inspect_pipeline.services.detect_regions import localised, regions_of

OVERKILLS = (0.01, 0.05)
DETECTOR, NORMALITY, TYPE_CHANNEL, FINE_TUNED = "detector", "normality_only", "type_channel_only", "fine_tuned"

Figures = Mapping[str, float]
"""Figures by name; not a number where the draw cannot measure one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is under test: a frozen backbone with the prior of an initialization, taught by the product's recipe.

    With ``fine_tuning`` a classifier of whole images whose last stage is trained stands beside it; that takes seconds
    a draw.
    """

    backbone: Backbone
    prior: DifferencePrior | None
    promise: Promise
    settings: DetectorSettings
    fine_tuning: FineTuning | None = None
    regions: RegionPrior | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """The figures of one draw: ``rankings`` of every scorer on the same images, and the detector's ``own``."""

    rankings: Mapping[str, Figures]
    own: Figures


def measure(
    images: Sequence[DescribedImage],
    drawn: Drawn,
    subject: Subject,
    *,
    seed: int,
    slow: bool = True,
    naming: bool = True,
) -> Trial:
    """Teach from the draw's images and return the figures of its test images, which set no threshold.

    Unless ``slow`` a fine-tuned baseline of the subject is left out; unless ``naming`` what untaught types are named,
    for which every region goes through the backbone.
    """
    taught = _taught(images, drawn, subject, seed=seed)
    tested = _tested(drawn)
    maps = {i: taught.detector.judge(images[i].patches) for i in tested}
    scores = {
        DETECTOR: {i: float(maps[i].strongest.max()) for i in tested},
        NORMALITY: {i: float(maps[i].anomaly.max()) for i in tested},
        TYPE_CHANNEL: {i: float(maps[i].types.max()) for i in tested},
        **_whole_image_scores(images, drawn),
        **(_fine_tuned_scores(images, drawn, subject, seed=seed) if slow else {}),
    }
    return Trial(
        rankings={name: _ranking(values, drawn) for name, values in scores.items()},
        own={
            **_realised(images, scores[DETECTOR], drawn, taught),
            **localised(images, drawn, maps),
            **open_set(images, drawn, taught.detector, maps, naming=naming),
            "type_accuracy": _type_accuracy(images, drawn, taught.detector, maps),
        },
    )


def _taught(images: Sequence[DescribedImage], drawn: Drawn, subject: Subject, *, seed: int) -> Taught:
    """Return the detector taught as at a line: the same cutting, fit, calibration and leave-one-out."""
    unit, settings = subject.promise.unit, subject.settings
    good: list[GoodUnit] = []
    for frame, i in enumerate(drawn.normals):
        image = images[i]
        cut = cut_map(image.patches, [image.whole], [], frame=frame, unit=unit, settings=settings)
        good += [replace(piece, group=image.labelled.group) for piece in cut.good]
    supports: list[Support] = []
    for name, members in drawn.supports.items():
        for i in members:
            region = images[i].regions[name]
            supports += cut_map(
                images[i].patches, [], [region], frame=0, unit=unit, settings=settings, seen=images[i].seen(name)
            ).supports
    return teach_patches(
        subject.backbone,
        Patches(good=tuple(good), supports=tuple(supports)),
        promise=subject.promise,
        settings=settings,
        seed=seed,
        prior=subject.prior,
        regions=subject.regions,
    )


def _whole_image_scores(images: Sequence[DescribedImage], drawn: Drawn) -> dict[str, dict[int, float]]:
    """Return scores of classifiers of whole images, by name: the strongest type against good, in logits."""
    members, labels, way = _lesson(drawn)
    support = torch.stack([images[i].pooled for i in members])
    query = torch.stack([images[i].pooled for i in _tested(drawn)])
    dims = support.shape[1]
    methods = (*frozen_baselines(dims), untrained("logistic_regression", dims))
    logits = {m.name: m.adapt(support, labels, way=way).score(query) for m in methods}
    return {name: _defect_scores(row, drawn) for name, row in logits.items()}


def _fine_tuned_scores(
    images: Sequence[DescribedImage], drawn: Drawn, subject: Subject, *, seed: int
) -> dict[str, dict[int, float]]:
    if subject.fine_tuning is None:
        return {}
    members, labels, way = _lesson(drawn)
    classifier = fine_tune(
        subject.backbone, [_inputs(images[i]) for i in members], labels, way=way, options=subject.fine_tuning, seed=seed
    )
    return {FINE_TUNED: _defect_scores(classifier.score([_inputs(images[i]) for i in _tested(drawn)]), drawn)}


def _inputs(image: DescribedImage) -> Tensor:
    if image.stage_inputs is None:
        raise BadDataError(f"{image.source} was described without fine-tuning; describe the images for it")
    return image.stage_inputs


def _lesson(drawn: Drawn) -> tuple[list[int], Tensor, int]:
    """Return the images that teach, their classes (0 is good, then the types in order) and the number of classes."""
    chosen = [(0, i) for i in drawn.normals]
    for label, members in enumerate(drawn.supports.values(), start=1):
        chosen += [(label, i) for i in members]
    return [i for _, i in chosen], torch.tensor([label for label, _ in chosen]), 1 + len(drawn.supports)


def _tested(drawn: Drawn) -> tuple[int, ...]:
    return (*drawn.test_normals, *drawn.defects, *drawn.strangers)


def _defect_scores(logits: Tensor, drawn: Drawn) -> dict[int, float]:
    return dict(zip(_tested(drawn), (logits[:, 1:].amax(dim=1) - logits[:, 0]).tolist(), strict=True))


def _ranking(scores: Mapping[int, float], drawn: Drawn) -> dict[str, float]:
    normals, defects = [scores[i] for i in drawn.test_normals], [scores[i] for i in drawn.defects]
    found = {"image_auroc": image_auroc(normals, defects), "average_precision": average_precision(normals, defects)}
    return found | {f"escape_at_{x}": _number(escape_at(normals, defects, x)) for x in OVERKILLS}


def _realised(
    images: Sequence[DescribedImage], scores: Mapping[int, float], drawn: Drawn, taught: Taught
) -> dict[str, float]:
    """Return what the detector's own threshold gives on the test, and whether leave-one-out foretold it.

    Of every taught type the recall of the images that show it stands against the interval that leave-one-out stated:
    inside, below (the statement promised too much) or above; means over the types. Not a number where no image
    shows a type.
    """
    recalls = {
        one.defect_type: [scores[i] >= 1.0 for i in drawn.defects if one.defect_type in images[i].labelled.types]
        for one in taught.leave_one_out
    }
    stated = [(one.found, _share(recalls[one.defect_type])) for one in taught.leave_one_out]
    measured = all(math.isfinite(recall) for _, recall in stated)
    below = float(np.mean([recall < found.low for found, recall in stated])) if measured else math.nan
    above = float(np.mean([recall > found.high for found, recall in stated])) if measured else math.nan
    return {
        "overkill": float(np.mean([scores[i] >= 1.0 for i in drawn.test_normals])),
        "escape": float(np.mean([scores[i] < 1.0 for i in drawn.defects])),
        "recall_in_interval": 1.0 - below - above,
        "recall_below_interval": below,
        "recall_above_interval": above,
        "stated_recall": float(np.mean([math.nan if found.value is None else found.value for found, _ in stated])),
        "stated_low": float(np.mean([found.low for found, _ in stated])),
        "stated_high": float(np.mean([found.high for found, _ in stated])),
    }


def _type_accuracy(
    images: Sequence[DescribedImage], drawn: Drawn, detector: Detector, maps: Mapping[int, ScoreMaps]
) -> float:
    """Return, of the defective images that alarm, the share whose strongest region is named a type that it shows.

    ``unknown`` is a wrong name. Not a number where one type alone is taught, or nothing alarms.
    """
    if len(drawn.supports) < 2:
        return math.nan
    right = []
    for i in drawn.defects:
        regions = regions_of(images[i], maps[i], threshold=1.0)
        if regions:
            (typing,) = detector.name_regions(maps[i], [regions[0].roi], images[i].pixels)
            right.append(typing.defect_type in images[i].labelled.types)
    return _share(right)


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else value
