"""Whether a capture can be judged at all: exposure, blank frames, dropped lines; focus and stripes beside them."""

import math
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.imaging.stripes import column_means, stripe_strength

_BLOCK_LINES = 64  # fits the cache, so a line is fetched once for all that is asked of it
_FOCUS_BLOCKS, _FOCUS_LINES = 8, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """Limits of a recipe; shares are fractions of pixels or lines, levels are fractions of full scale.

    ``full_scale`` is None for that of the dtype, 4095 for 12 bit in 16. The defaults refuse only what is no picture of
    material; a recipe tightens them to its line. At ``most_stripes`` 1 no frame is refused for its stripes.
    """

    most_saturated_share: float = 0.90
    darkest_mean: float = 0.02
    least_contrast: float = 0.002
    most_dropped_share: float = 0.10
    least_focus: float = 0.0
    most_stripes: float = 1.0
    full_scale: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureQuality:
    """What was measured, and why the capture is unusable (no reasons: it is usable).

    ``mean`` and ``contrast`` (standard deviation) are fractions of full scale; ``focus`` is the variance of the
    Laplacian over the squared mean (Pech-Pacheco et al. 2000): larger is sharper, comparable on one material only. It
    is taken from all lines of a frame of up to 256, else from 8 blocks of 32 lines spread over it. ``stripes`` is
    ``imaging.stripes.stripe_strength`` of the column means, as a fraction of full scale: the sensor's pattern, plus the
    contrast of the material over the root of the line count.
    """

    mean: float
    contrast: float
    saturated_share: float
    dropped_lines: int
    focus: float
    stripes: float
    reasons: tuple[str, ...] = ()


def judge(
    pixels: Pixels, limits: QualityLimits, *, corrected: Pixels | None = None, full_scale: int | None = None
) -> CaptureQuality:
    """Return the measured quality of a frame, u8 or u16 of shape (h, w) or (h, w, 3), and the reasons against it.

    ``pixels`` are the raw ones: what is saturated, repeated or constant shows only there. ``corrected`` is the same
    frame after its flat field, where the stripes are looked for (None: in the raw one). ``full_scale`` is that of the
    camera's settings and goes before that of the limits.
    """
    full = _full_scale(pixels, limits, full_scale)
    grey = cast(Pixels, pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    mean, deviation = _mean_and_deviation(grey)
    measured = CaptureQuality(
        mean=mean / full,
        contrast=deviation / full,
        saturated_share=_saturated(grey, full) / grey.size,
        dropped_lines=int(dropped_lines(pixels, full_scale=full).sum()),
        focus=_focus(grey, mean),
        stripes=stripe_strength(column_means(pixels if corrected is None else corrected)) / full,
    )
    return replace(measured, reasons=_reasons(measured, limits, grey.shape[0]))


def dropped_lines(pixels: Pixels, *, full_scale: float) -> NDArray[np.bool_]:
    """Return, for each line, whether it repeats the one before it or holds one value throughout, bool of shape (h,).

    A line that is saturated throughout is over-exposed rather than dropped and is not counted here.
    """
    lines = pixels.reshape(pixels.shape[0], -1)
    dropped = np.zeros(lines.shape[0], bool)
    for start in range(0, lines.shape[0], _BLOCK_LINES):
        block = lines[start : start + _BLOCK_LINES]
        low, high = block.min(axis=1), block.max(axis=1)
        found = low == high
        first = 0 if start else 1  # nothing stands before the first line of a frame
        before = lines[start - 1 + first : start - 1 + block.shape[0]]
        found[first:] |= (block[first:] == before).all(axis=1)
        dropped[start : start + _BLOCK_LINES] = found & (low < full_scale)
    return dropped


def _full_scale(pixels: Pixels, limits: QualityLimits, full_scale: int | None) -> int:
    given = full_scale if full_scale is not None else limits.full_scale
    return int(np.iinfo(pixels.dtype).max) if given is None else given


def _mean_and_deviation(grey: Pixels) -> tuple[float, float]:
    # By two sums: meanStdDev takes seven times as long for u16. Levels are whole numbers, so f64 loses nothing here.
    mean = cv2.sumElems(grey)[0] / grey.size
    return mean, math.sqrt(max(cv2.norm(grey, cv2.NORM_L2SQR) / grey.size - mean**2, 0.0))


def _saturated(grey: Pixels, full: int) -> int:
    if grey.max() < full:
        return 0
    blocks = (grey[start : start + _BLOCK_LINES] for start in range(0, grey.shape[0], _BLOCK_LINES))
    return sum(int(np.count_nonzero(block >= full)) for block in blocks)


def _focus(grey: Pixels, mean: float) -> float:
    depth = cv2.CV_32F if grey.dtype == np.uint16 else cv2.CV_16S
    total = squares = samples = 0.0
    for block in _spread_blocks(grey):
        edges = cv2.Laplacian(block, depth)
        total += cv2.sumElems(edges)[0]
        squares += cv2.norm(edges, cv2.NORM_L2SQR)
        samples += edges.size
    variance = squares / samples - (total / samples) ** 2
    return max(variance, 0.0) / max(mean, 1.0) ** 2


def _spread_blocks(grey: Pixels) -> list[Pixels]:
    """Return the whole frame where it is short, else blocks of lines spread evenly from its first to its last line."""
    height = grey.shape[0]
    if height <= _FOCUS_BLOCKS * _FOCUS_LINES:
        return [grey]
    starts = np.linspace(0, height - _FOCUS_LINES, _FOCUS_BLOCKS).astype(int)
    return [grey[start : start + _FOCUS_LINES] for start in starts]


def _reasons(quality: CaptureQuality, limits: QualityLimits, lines: int) -> tuple[str, ...]:
    dropped = quality.dropped_lines / lines
    found = [
        (
            quality.saturated_share > limits.most_saturated_share,
            f"over-exposed: {quality.saturated_share:.1%} of the pixels are saturated "
            f"(limit {limits.most_saturated_share:.1%})",
        ),
        (
            quality.mean < limits.darkest_mean,
            f"dark: mean {quality.mean:.2%} of full scale (limit {limits.darkest_mean:.2%})",
        ),
        (
            quality.contrast < limits.least_contrast,
            f"blank: contrast {quality.contrast:.3%} of full scale (limit {limits.least_contrast:.3%})",
        ),
        (
            dropped > limits.most_dropped_share,
            f"dropped lines: {quality.dropped_lines} of {lines} repeat the line before or are constant "
            f"(limit {limits.most_dropped_share:.1%})",
        ),
        (
            quality.focus < limits.least_focus,
            f"out of focus: {quality.focus:.2e} (limit {limits.least_focus:.2e})",
        ),
        (
            quality.stripes > limits.most_stripes,
            f"stripes: {quality.stripes:.2%} of full scale (limit {limits.most_stripes:.2%}); take new references",
        ),
    ]
    return tuple(reason for failed, reason in found if failed)
