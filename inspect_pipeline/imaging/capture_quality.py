"""Whether a capture can be judged at all: exposure, blank frames, dropped lines; focus is measured beside them."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """Limits of a recipe; shares are fractions of pixels or lines, levels are fractions of full scale.

    ``full_scale`` is None for that of the dtype, 4095 for 12 bit in 16. The defaults refuse only what is no picture of
    material; a recipe tightens them to its line.
    """

    most_saturated_share: float = 0.90
    darkest_mean: float = 0.02
    least_contrast: float = 0.002
    most_dropped_share: float = 0.10
    least_focus: float = 0.0
    full_scale: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureQuality:
    """What was measured, and why the capture is unusable (no reasons: it is usable).

    ``mean`` and ``contrast`` (standard deviation) are fractions of full scale; ``focus`` is the variance of the
    Laplacian over the squared mean (Pech-Pacheco et al. 2000): larger is sharper, comparable on one material only.
    """

    mean: float
    contrast: float
    saturated_share: float
    dropped_lines: int
    focus: float
    reasons: tuple[str, ...] = ()


def judge(pixels: Pixels, limits: QualityLimits) -> CaptureQuality:
    """Return the measured quality of a frame, u8 or u16 of shape (h, w) or (h, w, 3), and the reasons against it."""
    full = float(limits.full_scale if limits.full_scale is not None else np.iinfo(pixels.dtype).max)
    grey = cast(Pixels, pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    quality = CaptureQuality(
        mean=mean / full,
        contrast=deviation / full,
        saturated_share=float(np.count_nonzero(grey >= full)) / grey.size,
        dropped_lines=int(dropped_lines(pixels, full_scale=full).sum()),
        focus=_focus(grey, mean),
    )
    reasons = _reasons(quality, limits, grey.shape[0])
    return CaptureQuality(
        mean=quality.mean,
        contrast=quality.contrast,
        saturated_share=quality.saturated_share,
        dropped_lines=quality.dropped_lines,
        focus=quality.focus,
        reasons=reasons,
    )


def dropped_lines(pixels: Pixels, *, full_scale: float) -> NDArray[np.bool_]:
    """Return, for each line, whether it repeats the one before it or holds one value throughout, bool of shape (h,).

    A line that is saturated throughout is over-exposed rather than dropped and is not counted here.
    """
    lines = pixels.reshape(pixels.shape[0], -1)
    low, high = lines.min(axis=1), lines.max(axis=1)
    repeated = np.zeros(lines.shape[0], bool)
    # Only lines that share their extremes can be equal: the full comparison is left for those few.
    for row in np.flatnonzero((low[1:] == low[:-1]) & (high[1:] == high[:-1])) + 1:
        repeated[row] = np.array_equal(lines[row], lines[row - 1])
    dropped: NDArray[np.bool_] = (repeated | (low == high)) & (low < full_scale)
    return dropped


def _focus(grey: Pixels, mean: float) -> float:
    edges = cv2.Laplacian(grey, cv2.CV_32F if grey.dtype == np.uint16 else cv2.CV_16S)
    deviation = float(cv2.meanStdDev(edges)[1][0, 0])
    return (deviation / max(mean, 1.0)) ** 2


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
    ]
    return tuple(reason for failed, reason in found if failed)
