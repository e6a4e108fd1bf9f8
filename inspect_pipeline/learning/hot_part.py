"""The part of a region that differs most from good material: what is described where nobody drew the defect."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.learning.dense_features import STRIDE_PX, smoothed, unit_spans
from inspect_pipeline.learning.detector_settings import UnitGrid

_OF_THE_PEAK = 0.5
_LARGEST_SHARE = 0.5  # of the unit: what grows further has run into the background


def hot_cells(distances: Tensor, inside: Tensor, *, smoothing: int) -> Tensor:
    """Return the cells, bool (h, w), around the highest distance inside a region.

    ``distances`` float (h, w) are those of the patches from good material, ``inside`` bool (h, w) the region. A cell
    counts when its smoothed distance is at least half way from the median of the region to its peak and it hangs
    together with the peak.
    """
    calm = smoothed(distances, smoothing).masked_fill(~inside, -torch.inf)
    peak, middle = calm.max(), calm[inside].median()
    hot = calm >= middle + _OF_THE_PEAK * (peak - middle)
    return connected(hot, int(calm.argmax()))


def connected(cells: Tensor, seed: int) -> Tensor:
    """Return the cells, bool (h, w), that hang together (also by a corner) with the one of that flat number."""
    grown = torch.zeros_like(cells)
    grown.view(-1)[seed] = True
    while True:
        wider = (max_pool2d(grown[None].float(), 3, 1, 1)[0] > 0) & cells
        if bool((wider == grown).all()):
            return grown
        grown = wider


def largest_part(cells: Tensor) -> Tensor:
    """Return the largest part of cells, bool (h, w), that hangs together; the first of equals. At least one is set."""
    rest, best = cells.clone(), torch.zeros_like(cells)
    while bool(rest.any()):
        part = connected(rest, int(rest.view(-1).float().argmax()))
        best = part if int(part.sum()) > int(best.sum()) else best
        rest &= ~part
    return best


def box_of(cells: Tensor, *, top_px: int = 0, left_px: int = 0) -> Roi:
    """Return the box in px around the cells that are set, of a map whose corner lies at that pixel."""
    rows, columns = cells.any(dim=1).nonzero().flatten(), cells.any(dim=0).nonzero().flatten()
    return Roi(
        top=top_px + int(rows[0]) * STRIDE_PX,
        left=left_px + int(columns[0]) * STRIDE_PX,
        bottom=top_px + (int(rows[-1]) + 1) * STRIDE_PX,
        right=left_px + (int(columns[-1]) + 1) * STRIDE_PX,
    )


def grown_box(scores: Tensor, window: tuple[slice, slice], *, least: float, unit: UnitGrid) -> Roi:
    """Return the box around all that hangs together with the highest score of a window at ``least`` or more.

    ``scores`` float (h, w) are in multiples of the threshold: above 1.0 lies only the core of a large defect, and its
    size tells types apart. The box stays in the unit that holds the peak; where more than half of that would belong to
    it, it is the window's own.
    """
    inner = scores[window]
    down, across = divmod(int(inner.argmax()), int(inner.shape[1]))
    row, column = window[0].start + down, window[1].start + across
    spans = unit_spans(scores.shape, unit)
    rows, columns = (
        next(span for span in axis if span.start <= place < span.stop)
        for axis, place in zip(spans, (row, column), strict=True)
    )
    part = scores[rows, columns]
    seed = (row - rows.start) * int(part.shape[1]) + column - columns.start
    cells = connected(part >= min(least, float(scores[row, column])), seed)
    if int(cells.sum()) > _LARGEST_SHARE * cells.numel():
        return box_of(torch.ones_like(inner, dtype=torch.bool), top_px=_px(window[0]), left_px=_px(window[1]))
    return box_of(cells, top_px=_px(rows), left_px=_px(columns))


def _px(cells: slice) -> int:
    return int(cells.start) * STRIDE_PX
