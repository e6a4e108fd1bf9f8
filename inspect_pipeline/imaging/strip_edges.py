"""Where the strip lies in a frame: both edges to a fraction of a pixel, and how they run downweb.

Each of several bands of lines is averaged; an edge is a step between the levels left and right of it. The strip is
taken to lie between the outermost steps, which have opposite signs; a line through the bands, fitted so that single
bands with a wrong answer do not count, gives position and slope.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.capture import StripEdges
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.edge_steps import Steps, locate, outer_steps, steps_of

_MOST_BAND_LINES = 32  # more lines a band would only smear an edge that wanders
_FEWEST_BAND_LINES = 4
_INLIER_PX, _INLIER_DEVIATIONS = 1.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """How the edges of the strip are looked for.

    ``least_contrast`` is the smallest step between background and strip that counts, as a fraction of full scale.
    ``bands`` is how many bands of lines a frame is averaged into. ``strip`` says what the strip is against its
    background, where that is known. A strip narrower than ``least_width_share`` of the view is not believed,
    nor, from frame to frame, a move of more than ``most_wander_px``.
    """

    enabled: bool = True
    least_contrast: float = 0.03
    bands: int = 16
    strip: Literal["either", "brighter", "darker"] = "either"
    least_width_share: float = 0.2
    most_wander_px: float = 48.0

    def __post_init__(self) -> None:
        shares = (self.least_contrast, self.least_width_share)
        if not all(0.0 < share < 1.0 for share in shares) or self.bands < 1:
            raise BadDataError(
                f"edge settings: contrast {self.least_contrast} and width share {self.least_width_share} must lie "
                f"between 0 and 1, bands {self.bands} be 1 or more"
            )
        if self.strip not in ("either", "brighter", "darker") or not self.most_wander_px > 0.0:
            raise BadDataError(
                f"edge settings: the strip is {self.strip!r} and wanders {self.most_wander_px} px; give either, "
                "brighter or darker, and a move above 0"
            )


def find_edges(pixels: Pixels, settings: EdgeSettings, *, full_scale: int | None = None) -> StripEdges:
    """Return the edges of the strip in a frame, u8 or u16 of shape (h, w) or (h, w, 3); None where there is none.

    The background is taken to have no steps of its own; of a view with one
    step only the wider side is the strip, unless ``settings.strip`` tells. ``full_scale`` is None for that of the
    dtype. With ``settings.enabled`` false both edges are None.
    """
    if not settings.enabled:
        return StripEdges()
    full = full_scale if full_scale is not None else int(np.iinfo(pixels.dtype).max)
    profiles, middles = _bands(pixels, settings.bands)
    steps = steps_of(profiles, least=settings.least_contrast * full)
    width = pixels.shape[1]
    found = [outer_steps(band, settings.strip, width_px=width) for band in steps.bands]
    left, left_slope = _fitted(profiles, steps, [pair[0] for pair in found], middles)
    right, right_slope = _fitted(profiles, steps, [pair[1] for pair in found], middles)
    share = ((width if right is None else right) - (0.0 if left is None else left)) / width
    if share < settings.least_width_share:
        return StripEdges()
    return StripEdges(left_px=left, right_px=right, left_slope=left_slope, right_slope=right_slope)


def zone(edges: StripEdges, *, width_px: int, line_count: int, trim_px: float) -> tuple[int | None, int | None]:
    """Return the half-open columns to inspect: those inside the strip on every line of the frame, less the trim.

    None on a side where the strip reaches beyond the view: everything up to the border is inspected, nothing trimmed.

    Raises BadImageError where nothing is left to inspect.
    """
    if not trim_px >= 0.0:
        raise BadDataError(f"trim of {trim_px} px; give 0 or more")
    half = line_count / 2.0
    left = right = None
    if edges.left_px is not None:
        left = min(max(ceil(edges.left_px + abs(edges.left_slope) * half + trim_px), 0), width_px)
    if edges.right_px is not None:
        right = min(max(floor(edges.right_px - abs(edges.right_slope) * half - trim_px), 0), width_px)
    if (left or 0) >= (width_px if right is None else right):
        raise BadImageError(
            f"strip from column {edges.left_px} to {edges.right_px} less {trim_px:g} px of trim leaves nothing to "
            "inspect; check the edge settings"
        )
    return left, right


def _bands(pixels: Pixels, most: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the mean of each band, f32 (n, w), and its middle in lines from the middle of the frame, f64 (n,)."""
    height = pixels.shape[0]
    count = min(most, max(height // _FEWEST_BAND_LINES, 1))
    pitch = height / count
    lines = min(max(int(pitch), 1), _MOST_BAND_LINES)
    starts = [int(pitch * band + (pitch - lines) / 2.0) for band in range(count)]
    flat = pixels.reshape(height, -1)
    means = [cv2.reduce(flat[start : start + lines], 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F) for start in starts]
    profiles = np.concatenate(means)
    if pixels.ndim == 3:
        profiles = profiles.reshape(count, -1, 3).mean(axis=2)
    middles = np.array(starts, np.float64) + lines / 2.0 - height / 2.0
    return cast("NDArray[np.float32]", profiles), middles


def _fitted(
    profiles: NDArray[np.float32], steps: Steps, columns: list[int | None], middles: NDArray[np.float64]
) -> tuple[float | None, float]:
    """Return position at the middle line and slope of one edge; (None, 0) unless half of the bands agree on it."""
    seen = np.array([band for band, column in enumerate(columns) if column is not None], int)
    enough = (len(columns) + 1) // 2
    if seen.size == 0:
        return None, 0.0
    coarse = np.array([column for column in columns if column is not None], int)
    exact = locate(profiles[seen], coarse, span=steps.span)
    position, slope = _median_line(middles[seen], exact)
    away = np.abs(exact - position - slope * middles[seen])
    agreeing = away <= max(_INLIER_PX, _INLIER_DEVIATIONS * float(np.median(away)))
    if int(agreeing.sum()) < enough:
        return None, 0.0
    if int(agreeing.sum()) > 1:
        slope, position = (float(value) for value in np.polyfit(middles[seen][agreeing], exact[agreeing], 1))
    inside = 0.0 < position < profiles.shape[1]
    return (position, slope) if inside else (None, 0.0)


def _median_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return value at 0 and slope after Theil (1950): up to 29% of the points may be anywhere."""
    one, other = np.triu_indices(x.size, 1)
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one]))) if one.size else 0.0
    return float(np.median(y - slope * x)), slope
