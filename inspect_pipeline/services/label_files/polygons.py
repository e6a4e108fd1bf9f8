"""Polygons as masks: a pixel belongs to it when its centre lies inside (even-odd rule)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.records import Budget

Points = Sequence[tuple[float, float]]
"""Corners as (x, y) in pixels; whole numbers are borders between pixels."""

_FEWEST = 3
_MOST_POINTS = 100_000
_ROW_PX = 4096  # what a row costs at least: filling goes row by row


def filled(polygons: Sequence[Points], where: str, budget: Budget) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Return the mask of the pixels in any of the polygons and the (row, column) of its first one in the image."""
    every = [point for polygon in polygons for point in polygon]
    if not every or any(len(polygon) < _FEWEST for polygon in polygons) or len(every) > _MOST_POINTS:
        raise BadDataError(f"{where}: a polygon of {len(every)} points; give {_FEWEST} to {_MOST_POINTS}")
    left, top = (max(math.floor(min(values)), 0) for values in zip(*every, strict=True))
    right, bottom = (math.ceil(max(values)) for values in zip(*every, strict=True))
    if right - left > 1 << 20 or bottom - top > 1 << 20:
        raise BadDataError(f"{where}: the polygon is larger than any image")
    budget.mask(bottom - top, max(right - left, _ROW_PX), where)
    mask = np.zeros((bottom - top, right - left), dtype=np.bool_)
    for polygon in polygons:
        _fill(mask, np.asarray(polygon, dtype=np.float64) - (left, top))
    return mask, (top, left)


def _fill(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> None:
    """Mark the pixels whose centre lies in the polygon, row by row between its crossings."""
    following = np.roll(points, -1, axis=0)
    for row in range(mask.shape[0]):
        middle = row + 0.5
        crosses = (points[:, 1] <= middle) != (following[:, 1] <= middle)
        a, b = points[crosses], following[crosses]
        at = np.sort(a[:, 0] + (middle - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1]))
        for begin, end in zip(at[::2], at[1::2], strict=True):
            mask[row, max(math.ceil(begin - 0.5), 0) : max(math.ceil(end - 0.5), 0)] = True
