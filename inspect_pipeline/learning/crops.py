"""Square pieces of the frames that teach, on the grid of the dense map, and the turns and flips of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.dense_features import STRIDE_PX
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, region_patches

GRID_PX = 32
"""Crops are whole steps of this grid, as the tiles of the dense map are: strided convolutions pad by input size."""

VIEWS = 8
"""The turns and flips of a square (the dihedral group): 0 to 3 keep the axes, 4 to 7 swap them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """A square piece: ``pixels`` (s, s) or (s, s, 3), ``inside`` bool (s / 16, s / 16) of its type, None where good."""

    pixels: Pixels
    inside: Tensor | None
    defect_type: str | None


def view(image: NDArray[Any], number: int) -> NDArray[Any]:
    """Return view ``number`` (0 to 7) of (h, w, ...): 1 flips left and right, 2 flips up and down, 4 swaps the axes."""
    seen = image.swapaxes(0, 1) if number & 4 else image
    seen = seen[:, ::-1] if number & 1 else seen
    seen = seen[::-1] if number & 2 else seen
    return np.ascontiguousarray(seen)


def turned(pixels: Pixels, number: int) -> Pixels:
    """Return view ``number`` of u8 or u16 pixels."""
    return _typed(view(pixels, number), pixels)


def _typed(values: NDArray[Any], like: Pixels) -> Pixels:
    """Return the values as u8 or u16."""
    if like.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    return values.astype(np.uint16, copy=False)


def brightened(pixels: Pixels, factor: float) -> Pixels:
    """Return the pixels times ``factor``, clipped to the range of their type."""
    scaled = np.clip(np.rint(pixels.astype(np.float32) * factor), 0, np.iinfo(pixels.dtype).max)
    return _typed(scaled, pixels)


def crop_side(examples: Sequence[FrameRegions], largest_px: int) -> int:
    """Return the side in px, a multiple of 32, that every frame can give. Raises BadDataError below 32 px."""
    smallest = min(int(min(example.pixels.shape[:2])) for example in examples)
    side = min(largest_px, smallest) // GRID_PX * GRID_PX
    if side < GRID_PX:
        raise BadDataError(f"a frame of {smallest} px gives no crop of {GRID_PX} px; adapt without crops (closed_form)")
    return side


def defect_crop(
    example: FrameRegions, region: DefectRegion, side: int, generator: np.random.Generator, *, number: int = 0
) -> Crop:
    """Return a crop that holds a patch of the region drawn by chance, somewhere in it, in view ``number``."""
    shape = (example.pixels.shape[0] // STRIDE_PX, example.pixels.shape[1] // STRIDE_PX)  # whole patches, as crops are
    inside = region_patches(region, shape)
    hit = inside.nonzero()
    row, column = (int(k) * STRIDE_PX for k in hit[int(generator.integers(len(hit)))])
    top = _corner(row, example.pixels.shape[0], side, generator)
    left = _corner(column, example.pixels.shape[1], side, generator)
    cells = inside[top // STRIDE_PX : (top + side) // STRIDE_PX, left // STRIDE_PX : (left + side) // STRIDE_PX]
    pixels = example.pixels[top : top + side, left : left + side]
    marked = torch.from_numpy(view(cells.numpy(), number).astype(np.bool_))
    return Crop(pixels=turned(pixels, number), inside=marked, defect_type=region.defect_type)


def good_crop(pixels: Pixels, roi: Roi, side: int, generator: np.random.Generator, *, number: int = 0) -> Crop:
    """Return a crop of a known-good box drawn by chance; ``roi`` is at least ``side`` px in both directions."""
    top = _corner_in(roi.top, roi.bottom, side, generator)
    left = _corner_in(roi.left, roi.right, side, generator)
    piece = pixels[top : top + side, left : left + side]
    return Crop(pixels=turned(piece, number), inside=None, defect_type=None)


def _corner(hit: int, length: int, side: int, generator: np.random.Generator) -> int:
    """Return where a crop begins, on the grid, that holds ``hit``."""
    last = (length - side) // GRID_PX
    lowest = min(max(0, -(-(hit + STRIDE_PX - side) // GRID_PX)), last)
    highest = min(max(hit // GRID_PX, lowest), last)
    return int(generator.integers(lowest, highest + 1)) * GRID_PX


def _corner_in(begin: int, end: int, side: int, generator: np.random.Generator) -> int:
    return begin + int(generator.integers((end - begin - side) // GRID_PX + 1)) * GRID_PX
