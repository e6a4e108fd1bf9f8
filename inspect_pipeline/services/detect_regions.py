"""Where a detector says defects are, against what boxes and masks mark."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from inspect_pipeline.domain.detection_metrics import allowed_threshold, aupro
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.regions import ScoredRegion, find_regions
from inspect_pipeline.learning.detector import ScoreMaps
from inspect_pipeline.services.detect_draws import Drawn
from inspect_pipeline.services.detect_images import DescribedImage

FALSE_REGIONS = 0.1
"""False regions a normal image at which region recall is measured."""
_LEAST_ON_REGION = 0.1  # of a found box's area that must lie on the marked one: a box of the whole image finds nothing
_LEAST_SIDE_PX = 64  # the detector's smoothing window: it cannot place a region better


def localised(images: Sequence[DescribedImage], drawn: Drawn, maps: Mapping[int, ScoreMaps]) -> dict[str, float]:
    """Return ``region_recall`` at ``FALSE_REGIONS`` and, where there are masks, ``aupro``; else not a number.

    The regions are the product's own, on the map of the strongest channel, at the lowest threshold that keeps the
    count of regions on the draw's normal test images.
    """
    marked = {i: boxes for i in drawn.defects if (boxes := _boxes(images[i], drawn))}
    if not marked:
        return {"region_recall": math.nan, "aupro": math.nan}
    threshold = _above(_region_threshold(images, drawn.test_normals, maps))
    hits = 0
    for i, boxes in marked.items():
        found = regions_of(images[i], maps[i], threshold=threshold)
        hits += sum(any(on_region(region.roi, box) for region in found) for box in boxes)
    return {
        "region_recall": hits / sum(len(boxes) for boxes in marked.values()),
        "aupro": _aupro(images, [i for i in marked if images[i].exact], drawn, maps),
    }


def regions_of(image: DescribedImage, maps: ScoreMaps, *, threshold: float) -> list[ScoredRegion]:
    """Return the regions of an image as scoring finds them, at any threshold, highest peak first."""
    return find_regions(
        maps.strongest,
        threshold=threshold,
        stride_px=maps.stride_px,
        shape_px=(image.whole.bottom, image.whole.right),
    )


def on_region(found: Roi, marked: Roi) -> bool:
    """Return whether a tenth of a found box or more lies in the marked one, taken as 64 px a side at least."""
    down = _overlap(found.top, found.bottom, marked.top, marked.bottom)
    across = _overlap(found.left, found.right, marked.left, marked.right)
    return down * across >= _LEAST_ON_REGION * found.area_px


def _overlap(begin: int, end: int, marked_begin: int, marked_end: int) -> float:
    grown = max(_LEAST_SIDE_PX - (marked_end - marked_begin), 0) / 2.0
    return max(min(end, marked_end + grown) - max(begin, marked_begin - grown), 0.0)


def _boxes(image: DescribedImage, drawn: Drawn) -> list[Roi]:
    return [box for name, marks in image.marks.items() if name in drawn.supports for box in marks.boxes]


def _region_threshold(images: Sequence[DescribedImage], normals: Sequence[int], maps: Mapping[int, ScoreMaps]) -> float:
    """Return the threshold above which at most ``FALSE_REGIONS`` regions a normal image lie."""
    allowed = math.floor(FALSE_REGIONS * len(normals) + 1e-9)
    # Every image that alarms has a region, so no lower threshold can do; 0 is the median good patch.
    lowest = max(allowed_threshold([float(maps[i].strongest.max()) for i in normals], allowed=allowed), 0.0)
    peaks = [region.peak for i in normals for region in regions_of(images[i], maps[i], threshold=_above(lowest))]
    return max(lowest, allowed_threshold(peaks, allowed=allowed))


def _above(threshold: float) -> float:
    """Return the next score after a threshold, in the precision of score maps."""
    return float(np.nextafter(np.float32(threshold), np.float32(np.inf)))


def _aupro(
    images: Sequence[DescribedImage], defects: Sequence[int], drawn: Drawn, maps: Mapping[int, ScoreMaps]
) -> float:
    if not defects:
        return math.nan
    covered = [np.zeros(maps[i].strongest.size) for i in drawn.test_normals]
    for i in defects:
        taught = [marks.covered for name, marks in images[i].marks.items() if name in drawn.supports]
        covered.append(np.sum(taught, axis=0).ravel())
    shown = [*drawn.test_normals, *defects]
    found = aupro(
        np.concatenate([maps[i].strongest.ravel() for i in shown]),
        np.concatenate([images[i].good_px.ravel() for i in shown]),
        np.concatenate(covered),
    )
    return math.nan if found is None else found
