"""One descriptor for every 16 x 16 px of a frame: the frozen backbone at the frame's own scale and at a second one.

The second scale is half of the frame (twice for a frame narrower than 128 px). It sees what is wider than the first
one's window: with 5 samples the escape on kolektor_sdd fell to a half (`benchmarks/detect.py`).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.stitching import STRIDE_PX, stitched

__all__ = [
    "NARROW_PX",
    "STRIDE_PX",
    "dense_map",
    "first_centre",
    "frame_map",
    "patch_rows",
    "smoothed",
    "touched_cells",
    "unit_spans",
]

_LARGEST_TILE_PX = 1 << 21
NARROW_PX = 128
"""Half of a narrower frame would be fewer than 4 patches wide: the second scale looks closer instead."""


def dense_map(
    backbone: Backbone, pixels: Pixels, *, two_scales: bool = True, largest_tile_px: int = _LARGEST_TILE_PX
) -> Tensor:
    """Return the descriptors of a frame, float32, (h, w, d): the 16 px patches whose centre lies in the frame.

    A patch at the edge with less than half of it in the frame would be judged by its padding, which no known-good
    region ever holds. With ``two_scales`` the second half of d is what the frame at the second scale shows there; the
    width alone decides which that is, as it is the same for every frame of a line.

    ``pixels`` is u8 or u16, (h, w) or (h, w, 3). A frame of more than ``largest_tile_px`` pixels goes tile by tile
    with a margin as wide as the receptive field, so that the result is that of the whole frame. Raises
    BadDataError for other arrays, BadImageError for an image of a side below 16 px.
    """
    if pixels.ndim < 2 or min(pixels.shape[:2]) < STRIDE_PX:
        raise BadImageError(f"an image of shape {pixels.shape} is too small to be judged; {STRIDE_PX} px at least")
    scales = [stitched(backbone, pixels, largest_tile_px=largest_tile_px)]
    if two_scales:
        scales.append(_second_scale(backbone, pixels, largest_tile_px))
    rows, columns = first_centre(pixels.shape[0]), first_centre(pixels.shape[1])
    return torch.cat([planes[:rows, :columns] for planes in scales], dim=-1)


def frame_map(backbone: Backbone, pixels: Pixels, settings: DetectorSettings) -> Tensor:
    """Return ``dense_map`` as the settings of a detector ask for it."""
    return dense_map(backbone, pixels, two_scales=settings.two_scales, largest_tile_px=settings.largest_tile_px)


def _second_scale(backbone: Backbone, pixels: Pixels, largest_tile_px: int) -> Tensor:
    """Return descriptors of the frame at the second scale on the grid of the first, and beyond the frame's end."""
    if pixels.shape[1] < NARROW_PX:
        closer = stitched(backbone, _doubled(pixels), largest_tile_px=largest_tile_px)
        return avg_pool2d(closer.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0)
    wider = stitched(backbone, _halved(pixels), largest_tile_px=largest_tile_px)
    planes = wider.permute(2, 0, 1)[None]
    return interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)[0].permute(1, 2, 0)


def _halved(pixels: Pixels) -> Pixels:
    """Return the means of 2 x 2 pixels, u16; the last line and column of an odd frame are repeated."""
    odd = ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2)) + ((0, 0),) * (pixels.ndim - 2)
    even = np.pad(_in_16_bit(pixels), odd, mode="edge").astype(np.uint32)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint16)


def _doubled(pixels: Pixels) -> Pixels:
    """Return the frame at twice its size, bilinear, u16."""
    planes = torch.from_numpy(np.atleast_3d(_in_16_bit(pixels)).astype(np.float32)).permute(2, 0, 1)[None]
    twice = interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    return twice.round().numpy().astype(np.uint16).reshape(2 * pixels.shape[0], 2 * pixels.shape[1], *pixels.shape[2:])


def _in_16_bit(pixels: Pixels) -> NDArray[np.uint16]:
    """Return the same light in 16 bit: rounding to 8 would part a frame from its 16-bit twin."""
    return pixels.astype(np.uint16) * np.uint16(257) if pixels.dtype == np.uint8 else pixels.astype(np.uint16)


def patch_rows(roi: Roi, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a map of that shape whose centres lie in the box; never empty.

    Raises BadImageError when the box lies outside the map.
    """
    if roi.top >= (shape[0] + 1) * STRIDE_PX or roi.left >= (shape[1] + 1) * STRIDE_PX:
        raise BadImageError(f"the box {roi} lies outside its image; draw it again")
    return _centres(roi.top, roi.bottom, shape[0]), _centres(roi.left, roi.right, shape[1])


def touched_cells(roi: Roi, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a map of that shape that the box touches. Raises BadDataError outside of it."""
    height, width = shape
    if roi.top >= height * STRIDE_PX or roi.left >= width * STRIDE_PX:
        raise BadDataError(f"region {roi} lies outside its frame of {height} x {width} patches")
    down = slice(roi.top // STRIDE_PX, -(-roi.bottom // STRIDE_PX))
    return down, slice(roi.left // STRIDE_PX, -(-roi.right // STRIDE_PX))


def _centres(begin: int, end: int, count: int) -> slice:
    first, last = first_centre(begin), first_centre(end)
    if last <= first:  # thinner than a patch: the patch that holds its middle
        first = (begin + end) // 2 // STRIDE_PX
        last = first + 1
    first = min(max(first, 0), count - 1)
    return slice(first, min(max(last, first + 1), count))


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
    edges = [min(first_centre(k * unit_px), count) for k in range(whole)] + [count]
    return [slice(begin, end) for begin, end in pairwise(edges) if end > begin]


def first_centre(begin_px: int) -> int:
    """Return the first patch whose centre is not before that pixel."""
    return max(0, -((STRIDE_PX // 2 - begin_px) // STRIDE_PX))
