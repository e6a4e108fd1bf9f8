"""Endless material out of a few real image patches: laid in rows, turned over at random, blended where they overlap."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES

_SMALLEST_PX, _DARKEST = 16, 8.0
_OVERLAP = 0.25
_ORIGIN = 2**40


class PatchQuilt:
    """Material of ``width_px`` columns from patches, u8 (h, w) of 16 px or more; larger ones are cut at random.

    Patches keep their direction (they are mirrored, not turned by 90 degrees: rolled metal has a grain). They lose what
    is larger than a sixth of them, light and shade above all, which would show where one ends.
    """

    def __init__(self, patches: Sequence[NDArray[np.uint8]], *, key: Sequence[int], width_px: int) -> None:
        _refuse(patches)
        self._patches = tuple(_flattened(patch) for patch in patches)
        self._key, self._width = tuple(key), width_px
        self._height = min(patch.shape[0] for patch in patches)
        self._wide = min(patch.shape[1] for patch in patches)
        self.level = float(np.mean([patch.mean() for patch in patches]))
        self._step = self._height - int(self._height * _OVERLAP)
        self._rows: dict[int, NDArray[np.float32]] = {}

    def block(self, index: int) -> NDArray[np.float32]:
        """Return how lines ``index * BLOCK_LINES`` and on differ from the mean level, f32 (BLOCK_LINES, width_px)."""
        first, end = index * BLOCK_LINES, (index + 1) * BLOCK_LINES
        rows = range((first - self._height) // self._step, end // self._step + 1)
        self._rows = {row: self._rows[row] if row in self._rows else self._row(row) for row in rows}
        block = np.zeros((BLOCK_LINES, self._width), np.float32)
        for row, pixels in self._rows.items():
            top = row * self._step - first
            low, high = max(top, 0), min(top + self._height, BLOCK_LINES)
            if high > low:
                block[low:high] += pixels[low - top : high - top]
        return block

    def _row(self, row: int) -> NDArray[np.float32]:
        """Return one row of patches, weighted so that rows and columns can be added up."""
        generator = np.random.default_rng([*self._key, row + _ORIGIN])
        step = self._wide - int(self._wide * _OVERLAP)
        left = -int(generator.integers(self._wide))  # each row begins elsewhere: no column of seams
        out = np.zeros((self._height, self._width), np.float32)
        weights = np.outer(_ramps(self._height), _ramps(self._wide)).astype(np.float32)
        for column in range(left, self._width, step):
            patch = self._picked(generator) * weights
            low, high = max(column, 0), min(column + self._wide, self._width)
            if high > low:
                out[:, low:high] += patch[:, low - column : high - column]
        return out

    def _picked(self, generator: np.random.Generator) -> NDArray[np.float32]:
        patch = self._patches[int(generator.integers(len(self._patches)))]
        top = int(generator.integers(patch.shape[0] - self._height + 1))
        left = int(generator.integers(patch.shape[1] - self._wide + 1))
        cut = patch[top : top + self._height, left : left + self._wide]
        down, across = (1 if generator.uniform() < 0.5 else -1 for _ in range(2))
        return cut[::down, ::across]


def _flattened(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    fine = patch.astype(np.float32)
    return cast("NDArray[np.float32]", fine - cv2.GaussianBlur(fine, (0, 0), min(patch.shape) / 6))


def _ramps(length: int) -> NDArray[np.float64]:
    """Return weights whose squares add up to 1 where two overlap: blending then keeps the contrast of the texture."""
    overlap = int(length * _OVERLAP)
    ramp = (np.arange(overlap) + 0.5) / overlap
    return cast("NDArray[np.float64]", np.sqrt(np.concatenate([ramp, np.ones(length - 2 * overlap), ramp[::-1]])))


def _refuse(patches: Sequence[NDArray[np.uint8]]) -> None:
    if not patches:
        raise BadDataError("material of patches needs at least one patch; give u8 images (h, w)")
    for number, patch in enumerate(patches):
        if patch.dtype != np.uint8 or patch.ndim != 2 or min(patch.shape) < _SMALLEST_PX:
            raise BadDataError(
                f"patch {number} is {patch.dtype} of shape {patch.shape}; give u8 (h, w) of {_SMALLEST_PX} px or more"
            )
        if float(patch.mean()) < _DARKEST:
            raise BadDataError(
                f"patch {number} has a mean of {patch.mean():.1f} grey levels: a mask or no light; give images of at "
                f"least {_DARKEST:g}"
            )
