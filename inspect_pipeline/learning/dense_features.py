"""One descriptor for every 16 x 16 px of a frame, from several depths of the frozen backbone.

lite0: stride 8 ``blocks.2`` (40) pooled 2 x 2, stride 16 ``blocks.3`` (80) and ``blocks.4`` (112), 3 x 3 averaged.
Other convolutional backbones: their stages of stride 8 and 16. Stride 8 maps cost 4 times as much and gained nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadImageError, WeightsError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.learning.lite0_weights import LITE0

STRIDE_PX = 16
_ALIGN_PX = 32  # strided convolutions pad by the size of their input: every tile starts and ends on this grid
_MARGIN_PX = 192  # lite0 up to blocks.4 sees 169 px to each side and the 3 x 3 mean 16 more: stitching is exact
_LARGEST_TILE_PX = 1 << 21
_LITE0_TAPS = ("blocks.2", "blocks.3", "blocks.4")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """One stretch of an axis: ``start:stop`` is kept of what ``begin:end`` gives."""

    begin: int
    start: int
    stop: int
    end: int


def dense_map(backbone: Backbone, pixels: Pixels, *, largest_tile_px: int = _LARGEST_TILE_PX) -> Tensor:
    """Return the descriptors of a frame, float32, (h, w, d): the 16 px patches whose centre lies in the frame.

    A patch at the edge with less than half of it in the frame would be judged by its padding, which no known-good
    region ever holds.

    ``pixels`` is u8 or u16, (h, w) or (h, w, 3). A frame of more than ``largest_tile_px`` pixels goes tile by tile
    with a margin as wide as the receptive field, so that the result is that of the whole frame. Raises
    BadDataError for other arrays, BadImageError for an image of a side below 16 px.
    """
    if pixels.ndim < 2 or min(pixels.shape[:2]) < STRIDE_PX:
        raise BadImageError(f"an image of shape {pixels.shape} is too small to be judged; {STRIDE_PX} px at least")
    height, width = _rounded(pixels.shape[0]), _rounded(pixels.shape[1])
    rows, columns = _tiling(height, width, largest_tile_px)
    padded = _grown(pixels, height, width)
    with torch.inference_mode():
        bands = []
        for down in rows:
            strip = padded[down.begin : down.end]
            parts = [_kept(backbone, strip[:, across.begin : across.end], down, across) for across in columns]
            bands.append(torch.cat(parts, dim=1))
        whole = torch.cat(bands, dim=0)
    return whole[: _first_centre(pixels.shape[0]), : _first_centre(pixels.shape[1])].contiguous()


def _kept(backbone: Backbone, tile: Pixels, down: _Span, across: _Span) -> Tensor:
    """Return the part of a tile's descriptors that its margins do not spoil."""
    found = describe_tile(backbone, backbone.prepare(tile[None]))[0]
    first_row, first_column = (down.start - down.begin) // STRIDE_PX, (across.start - across.begin) // STRIDE_PX
    last_row = first_row + (down.stop - down.start) // STRIDE_PX
    last_column = first_column + (across.stop - across.start) // STRIDE_PX
    return found[first_row:last_row, first_column:last_column].cpu()


def describe_tile(backbone: Backbone, x: Tensor) -> Tensor:
    """Return descriptors (n, h / 16, w / 16, d) of a prepared batch whose sides are multiples of 32."""
    names = dense_taps(backbone)
    found = backbone.taps(x, names)
    height, width = x.shape[2] // STRIDE_PX, x.shape[3] // STRIDE_PX
    parts = [_at_grid(found[name], height, width, backbone.name) for name in names]
    return avg_pool2d(torch.cat(parts, dim=1), 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)


def _at_grid(activation: Tensor, height: int, width: int, name: str) -> Tensor:
    shape = tuple(activation.shape[2:])
    if shape == (height, width):
        return activation
    if shape == (2 * height, 2 * width):
        return avg_pool2d(activation, 2)
    raise WeightsError(f"a stage of {name} gives maps of {shape} where {height} x {width} was expected; use a ConvNet")


def dense_taps(backbone: Backbone) -> tuple[str, ...]:
    """Return the activations that make the descriptor. Raises WeightsError for a model without stride 8 and 16."""
    if backbone.name == LITE0:
        return _LITE0_TAPS
    stages: Any = getattr(backbone.trunk, "feature_info", None) or []
    taps = tuple(str(stages[i]["module"]) for i in range(len(stages)) if stages[i].get("reduction") in (8, 16))
    if not taps:
        raise WeightsError(f"backbone {backbone.name} has no stage of stride 8 or 16; the detector needs one")
    return taps


def patch_rows(roi: Roi, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a map of that shape whose centres lie in the box; never empty.

    Raises BadImageError when the box lies outside the map.
    """
    if roi.top >= (shape[0] + 1) * STRIDE_PX or roi.left >= (shape[1] + 1) * STRIDE_PX:
        raise BadImageError(f"the box {roi} lies outside its image; draw it again")
    return _centres(roi.top, roi.bottom, shape[0]), _centres(roi.left, roi.right, shape[1])


def _centres(begin: int, end: int, count: int) -> slice:
    first, last = _first_centre(begin), _first_centre(end)
    if last <= first:  # thinner than a patch: the patch that holds its middle
        first = (begin + end) // 2 // STRIDE_PX
        last = first + 1
    first = min(max(first, 0), count - 1)
    return slice(first, min(max(last, first + 1), count))


def _rounded(side_px: int) -> int:
    return -(-side_px // _ALIGN_PX) * _ALIGN_PX


def _grown(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return the frame with its last line and column repeated up to the aligned size."""
    missing: tuple[tuple[int, int], ...] = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]))
    if missing == ((0, 0), (0, 0)):
        return pixels
    missing += ((0, 0),) * (pixels.ndim - 2)
    if pixels.dtype == np.uint8:
        return np.pad(pixels.astype(np.uint8, copy=False), missing, mode="edge")
    return np.pad(pixels.astype(np.uint16, copy=False), missing, mode="edge")


def _tiling(height: int, width: int, largest_tile_px: int) -> tuple[list[_Span], list[_Span]]:
    """Return the spans of both axes: the longer kept side is halved until a tile with its margins is small enough."""
    down, across = height, width
    while _with_margin(down, height) * _with_margin(across, width) > largest_tile_px:
        if max(down, across) <= _ALIGN_PX:
            break
        if down >= across:
            down = _rounded(-(-down // 2))
        else:
            across = _rounded(-(-across // 2))
    return list(_spans(height, down)), list(_spans(width, across))


def _with_margin(kept: int, whole: int) -> int:
    return min(kept + 2 * _MARGIN_PX, whole)


def _spans(side: int, kept: int) -> Iterator[_Span]:
    for start in range(0, side, kept):
        stop = min(start + kept, side)
        yield _Span(begin=max(start - _MARGIN_PX, 0), start=start, stop=stop, end=min(stop + _MARGIN_PX, side))


def smoothed(maps: Tensor, side: int, unit: UnitGrid | None = None) -> Tensor:
    """Return (..., h, w) box means of ``side`` x ``side`` patches, at the size given.

    Only whole windows count (a smaller map has smaller windows); the border repeats the nearest window, so that the
    maximum of the map is the maximum over whole windows wherever a region lies. With a ``unit`` no window reaches
    over the border of one, so that a defect does not make its neighbour alarm.
    """
    rows, columns = unit_spans(maps.shape[-2:], unit or UnitGrid())
    bands = [torch.cat([_box_mean(maps[..., r, c], side) for c in columns], dim=-1) for r in rows]
    return torch.cat(bands, dim=-2)


def _box_mean(maps: Tensor, side: int) -> Tensor:
    height, width = maps.shape[-2:]
    down, across = min(side, height), min(side, width)
    flat = avg_pool2d(maps.reshape(1, -1, height, width), (down, across), stride=1)
    before_down, before_across = (down - 1) // 2, (across - 1) // 2
    edges = (before_across, across - 1 - before_across, before_down, down - 1 - before_down)
    return pad(flat, edges, mode="replicate").reshape(maps.shape)


def unit_spans(shape: Sequence[int], unit: UnitGrid) -> tuple[list[slice], list[slice]]:
    """Return the rows and columns of a map that belong to each unit; units are counted from the frame's corner.

    A rest of less than half a unit belongs to the last one.
    """
    height, width = int(shape[0]), int(shape[1])
    if unit.height_px is None or unit.width_px is None:
        return [slice(0, height)], [slice(0, width)]
    return _unit_axis(height, unit.height_px), _unit_axis(width, unit.width_px)


def _unit_axis(count: int, unit_px: int) -> list[slice]:
    whole = max(1, round(count * STRIDE_PX / unit_px))
    edges = [min(_first_centre(k * unit_px), count) for k in range(whole)] + [count]
    return [slice(begin, end) for begin, end in pairwise(edges) if end > begin]


def _first_centre(begin_px: int) -> int:
    """Return the first patch whose centre is not before that pixel."""
    return max(0, -((STRIDE_PX // 2 - begin_px) // STRIDE_PX))
