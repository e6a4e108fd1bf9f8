"""Types that were not taught: are they found, and does the detector know that it does not know them?"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from inspect_pipeline.domain.detection_metrics import image_auroc
from inspect_pipeline.domain.explanation import NamedBy
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE
from inspect_pipeline.learning.detector import Detector, ScoreMaps
from inspect_pipeline.services.detect_draws import LEAST_TESTED, Drawn
from inspect_pipeline.services.detect_images import DescribedImage
from inspect_pipeline.services.detect_regions import place_of, regions_of

OPEN_SET = (
    "strangers_auroc",
    "strangers_auroc_normality",
    "strangers_auroc_types",
    "strangers_escape",
    "unknown_auroc",
    "named_unknown",
    "known_named_unknown",
)
"""The figures of a draw that tell how untaught types fare."""


def open_set(
    images: Sequence[DescribedImage],
    drawn: Drawn,
    detector: Detector,
    maps: Mapping[int, ScoreMaps],
    *,
    naming: bool = True,
) -> dict[str, float]:
    """Return the figures of ``OPEN_SET``; not a number with fewer than 5 images of only untaught types.

    Nor are those of names unless ``naming``.

    ``strangers_auroc`` ranks these strangers above good images by the whole detector, by its anomaly channel
    (``_normality``) and its type channels (``_types``); ``strangers_escape`` do not alarm. ``unknown_auroc`` is the
    probability that a region of an untaught type is less like the taught types than a region
    of a taught one; regions are the marked ones, whether they alarm or not, or the strongest where nothing is marked.
    ``named_unknown`` is the share of strangers, and ``known_named_unknown`` of images of a taught type, whose
    strongest region is named unknown, of those that alarm; not a number where none does.
    """
    if len(drawn.strangers) < LEAST_TESTED:
        return dict.fromkeys(OPEN_SET, math.nan)
    planes = {
        "": {i: float(maps[i].strongest.max()) for i in (*drawn.test_normals, *drawn.strangers)},
        "_normality": {i: float(maps[i].anomaly.max()) for i in (*drawn.test_normals, *drawn.strangers)},
        "_types": {i: float(maps[i].types.max()) for i in (*drawn.test_normals, *drawn.strangers)},
    }
    ranked = {
        f"strangers_auroc{name}": image_auroc([s[i] for i in drawn.test_normals], [s[i] for i in drawn.strangers])
        for name, s in planes.items()
    }
    ranked["strangers_escape"] = float(np.mean([planes[""][i] < 1.0 for i in drawn.strangers]))
    if not naming:
        return {**dict.fromkeys(OPEN_SET, math.nan), **ranked}
    return {
        **ranked,
        "unknown_auroc": _unknown_auroc(images, drawn, detector, maps),
        "named_unknown": _named_unknown(images, drawn.strangers, detector, maps),
        "known_named_unknown": _named_unknown(images, drawn.defects, detector, maps),
    }


def _unknown_auroc(
    images: Sequence[DescribedImage], drawn: Drawn, detector: Detector, maps: Mapping[int, ScoreMaps]
) -> float:
    known = [-x for i in drawn.defects for x in _likeness(images[i], maps[i], detector, taught=True)]
    strange = [-x for i in drawn.strangers for x in _likeness(images[i], maps[i], detector, taught=False)]
    return image_auroc(known, strange) if known and strange else math.nan


def _likeness(image: DescribedImage, maps: ScoreMaps, detector: Detector, *, taught: bool) -> Iterator[float]:
    """Yield how like the taught types each place is: by its distance from their samples, or where there are none to
    compare with by the channels; the two are never mixed."""
    places = _places(image, maps, detector.class_names, taught=taught)
    for typing in detector.name_regions(maps, places, image.pixels):
        why = typing.explanation
        if why is not None and why.named_by is NamedBy.REGION and why.distance is not None:
            yield -why.distance
        elif detector.regions is None and typing.likeness is not None:
            yield typing.likeness


def _places(image: DescribedImage, maps: ScoreMaps, names: Sequence[str], *, taught: bool) -> list[Roi]:
    """Return where the image's taught (or untaught) types are marked, or its strongest region without marks."""
    if not image.marks:
        strongest = regions_of(image, maps, threshold=float(maps.strongest.max()))
        return [strongest[0].roi]
    of = [marks for name, marks in image.marks.items() if (name in names) is taught]
    return [place_of(box, image.whole) for marks in of for box in marks.boxes]


def _named_unknown(
    images: Sequence[DescribedImage], members: Sequence[int], detector: Detector, maps: Mapping[int, ScoreMaps]
) -> float:
    named = []
    for i in members:
        regions = regions_of(images[i], maps[i], threshold=1.0)
        if regions:
            (typing,) = detector.name_regions(maps[i], [regions[0].roi], images[i].pixels)
            named.append(typing.defect_type == UNKNOWN_TYPE)
    return float(np.mean(named)) if named else math.nan
