"""Column stripes: what is left of them after the flat field, and how strong they are in a frame."""

from typing import cast

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels

NEIGHBOURHOOD_PX = 31
_GREY_LEVELS = 255.0
_DEVIATION_OF_MAD = 1.4826  # of a normal distribution


def column_sums(lines: Pixels) -> NDArray[np.float64]:
    """Return the sum of every column, f64 of shape (w,) or (w, 3), of lines u8 or u16 (n, w) or (n, w, 3)."""
    flat = lines.reshape(lines.shape[0], -1)
    # 32 bit is exact and SIMD for u8; u16 would overflow there and lose digits in f32.
    depth = cv2.CV_32S if lines.dtype == np.uint8 else cv2.CV_64F
    sums = cv2.reduce(flat, 0, cv2.REDUCE_SUM, dtype=depth)
    return cast("NDArray[np.float64]", sums.astype(np.float64).reshape(lines.shape[1:]))


def column_means(lines: Pixels) -> NDArray[np.float64]:
    """Return the mean of every column, f64 of shape (w,) or (w, 3), of lines u8 or u16 (n, w) or (n, w, 3)."""
    return cast("NDArray[np.float64]", column_sums(lines) / lines.shape[0])


def residual_stripes(corrected_lines: Pixels, *, full_scale: int | None = None) -> float:
    """Return the stripes left in corrected lines of a plain material, in grey levels of an 8-bit scale.

    As ``residual_of_means`` of their column means; ``full_scale`` is None for that of the dtype. Random noise adds its
    own deviation divided by the root of the line count: give 1,000 lines or more.
    """
    full = full_scale if full_scale is not None else int(np.iinfo(corrected_lines.dtype).max)
    return residual_of_means(column_means(corrected_lines), full_scale=full)


def residual_of_means(means: NDArray[np.float64], *, full_scale: int) -> float:
    """Return the strength of the stripes in column means (w,) or (w, 3), in grey levels of an 8-bit scale.

    It is the standard deviation, over all columns, of the column mean minus the median of the 31 column means around
    it, so neither the level nor a slow fall-off counts.
    """
    return float(np.std(_high_pass(means))) * _GREY_LEVELS / full_scale


def stripe_strength(means: NDArray[np.float64]) -> float:
    """Return the strength of the stripes in column means (w,) or (w, 3), in their unit.

    Robust (1.4826 times the median absolute deviation of the high-passed means), so it tells of a pattern in most
    columns; a single streak, a defect of the material, hardly moves it, and neither do the edges of the strip.
    """
    fine = _high_pass(means)
    return _DEVIATION_OF_MAD * float(np.median(np.abs(fine - np.median(fine))))


def _high_pass(means: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the means minus their local median; near a border the neighbourhood is mirrored."""
    half = min(NEIGHBOURHOOD_PX // 2, means.shape[0] - 1)
    columns = means.reshape(means.shape[0], -1).astype(np.float32)  # sorts in half the time of f64
    padded = np.pad(columns, ((half, half), (0, 0)), mode="reflect")
    windows = sliding_window_view(padded, 2 * half + 1, axis=0)
    # partition is seven times as fast as np.median here
    middle = np.partition(windows, half, axis=-1)[..., half]
    return cast("NDArray[np.float32]", columns - middle)
