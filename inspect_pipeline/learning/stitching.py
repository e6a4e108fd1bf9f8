"""The descriptors of a whole frame at one scale, tile by tile, exactly as if it went through the backbone at once.

lite0: stride 8 ``blocks.2`` (40) pooled 2 x 2, stride 16 ``blocks.3`` (80) and ``blocks.4`` (112), 3 x 3 averaged.
Other convolutional backbones: their stages of stride 8 and 16. Stride 8 maps cost 4 times as much and gained nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import WeightsError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.lite0_weights import LITE0

STRIDE_PX = 16
_ALIGN_PX = 32  # strided convolutions pad by the size of their input: every tile starts and ends on this grid
_MARGIN_PX = 192  # lite0 up to blocks.4 sees 169 px to each side and the 3 x 3 mean 16 more: stitching is exact
_LITE0_TAPS = ("blocks.2", "blocks.3", "blocks.4")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """One stretch of an axis: ``start:stop`` is kept of what ``begin:end`` gives."""

    begin: int
    start: int
    stop: int
    end: int


def stitched(backbone: Backbone, pixels: Pixels, *, largest_tile_px: int) -> Tensor:
    """Return the descriptors (h, w, d), float32, of a frame whose sides are filled up to multiples of 32 px.

    ``pixels`` is u8 or u16, (h, w) or (h, w, 3); the last line and column are repeated. A frame of more than
    ``largest_tile_px`` pixels goes tile by tile with a margin as wide as the receptive field.
    """
    height, width = rounded(pixels.shape[0]), rounded(pixels.shape[1])
    rows, columns = _tiling(height, width, largest_tile_px)
    padded = _grown(pixels, height, width)
    with torch.inference_mode():
        bands = []
        for down in rows:
            strip = padded[down.begin : down.end]
            parts = [_kept(backbone, strip[:, across.begin : across.end], down, across) for across in columns]
            bands.append(torch.cat(parts, dim=1))
        return torch.cat(bands, dim=0)


def _kept(backbone: Backbone, tile: Pixels, down: _Span, across: _Span) -> Tensor:
    """Return the part of a tile's descriptors that its margins do not spoil."""
    found = describe_tile(backbone, backbone.prepare(tile[None]))[0]
    first_row, first_column = (down.start - down.begin) // STRIDE_PX, (across.start - across.begin) // STRIDE_PX
    last_row = first_row + (down.stop - down.start) // STRIDE_PX
    last_column = first_column + (across.stop - across.start) // STRIDE_PX
    return found[first_row:last_row, first_column:last_column].cpu()


def describe_tile(backbone: Backbone, x: Tensor) -> Tensor:
    """Return descriptors (n, h / 16, w / 16, d) of a prepared batch whose sides are multiples of 32.

    Where the backbone has a ``runner``, that one describes it.
    """
    if backbone.runner is not None:
        return torch.from_numpy(backbone.runner.describe(x.cpu().contiguous().numpy()))
    names = dense_taps(backbone)
    found = backbone.taps(x, names)
    return joined([found[name] for name in names], x.shape[2:], name=backbone.name)


def joined(activations: Sequence[Tensor], sides_px: Sequence[int], *, name: str) -> Tensor:
    """Return the activations of ``dense_taps`` (n, c, ., .) as one map of descriptors (n, h / 16, w / 16, d)."""
    height, width = sides_px[0] // STRIDE_PX, sides_px[1] // STRIDE_PX
    parts = [_at_grid(each, height, width, name) for each in activations]
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


def rounded(side_px: int) -> int:
    """Return the side filled up to a multiple of 32 px."""
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
            down = rounded(-(-down // 2))
        else:
            across = rounded(-(-across // 2))
    return list(_spans(height, down)), list(_spans(width, across))


def _with_margin(kept: int, whole: int) -> int:
    return min(kept + 2 * _MARGIN_PX, whole)


def _spans(side: int, kept: int) -> Iterator[_Span]:
    for start in range(0, side, kept):
        stop = min(start + kept, side)
        yield _Span(begin=max(start - _MARGIN_PX, 0), start=start, stop=stop, end=min(stop + _MARGIN_PX, side))
