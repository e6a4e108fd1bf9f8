"""How a piece of a frame looks, in numbers that a defect on it does not change: medians over its blocks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels

_BLOCKS_A_SIDE, _LEAST_PX = 4, 16
_RANGES = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Medians over blocks of ``block_height_px`` x ``block_width_px``.

    ``mean`` and ``contrast`` (standard deviation) are fractions of full scale; ``focus`` is the variance of the
    Laplacian over the squared mean (Pech-Pacheco et al. 2000), larger where it is sharper.
    """

    mean: float
    contrast: float
    focus: float
    block_height_px: int
    block_width_px: int


def block_of(height_px: int, width_px: int) -> tuple[int, int]:
    """Return the block (height, width in px) that a piece of this size is looked at in: 4 x 4 of 16 px or more."""
    sides = (max(side // _BLOCKS_A_SIDE, min(_LEAST_PX, side)) for side in (height_px, width_px))
    down, across = sides
    return down, across


def look_at(pixels: Pixels, block_px: tuple[int, int] | None = None) -> Look:
    """Return the look of a piece, u8 or u16 of shape (h, w) or (h, w, 3), 2 px or more a side.

    ``block_px`` is that of ``block_of`` unless another one is given, which is cut to the piece; what is left over at
    the right and at the bottom is not looked at.
    """
    full = _RANGES[pixels.dtype]
    grey = pixels.astype(np.float32) if pixels.ndim == 2 else pixels.astype(np.float32).mean(axis=2)
    height, width = grey.shape
    wanted = block_px or block_of(height, width)
    down, across = min(wanted[0], height), min(wanted[1], width)
    blocks = _blocks(grey, down, across)
    means = blocks.mean(axis=(1, 3))
    edges = _blocks(_laplacian(grey), down, across).var(axis=(1, 3)) / np.maximum(means, 1.0) ** 2
    return Look(
        mean=float(np.median(means)) / full,
        contrast=float(np.median(blocks.std(axis=(1, 3)))) / full,
        focus=float(np.median(edges)),
        block_height_px=down,
        block_width_px=across,
    )


def _blocks(plane: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
    """Return the plane as whole blocks, (rows, down, columns, across)."""
    rows, columns = plane.shape[0] // down, plane.shape[1] // across
    return plane[: rows * down, : columns * across].reshape(rows, down, columns, across)


def _laplacian(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of the four neighbours minus four times the middle; the border is mirrored, as OpenCV does."""
    padded = np.pad(plane, 1, mode="reflect")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.asarray(around - 4.0 * plane, dtype=np.float32)
