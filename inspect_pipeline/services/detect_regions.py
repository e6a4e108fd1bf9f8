"""Where a detector says defects are, against what boxes and masks mark."""

import math
from collections.abc import Callable, Mapping, Sequence

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
_DEALS = 5  # of marks on good images: more change the third digit
_LEAST_SIDE_PX = 64  # the detector's smoothing window: it cannot place a region better


def localised(images: Sequence[DescribedImage], drawn: Drawn, maps: Mapping[int, ScoreMaps]) -> dict[str, float]:
    """Return how well marked regions of taught types are found, and AUPRO where there are masks; else not a number.

    ``region_recall`` is at ``FALSE_REGIONS``: the regions are the product's own, on the map of the strongest channel,
    at the lowest threshold that keeps the count of regions on the draw's normal test images. It counts a mark on
    which a tenth of a found box lies; ``region_recall_centre`` one in which the centre of a found box lies, and
    ``region_recall_own`` is ``region_recall`` at the detector's own threshold, where ``false_regions_per_normal`` are
    found on a normal test image. ``aupro_chance`` is what ``aupro`` comes to when nothing but the place is right.
    """
    per_normal = [len(regions_of(images[i], maps[i], threshold=1.0)) for i in drawn.test_normals]
    marked = {i: boxes for i in drawn.defects if (boxes := _boxes(images[i], drawn))}
    exact = [i for i in marked if images[i].exact]
    at_promise = _above(_region_threshold(images, drawn.test_normals, maps))
    return {
        "region_recall": _recall(images, marked, maps, threshold=at_promise, hit=on_region),
        "region_recall_centre": _recall(images, marked, maps, threshold=at_promise, hit=centred_on),
        "region_recall_own": _recall(images, marked, maps, threshold=1.0, hit=on_region),
        "false_regions_per_normal": float(np.mean(per_normal)),
        "aupro": _aupro(images, exact, drawn, maps),
        "aupro_chance": _by_place_alone(images, exact, drawn, maps),
    }


def _recall(
    images: Sequence[DescribedImage],
    marked: Mapping[int, Sequence[Roi]],
    maps: Mapping[int, ScoreMaps],
    *,
    threshold: float,
    hit: Callable[[Roi, Roi], bool],
) -> float:
    """Return the share of marked boxes that a found region hits; not a number where nothing is marked."""
    hits = 0
    for i, boxes in marked.items():
        found = regions_of(images[i], maps[i], threshold=threshold)
        hits += sum(any(hit(region.roi, box) for region in found) for box in boxes)
    return hits / sum(len(boxes) for boxes in marked.values()) if marked else math.nan


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


def centred_on(found: Roi, marked: Roi) -> bool:
    """Return whether the centre of a found box lies in the marked one, taken as 64 px a side at least."""
    top, bottom = _grown(marked.top, marked.bottom)
    left, right = _grown(marked.left, marked.right)
    return top <= (found.top + found.bottom) / 2 <= bottom and left <= (found.left + found.right) / 2 <= right


def place_of(marked: Roi, whole: Roi) -> Roi:
    """Return the box of an image ``whole`` in which a detector can place the mark: 64 px a side at least."""
    top, bottom = _grown(marked.top, marked.bottom)
    left, right = _grown(marked.left, marked.right)
    return Roi(
        top=max(math.floor(top), 0),
        left=max(math.floor(left), 0),
        bottom=min(math.ceil(bottom), whole.bottom),
        right=min(math.ceil(right), whole.right),
    )


def _overlap(begin: int, end: int, marked_begin: int, marked_end: int) -> float:
    low, high = _grown(marked_begin, marked_end)
    return max(min(end, high) - max(begin, low), 0.0)


def _grown(begin: int, end: int) -> tuple[float, float]:
    margin = max(_LEAST_SIDE_PX - (end - begin), 0) / 2.0
    return begin - margin, end + margin


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
    shown = [*drawn.test_normals, *defects]
    return _area([maps[i] for i in shown], [images[i] for i in shown], drawn)


def _by_place_alone(
    images: Sequence[DescribedImage], defects: Sequence[int], drawn: Drawn, maps: Mapping[int, ScoreMaps]
) -> float:
    """Return the AUPRO of the marks laid on maps of good images, where nothing is: what their places alone earn.

    Half of 0.3 is chance only for a map that knows no place. A real one is higher in some places than in others
    (texture, light, edges), marks lie in some rather than in others, and a detector taught at these places is higher
    just there. The mean over ``_DEALS`` ways to lay the marks out.
    """
    normals = drawn.test_normals
    marked = [images[i] for i in defects]
    found = []
    for deal in range(min(_DEALS, len(normals)) if marked else 0):
        laid_on = [maps[normals[(j + deal) % len(normals)]] for j in range(len(marked))]
        found.append(_area(laid_on, marked, drawn))
    return float(np.mean(found)) if found else math.nan


def _area(maps: Sequence[ScoreMaps], marks: Sequence[DescribedImage], drawn: Drawn) -> float:
    """Return the AUPRO of maps against the marks of taught types of as many images, both cut to what they share."""
    scores, good, covered = [], [], []
    for one, image in zip(maps, marks, strict=True):
        height, width = np.minimum(one.strongest.shape, image.good_px.shape)
        taught = [cells.covered for name, cells in image.marks.items() if name in drawn.supports]
        scores.append(one.strongest[:height, :width].ravel())
        good.append(image.good_px[:height, :width].ravel())
        covered.append(np.sum([np.zeros(image.good_px.shape), *taught], axis=0)[:height, :width].ravel())
    found = aupro(np.concatenate(scores), np.concatenate(good), np.concatenate(covered))
    return math.nan if found is None else found
