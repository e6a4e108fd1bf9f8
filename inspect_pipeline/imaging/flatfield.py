"""Flat-field correction of a line camera: one dark level and one gain a column, from reference captures.

As camera makers do it (EMVA 1288): subtract the dark signal non-uniformity (DSNU), multiply by the gain that brings the
photo response (PRNU) and the illumination to one target level. Both come from lines averaged over time, so a streak on
the moving material, which no reference holds, survives.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError

BRIGHTEST_REFERENCE = 0.80  # share of full scale: above it, noise and stripes already clip
DARKEST_BRIGHT_REFERENCE = 0.15
BRIGHTEST_DARK_REFERENCE = 0.20
_DEAD_BELOW, _HOT_ABOVE = 0.25, 4.0  # response against the median column
_MOST_DEFECTIVE_COLUMNS = 0.05
_FEWEST_LINES = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatField:
    """Dark level and gain a column, f32 of shape (w,) or (w, 3); ``dead_columns`` are filled from their neighbours."""

    dark: NDArray[np.float32]
    gain: NDArray[np.float32]
    dead_columns: tuple[int, ...] = ()


def from_references(
    dark_lines: Pixels, bright_lines: Pixels, *, target: float, full_scale: int | None = None
) -> FlatField:
    """Return the correction that maps the bright reference to ``target`` grey levels in every column.

    Both references are captures of shape (lines, w) or (lines, w, 3) with the exposure and gain of production: one
    with the light off, one of a plain bright target. ``full_scale`` is None for that of the dtype (12 in 16 bit: 4095).

    Raises BadDataError: shapes differ, too few lines, too bright, too dark, too many columns without response.
    """
    _refuse_shapes(dark_lines, bright_lines)
    full = float(full_scale if full_scale is not None else np.iinfo(bright_lines.dtype).max)
    dark, bright = dark_lines.mean(axis=0, dtype=np.float64), bright_lines.mean(axis=0, dtype=np.float64)
    _refuse_levels(dark, bright, full)
    response = bright - dark
    typical = _typical_response(response)
    dead = _per_column((response < _DEAD_BELOW * typical) | (response > _HOT_ABOVE * typical))
    if dead.mean() > _MOST_DEFECTIVE_COLUMNS:
        raise BadDataError(
            f"flat field: {int(dead.sum())} of {dead.size} columns do not respond; check lens cap and light"
        )
    gain = np.where(dead if response.ndim == 1 else dead[:, None], 1.0, target / np.maximum(response, 1e-6))
    return FlatField(
        dark=dark.astype(np.float32),
        gain=gain.astype(np.float32),
        dead_columns=tuple(int(column) for column in np.flatnonzero(dead)),
    )


def correct(pixels: Pixels, flat: FlatField) -> Pixels:
    """Return the pixels with flat response: same shape and dtype, linear, rounded, clipped only at 0 and full scale.

    Raises BadImageError when the frame has another width or number of channels than the flat field.
    """
    if pixels.shape[1:] != flat.dark.shape:
        raise BadImageError(
            f"flat field is for lines of shape {flat.dark.shape}, the frame has {pixels.shape[1:]}; "
            "take new references with this camera set-up"
        )
    work = pixels.astype(np.float32)
    work -= flat.dark
    work *= flat.gain
    _repair(work, flat.dead_columns)
    work += 0.5  # truncation towards zero then rounds; what is negative is clipped first
    np.clip(work, 0, np.iinfo(pixels.dtype).max, out=work)
    return cast(Pixels, work.astype(pixels.dtype))


def _repair(work: NDArray[np.float32], dead: tuple[int, ...]) -> None:
    """Fill dead columns in place, linearly between the nearest working columns on either side."""
    if not dead:
        return
    broken = np.zeros(work.shape[1], bool)
    broken[list(dead)] = True
    working = np.flatnonzero(~broken)
    for column in dead:
        after = int(np.searchsorted(working, column))
        left, right = working[max(after - 1, 0)], working[min(after, working.size - 1)]
        share = 0.5 if right == left else float(np.clip((column - left) / (right - left), 0.0, 1.0))
        work[:, column] = (1.0 - share) * work[:, left] + share * work[:, right]


def _typical_response(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median response of each column's neighbourhood, so that a dark lens edge is not taken for dead."""
    span = max(response.shape[0] // 8, 1)
    blocks = [np.median(response[start : start + span], axis=0) for start in range(0, response.shape[0], span)]
    return np.repeat(np.stack(blocks), span, axis=0)[: response.shape[0]]


def _per_column(defective: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return defective if defective.ndim == 1 else cast("NDArray[np.bool_]", defective.any(axis=1))


def _refuse_shapes(dark_lines: Pixels, bright_lines: Pixels) -> None:
    if dark_lines.shape[1:] != bright_lines.shape[1:] or dark_lines.dtype != bright_lines.dtype:
        raise BadDataError(
            f"flat field: dark reference is {dark_lines.dtype} {dark_lines.shape[1:]}, bright is "
            f"{bright_lines.dtype} {bright_lines.shape[1:]}; take both with the same camera set-up"
        )
    fewest = min(dark_lines.shape[0], bright_lines.shape[0])
    if fewest < _FEWEST_LINES:
        raise BadDataError(f"flat field: a reference has {fewest} lines; give {_FEWEST_LINES} or more (2,048 is usual)")


def _refuse_levels(dark: NDArray[np.float64], bright: NDArray[np.float64], full: float) -> None:
    brightest, darkest = float(np.percentile(bright, 99.5)) / full, float(np.median(bright - dark)) / full
    if brightest > BRIGHTEST_REFERENCE:
        raise BadDataError(
            f"flat field: bright reference too bright ({brightest:.0%} of full scale, at most "
            f"{BRIGHTEST_REFERENCE:.0%}); lower the light or the exposure"
        )
    if darkest < DARKEST_BRIGHT_REFERENCE:
        raise BadDataError(
            f"flat field: bright reference too dark ({darkest:.0%} of full scale above the dark one, at least "
            f"{DARKEST_BRIGHT_REFERENCE:.0%}); raise the light or the exposure"
        )
    if float(np.median(dark)) / full > BRIGHTEST_DARK_REFERENCE:
        raise BadDataError(
            f"flat field: dark reference too bright ({float(np.median(dark)) / full:.0%} of full scale); close the lens"
        )
