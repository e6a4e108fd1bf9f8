"""From a score map to boxes in the frame: one region a peak, so that neighbouring defects stay two findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi

_PART_OF_PEAK = 0.6  # a region ends where its score falls below this part of its peak, or below the threshold
_APART_CELLS = 2  # peaks nearer than this to a region already found are its shoulder


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRegion:
    """A part of a score map around a peak: its box in frame pixels, its highest score, its area in px."""

    roi: Roi
    peak: float
    area_px: int


def find_regions(
    scores: NDArray[np.float32],
    *,
    threshold: float,
    stride_px: int,
    shape_px: tuple[int, int],
    unit_px: tuple[int, int] | None = None,
) -> list[ScoredRegion]:
    """Return the regions of ``scores`` (h, w) that reach the threshold, highest peak first.

    A region is the 8-connected part around a peak above both the threshold and a fixed part of the peak; weaker peaks
    in the same connected part that stand apart are regions of their own. A cell of the map covers ``stride_px``
    square pixels; boxes are clipped to the frame's ``shape_px`` (h, w). With ``unit_px`` (h, w), counted from the
    frame's corner, no region reaches over the border of a unit. There is a region exactly when the map's maximum
    reaches the threshold, so verdict and localisation cannot disagree.
    """
    height, width = scores.shape
    unit_height, unit_width = unit_px or (height * stride_px, width * stride_px)
    regions: list[ScoredRegion] = []
    for top, bottom in _edges(height, unit_height, stride_px):
        for left, right in _edges(width, unit_width, stride_px):
            for peak, part in _parts(scores[top:bottom, left:right], threshold):
                box = _box(part, stride_px).shifted(rows=top * stride_px, columns=left * stride_px)
                roi = box.clipped(height=shape_px[0], width=shape_px[1])
                if roi is not None:
                    regions.append(ScoredRegion(roi=roi, peak=peak, area_px=int(part.sum()) * stride_px * stride_px))
    return sorted(regions, key=lambda region: (-region.peak, region.roi.top, region.roi.left))


def _edges(count: int, unit_px: int, stride_px: int) -> Iterator[tuple[int, int]]:
    """Yield first and end cell of every unit along an axis; a cell belongs to the unit that holds its centre."""
    whole = max(1, round(count * stride_px / unit_px))
    starts = [max(0, -((stride_px // 2 - k * unit_px) // stride_px)) for k in range(whole)]
    return pairwise([*starts, count])


def _parts(scores: NDArray[np.float32], threshold: float) -> list[tuple[float, NDArray[np.bool_]]]:
    """Return (peak, its cells) of one unit, highest peak first."""
    found: list[tuple[float, NDArray[np.bool_]]] = []
    if scores.size == 0:
        return found
    taken = np.zeros(scores.shape, dtype=np.bool_)
    left = np.where(_local_peaks(scores) & (scores >= threshold), scores, -np.inf)
    while True:
        row, column = (int(k) for k in np.unravel_index(int(left.argmax()), left.shape))
        peak = float(left[row, column])
        if peak == -np.inf:
            return found
        part = _around(~taken & (scores >= max(threshold, _PART_OF_PEAK * peak)), row, column)
        taken |= part
        near = cv2.dilate(part.astype(np.uint8), np.ones((2 * _APART_CELLS + 1,) * 2, dtype=np.uint8)) > 0
        left[near] = -np.inf
        found.append((peak, part))


def _local_peaks(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    peaks: NDArray[np.bool_] = scores >= cv2.dilate(scores.astype(np.float32), np.ones((3, 3), dtype=np.uint8))
    return peaks


def _around(above: NDArray[np.bool_], row: int, column: int) -> NDArray[np.bool_]:
    """Return the 8-connected part of ``above`` that holds the cell."""
    _, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=8)
    part: NDArray[np.bool_] = labels == labels[row, column]
    return part


def _box(part: NDArray[np.bool_], stride_px: int) -> Roi:
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return Roi(
        top=int(rows[0]) * stride_px,
        left=int(columns[0]) * stride_px,
        bottom=(int(rows[-1]) + 1) * stride_px,
        right=(int(columns[-1]) + 1) * stride_px,
    )
