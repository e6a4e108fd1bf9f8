"""Two starting points of the detector on the same draws: what an initialization gains over the frozen backbone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.detect_curves import SHOTS, Curve, CurveSpec, measure_curve
from inspect_pipeline.services.detect_draws import DrawSpec
from inspect_pipeline.services.detect_figures import OWN, Series, estimate, pooled
from inspect_pipeline.services.detect_images import DescribedImage, describe_images
from inspect_pipeline.services.detect_trial import DETECTOR, TYPE_CHANNEL, Subject

_RANKED = ("image_auroc", "average_precision", "escape_at_0.05")
_PLACED = ("region_recall", "aupro", "escape", "overkill")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectComparison:
    """What ``model`` gains over ``against``: at every number of shots both figures and their paired difference.

    ``points`` pool types and materials; ``per_type`` is each ``material/type``. ``seen`` names materials that the model
    was trained on: their differences prove nothing about new material.
    """

    task: str
    model: str
    against: str
    points: Sequence[Mapping[str, Any]]
    per_type: Mapping[str, Sequence[Mapping[str, Any]]]
    types: tuple[str, ...]
    normals: int
    draws: int
    seed: int
    refused: tuple[str, ...]
    seen: tuple[str, ...]


def compare_subjects(
    images: Sequence[LabelledImage],
    subject: Subject,
    reference: Subject,
    spec: DrawSpec,
    *,
    shots: Sequence[int],
    model: str,
    trained_on: Sequence[str],
    progress: Progress,
    against: str = "frozen",
) -> DetectComparison:
    """Return the paired comparison over ``shots`` samples a type (``spec.normals`` good images) of every type.

    The draws are those of a curve over shots: nested, and tested on the same images. Images are described once where
    both have the same trunk. Only types that carry every number of shots are pooled. Raises BadDataError when no type
    carries any.
    """
    points = CurveSpec(shots=tuple(shots)).points(SHOTS, spec)
    if not points:
        raise BadDataError("a comparison needs a number of shots; give one or more")
    by_family: dict[str, list[LabelledImage]] = {}
    for image in images:
        by_family.setdefault(image.family, []).append(image)
    pairs: dict[str, tuple[Curve, Curve]] = {}
    refused: list[str] = []
    for family, members in by_family.items():
        for name, pair in _pairs(family, members, (subject, reference), points, progress).items():
            refused += pair[0].refused
            if pair[0].points:
                pairs[f"{family}/{name}"] = pair
    if not pairs:
        raise BadDataError(f"nothing can be compared here: {'; '.join(refused)}; add images or ask for fewer")
    full = {name: pair for name, pair in pairs.items() if len(pair[0].points) == len(points)}
    return DetectComparison(
        task="detect",
        model=model,
        against=against,
        points=_pooled(list(full.values())),
        per_type={name: _pooled([pair]) for name, pair in pairs.items()},
        types=tuple(full),
        normals=spec.normals,
        draws=spec.draws,
        seed=spec.seed,
        refused=tuple(refused),
        seen=tuple(sorted(set(by_family) & set(trained_on))),
    )


def _pairs(
    family: str,
    members: Sequence[LabelledImage],
    subjects: tuple[Subject, Subject],
    points: Sequence[DrawSpec],
    progress: Progress,
) -> dict[str, tuple[Curve, Curve]]:
    first = _described(members, subjects[0], progress)
    second = first if _same_trunk(*subjects) else _described(members, subjects[1], progress)
    types = sorted({name for image in first for name in image.labelled.types})
    found = {}
    for name in types:
        curves = [
            measure_curve(described, subject, material=family, name=name, specs=points, progress=progress)
            for described, subject in zip((first, second), subjects, strict=True)
        ]
        found[name] = (curves[0], curves[1])
    return found


def _described(members: Sequence[LabelledImage], subject: Subject, progress: Progress) -> list[DescribedImage]:
    return describe_images(members, subject.backbone, settings=subject.settings, progress=progress)


def _same_trunk(first: Subject, second: Subject) -> bool:
    one, other = first.backbone.trunk_state(), second.backbone.trunk_state()
    same_names = first.backbone.name == second.backbone.name and one.keys() == other.keys()
    return same_names and all(torch.equal(one[key], other[key]) for key in one)


def _pooled(pairs: Sequence[tuple[Curve, Curve]]) -> list[dict[str, Any]]:
    """Return a row for every number of shots: both means over types, draw by draw, and their difference."""
    rows = []
    for same in zip(*(zip(model.points, other.points, strict=True) for model, other in pairs), strict=True):
        model, other = (pooled([point[side].series for point in same]) for side in (0, 1))
        rows.append({"shot": same[0][0].shot, "normals": same[0][0].normals, "figures": _figures(model, other)})
    return rows


def _figures(model: Series, other: Series) -> dict[str, Any]:
    named = {name: (DETECTOR, name) for name in _RANKED} | {name: (OWN, name) for name in _PLACED}
    named["type_channel_auroc"] = (TYPE_CHANNEL, "image_auroc")
    return {figure: _paired(model[scorer][name], other[scorer][name]) for figure, (scorer, name) in named.items()}


def _paired(model: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, Any]:
    """Return both means, their paired difference, and the differences draw by draw for whoever pools further."""
    difference = estimate(model - other, share=False)
    return {
        "model": estimate(model),
        "against": estimate(other),
        "difference": difference,
        "per_draw": None if difference["value"] is None else (model - other).tolist(),
    }
