"""What a mask marks, counted in the cells of a score map."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkedCells:
    """The 8-connected regions of a mask: their boxes in px, and ``covered`` float64 (h, w).

    ``covered`` adds up the share of each region that lies in the cell; it sums to the number of regions.
    """

    boxes: tuple[Roi, ...]
    covered: NDArray[np.float64]


def marked_cells(mask: NDArray[np.bool_], *, shape: tuple[int, int], stride_px: int) -> MarkedCells:
    """Return the regions of a mask of the whole image in a map of ``shape`` (h, w) cells of ``stride_px`` square.

    Pixels beyond the last cell count to it, as a map may leave out less than half a cell at the edge.
    """
    count, labels, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels)
    area_px = found[:, cv2.CC_STAT_AREA].astype(np.float64)
    covered = _counted(rows, columns, 1.0 / area_px[labels[rows, columns]], shape=shape, stride_px=stride_px)
    boxes = tuple(
        Roi(top=int(top), left=int(left), bottom=int(top + height), right=int(left + width))
        for left, top, width, height, _ in found[1:count]
    )
    return MarkedCells(boxes=boxes, covered=covered)


def counted_px(pixels: NDArray[np.bool_], *, shape: tuple[int, int], stride_px: int) -> NDArray[np.float64]:
    """Return how many of the true pixels lie in each cell, (h, w)."""
    rows, columns = np.nonzero(pixels)
    return _counted(rows, columns, np.ones(len(rows)), shape=shape, stride_px=stride_px)


def _counted(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    weights: NDArray[np.float64],
    *,
    shape: tuple[int, int],
    stride_px: int,
) -> NDArray[np.float64]:
    height, width = shape
    cells = np.minimum(rows // stride_px, height - 1) * width + np.minimum(columns // stride_px, width - 1)
    counted = np.bincount(cells, weights=weights, minlength=height * width).astype(np.float64)
    return counted.reshape(height, width)
