"""Steps between two levels in averaged lines: where they are, and which of them bound the strip."""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

_WIDEST_SPAN_PX = 16  # columns averaged on either side of a step
_BLUR_PX = 6  # an edge is over within this distance of its middle
_ABOVE_NOISE = 6.0
_AGAINST_STRONGEST = 0.4  # of two edges in the fall-off of the light the weaker one still reaches it
_LASTING = 0.5
_DEVIATION_OF_MAD = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BandSteps:
    """The steps of one band that count, left to right: ``columns`` (borders, 0 .. w) and signed ``heights``."""

    columns: NDArray[np.intp]
    heights: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The steps of each band, found with means over ``span`` columns."""

    bands: tuple[BandSteps, ...]
    span: int


def steps_of(profiles: NDArray[np.float32], *, least: float) -> Steps:
    """Return the steps of profiles, f32 (n, w): at least ``least`` grey levels, and well above noise and texture."""
    count, width = profiles.shape
    span = min(max(width // 32, 2), _WIDEST_SPAN_PX)
    # Beyond the border goes on what is at it, so that an edge closer to it than the span is seen too.
    first, last = profiles[:, :4].mean(axis=1), profiles[:, -4:].mean(axis=1)
    padded = np.empty((count, width + 2 * span + 1), np.float64)
    padded[:, 0] = 0.0
    padded[:, 1 : span + 1], padded[:, -span:] = first[:, None], last[:, None]
    padded[:, span + 1 : -span] = profiles
    sums = np.cumsum(padded, axis=1, out=padded)
    heights = (sums[:, 2 * span :] - 2.0 * sums[:, span:-span] + sums[:, : -2 * span]) / span
    sizes = np.abs(heights)
    noise = _DEVIATION_OF_MAD * np.median(sizes[:, ::8], axis=1)
    limits = np.maximum(np.maximum(least, _ABOVE_NOISE * noise), _AGAINST_STRONGEST * sizes.max(axis=1))
    peaks = [_peaks(*band) for band in zip(heights, sizes, limits, strict=True)]
    return Steps(bands=tuple(_lasting(profiles, peaks, span, least)), span=span)


def outer_steps(
    band: BandSteps,
    strip: Literal["either", "brighter", "darker"],
    *,
    width_px: int,
) -> tuple[int | None, int | None]:
    """Return the borders of columns where the strip begins and ends in a band, None where it reaches beyond the view.

    A strip brighter than its background rises on the left and falls on the right. Not told what it is, both are tried:
    the reading that explains more steps holds, then that with the wider strip.
    """
    signs = {"either": (1.0, -1.0), "brighter": (1.0,), "darker": (-1.0,)}[strip]
    readings = [_reading(band, sign) for sign in signs]
    return max(readings, key=lambda pair: (_sides(pair), _width(pair, width_px)))


def locate(profiles: NDArray[np.float32], columns: NDArray[np.intp], *, span: int) -> NDArray[np.float64]:
    """Return the sub-pixel border of one edge in each profile, f64 (n,), near ``columns`` (n,).

    The edge is where a sharp step between the levels on either side would have to be for the same area under the
    profile, so symmetric blur does not move it.
    """
    edge, rows = columns.astype(np.float64), np.arange(columns.size)
    for _ in range(2):  # the second time centred on what the first one found
        middle = np.rint(edge).astype(np.intp)
        window = _windows(profiles, rows, middle, span)
        left, right = _levels(window, span)
        area = window[:, span:-span].sum(axis=1)
        height = np.where(left == right, np.inf, left - right)
        offset = (area - _BLUR_PX * (left + right)) / height
        edge = middle + np.clip(offset, -_BLUR_PX, _BLUR_PX)
    return edge


def _peaks(heights: NDArray[np.float64], sizes: NDArray[np.float64], limit: np.float64) -> BandSteps:
    """Return the highest step of every run of columns above the limit that has one sign."""
    above = np.flatnonzero(sizes >= limit)
    signs = np.sign(heights[above])
    breaks = np.flatnonzero((np.diff(above) > 1) | (np.diff(signs) != 0)) + 1
    runs = np.split(above, breaks) if above.size else []
    columns = np.array([run[np.argmax(sizes[run])] for run in runs], np.intp)
    return BandSteps(columns=columns, heights=heights[columns])


def _lasting(profiles: NDArray[np.float32], bands: list[BandSteps], span: int, least: float) -> list[BandSteps]:
    """Return the steps whose levels differ beyond the blur as well: both flanks of a narrow streak drop out."""
    counts = [band.columns.size for band in bands]
    columns, heights = (np.concatenate([getattr(band, name) for band in bands]) for name in ("columns", "heights"))
    rows = np.repeat(np.arange(len(bands)), counts)
    left, right = _levels(_windows(profiles, rows, columns, span), span)
    kept = (right - left) * np.sign(heights) >= np.maximum(least, _LASTING * np.abs(heights))
    ends = np.cumsum(counts)[:-1]
    parts = zip(np.split(columns, ends), np.split(heights, ends), np.split(kept, ends), strict=True)
    return [BandSteps(columns=x[keep], heights=height[keep]) for x, height, keep in parts]


def _windows(
    profiles: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp], span: int
) -> NDArray[np.float64]:
    """Return what lies around each column, f64 (n, 2 span + 2 blur); beyond the border goes on what is at it."""
    reach = np.arange(-_BLUR_PX - span, _BLUR_PX + span)
    places = np.clip(columns[:, None] + reach, 0, profiles.shape[1] - 1)
    return cast("NDArray[np.float64]", profiles[rows[:, None], places].astype(np.float64))


def _levels(windows: NDArray[np.float64], span: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the level left and right of each edge: medians, which a streak beside the edge does not move."""
    left, right = np.sort(windows[:, :span], axis=1), np.sort(windows[:, -span:], axis=1)
    inner = slice((span - 1) // 2, span // 2 + 1)  # np.median is as exact and takes ten times as long on few columns
    return left[:, inner].mean(axis=1), right[:, inner].mean(axis=1)


def _reading(band: BandSteps, sign: float) -> tuple[int | None, int | None]:
    return _column(band, 0, sign), _column(band, -1, -sign)


def _column(band: BandSteps, which: int, sign: float) -> int | None:
    """Return the outermost step where it has the sign: an outer step of the other sign is no edge of this strip."""
    if band.columns.size == 0 or band.heights[which] * sign <= 0.0:
        return None
    return int(band.columns[which])


def _sides(pair: tuple[int | None, int | None]) -> int:
    return (pair[0] is not None) + (pair[1] is not None)


def _width(pair: tuple[int | None, int | None], width_px: int) -> int:
    left, right = pair
    return (width_px if right is None else right) - (left or 0)
