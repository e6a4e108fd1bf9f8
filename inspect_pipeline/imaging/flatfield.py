"""Flat-field correction of a line camera: one dark level and one gain a column, from reference captures.

As camera makers do it (EMVA 1288): subtract the dark signal non-uniformity (DSNU), multiply by the gain that brings the
photo response (PRNU) and the illumination to one target level. Both come from lines averaged over time: a stripe that
raw image and reference share is the sensor and vanishes; a streak on the material, which no reference holds, survives.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.stripes import column_means

BRIGHTEST_REFERENCE = 0.80  # share of full scale: above it, noise and stripes already clip
DARKEST_BRIGHT_REFERENCE = 0.15
BRIGHTEST_DARK_REFERENCE = 0.20
FEWEST_LINES = 16
_DEAD_BELOW, _HOT_ABOVE = 0.25, 4.0  # response against the median column
_HOT_DARK = 0.10  # share of full scale above the median column, light off
_SATURATED_BRIGHT = 0.98  # share of full scale: the mean of such a column is already cut
_MOST_DEFECTIVE_COLUMNS = 0.05
_DEEPEST = 65535
_BLOCK_SAMPLES = (
    1 << 17
)  # f32 work, dark and gain of one block are 1.5 MiB: larger gains nothing, smaller costs a fifth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatField:
    """Dark level and gain a column, f32 of shape (w,) or (w, 3); defective columns are filled from their neighbours.

    ``dead_columns`` do not respond, ``hot_columns`` are far too bright. ``full_scale`` is where the correction clips
    (4095 for 12 bit in 16; None: full scale of the dtype), ``target`` the level that the bright reference comes out at.

    Raises BadDataError for arrays that fit no line or hold no numbers, and for columns that are not there.
    """

    dark: NDArray[np.float32]
    gain: NDArray[np.float32]
    dead_columns: tuple[int, ...] = ()
    hot_columns: tuple[int, ...] = ()
    full_scale: int | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        shape, width = self.dark.shape, self.dark.shape[0] if self.dark.ndim else 0
        if self.gain.shape != shape or width == 0 or not (len(shape) == 1 or shape[1:] == (3,)):
            raise BadDataError(f"flat field: dark {shape} and gain {self.gain.shape} fit no line; give (w,) or (w, 3)")
        if self.dark.dtype != np.float32 or self.gain.dtype != np.float32:
            raise BadDataError(f"flat field: dark is {self.dark.dtype}, gain {self.gain.dtype}; give both as float32")
        if not (np.isfinite(self.dark).all() and np.isfinite(self.gain).all() and (self.gain > 0).all()):
            raise BadDataError("flat field: dark or gain holds what is no number, or a gain of 0; take new references")
        numbers = (1.0 if self.target is None else self.target, 1 if self.full_scale is None else self.full_scale)
        if not all(0.0 < number <= _DEEPEST for number in numbers):
            raise BadDataError(f"flat field: target {self.target} or full scale {self.full_scale} is no grey level")
        defective = set(self.defective_columns)
        if len(defective) >= width or any(not 0 <= column < width for column in defective):
            raise BadDataError(f"flat field: defective columns {sorted(defective)[:5]} .. do not fit {width} columns")

    @property
    def defective_columns(self) -> tuple[int, ...]:
        """Dead and hot columns, in order."""
        return tuple(sorted({*self.dead_columns, *self.hot_columns}))


def from_references(
    dark_lines: Pixels, bright_lines: Pixels, *, target: float | None = None, full_scale: int | None = None
) -> FlatField:
    """Return the correction that maps the bright reference to ``target`` grey levels in every column.

    Both references are captures of shape (lines, w) or (lines, w, 3) with the exposure and gain of production: one
    with the light off, one of a plain bright target. ``target`` None is the highest that clips no column whatever its
    raw level. ``full_scale`` is None for that of the dtype (12 in 16 bit: 4095).

    Raises BadDataError: shapes differ, too few lines, too bright, too dark, too many defective columns, a target that
    is no level.
    """
    if dark_lines.shape[1:] != bright_lines.shape[1:] or dark_lines.dtype != bright_lines.dtype:
        raise BadDataError(
            f"flat field: dark reference is {dark_lines.dtype} {dark_lines.shape[1:]}, bright is "
            f"{bright_lines.dtype} {bright_lines.shape[1:]}; take both with the same camera set-up"
        )
    fewest = min(dark_lines.shape[0], bright_lines.shape[0])
    if fewest < FEWEST_LINES:
        raise BadDataError(f"flat field: a reference has {fewest} lines; give {FEWEST_LINES} or more (2,048 is usual)")
    full = full_scale if full_scale is not None else int(np.iinfo(bright_lines.dtype).max)
    return from_averages(column_means(dark_lines), column_means(bright_lines), target=target, full_scale=full)


def from_averages(
    dark: NDArray[np.float64], bright: NDArray[np.float64], *, target: float | None, full_scale: int
) -> FlatField:
    """Return what ``from_references`` does, from the means of the columns, f64 of shape (w,) or (w, 3).

    Raises BadDataError as it does, for levels, columns and target.
    """
    response = bright - dark
    dead, hot = _defective(dark, bright, response, float(full_scale))
    defective = dead | hot
    # A few hot columns do not make a reference too bright; one that is too bright has hot ones all over.
    judged = ~hot if hot.mean() <= _MOST_DEFECTIVE_COLUMNS else np.full_like(hot, fill_value=True)
    _refuse_levels(dark[judged], bright[judged], float(full_scale))
    if defective.mean() > _MOST_DEFECTIVE_COLUMNS:
        raise BadDataError(
            f"flat field: {int(dead.sum())} of {dead.size} columns do not respond, {int(hot.sum())} are far too "
            "bright; check lens cap and light"
        )
    working = ~defective
    level = _target(target, full_scale, full_scale * response[working] / (full_scale - dark[working]))
    gain = level / np.maximum(response, 1e-6)
    gain[defective] = 1.0
    return FlatField(
        dark=dark.astype(np.float32),
        gain=gain.astype(np.float32),
        dead_columns=tuple(int(column) for column in np.flatnonzero(dead)),
        hot_columns=tuple(int(column) for column in np.flatnonzero(hot)),
        full_scale=full_scale,
        target=level,
    )


def correct(pixels: Pixels, flat: FlatField) -> Pixels:
    """Return the pixels with flat response: same shape and dtype, linear, rounded, clipped only at 0 and full scale.

    Raises BadImageError when the frame has another width or number of channels than the flat field.
    """
    return correct_and_count(pixels, flat)[0]


def correct_and_count(pixels: Pixels, flat: FlatField) -> tuple[Pixels, int]:
    """Return what ``correct`` does, and how many samples it clipped at full scale though the raw ones were below it.

    A flat field whose target was left to ``from_references`` clips none. Halves are rounded to the even level.
    """
    if pixels.shape[1:] != flat.dark.shape:
        raise BadImageError(
            f"flat field is for lines of shape {flat.dark.shape}, the frame has {pixels.shape[1:]}; "
            "take new references with this camera set-up"
        )
    raw = cast(Pixels, np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1))
    out = np.empty_like(raw)
    clipped = _scale(raw, flat, out)
    corrected = cast(Pixels, out.reshape(pixels.shape))
    if flat.defective_columns:
        filled = _filled(corrected, flat.defective_columns)
        corrected[:, list(flat.defective_columns)] = np.rint(filled).astype(corrected.dtype)
    return corrected, clipped


def correct_means(means: NDArray[np.float64], flat: FlatField) -> NDArray[np.float64]:
    """Return column means, f64 of shape (w,) or (w, 3), with flat response: neither rounded nor clipped."""
    levels = ((means - flat.dark) * flat.gain)[None]
    if flat.defective_columns:
        levels[:, list(flat.defective_columns)] = _filled(levels, flat.defective_columns)
    return cast("NDArray[np.float64]", levels[0])


def _scale(raw: Pixels, flat: FlatField, out: Pixels) -> int:
    """Fill ``out`` block by block and return how many samples clipped."""
    deepest = int(np.iinfo(raw.dtype).max)
    full = deepest if flat.full_scale is None else min(flat.full_scale, deepest)
    lines = min(max(_BLOCK_SAMPLES // raw.shape[1], 1), raw.shape[0])
    dark = np.repeat(flat.dark.reshape(1, -1), lines, axis=0)
    gain = np.repeat(flat.gain.reshape(1, -1), lines, axis=0)
    work = np.empty_like(dark)
    highest = cast(Pixels, _highest_raw(flat, full).astype(raw.dtype))
    may_clip = bool((highest < full).any())
    depth = cv2.CV_8U if raw.dtype == np.uint8 else cv2.CV_16U
    clipped = 0
    for start in range(0, raw.shape[0], lines):
        block, result = raw[start : start + lines], out[start : start + lines]
        count = block.shape[0]
        cv2.subtract(block, dark[:count], dst=work[:count], dtype=cv2.CV_32F)
        cv2.multiply(work[:count], gain[:count], dst=result, dtype=depth)  # rounds and saturates
        if may_clip and result.max() >= full:
            clipped += int(np.count_nonzero((block > highest) & (block < full)))
            np.minimum(result, result.dtype.type(full), out=result)
    return clipped


def _highest_raw(flat: FlatField, full: int) -> NDArray[np.uint16]:
    """Return the highest raw level of each sample of a line that does not clip; defective columns never count."""
    highest = np.floor(flat.dark.astype(np.float64) + (full + 0.5) / flat.gain.astype(np.float64))
    highest[list(flat.defective_columns)] = full
    return cast("NDArray[np.uint16]", np.clip(highest, 0, full).astype(np.uint16).reshape(-1))


def _filled(lines: Pixels | NDArray[np.float64], defective: tuple[int, ...]) -> NDArray[np.float64]:
    """Return what the defective columns would hold, linear between the nearest working columns on either side."""
    columns = np.array(defective)
    working = np.setdiff1d(np.arange(lines.shape[1]), columns)
    after = np.searchsorted(working, columns)
    left, right = working[np.maximum(after - 1, 0)], working[np.minimum(after, working.size - 1)]
    share = np.where(right > left, (columns - left) / np.maximum(right - left, 1), 0.0)
    weights = share if lines.ndim == 2 else share[:, None]
    return cast("NDArray[np.float64]", lines[:, left] * (1 - weights) + lines[:, right] * weights)


def _target(target: float | None, full_scale: int, unclipped: NDArray[np.float64]) -> float:
    """Return the target asked for, else the lowest of those at which each column keeps its full scale unclipped."""
    if target is None:
        return float(unclipped.min())
    if not 0.0 < target <= full_scale:
        raise BadDataError(f"flat field: target {target:g} is no grey level; give one of 1 to {full_scale}, or none")
    return float(target)


def _defective(
    dark: NDArray[np.float64], bright: NDArray[np.float64], response: NDArray[np.float64], full: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which columns are dead and which hot, bool (w,) each; a hot one is not dead as well."""
    typical = _typical(response)
    hot = _per_column(
        (response > _HOT_ABOVE * typical)
        | (dark > _typical(dark) + _HOT_DARK * full)
        | (bright > _SATURATED_BRIGHT * full)
    )
    return _per_column(response < _DEAD_BELOW * typical) & ~hot, hot


def _typical(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median level of each column's neighbourhood, so that a dark lens edge is not taken for dead."""
    span = max(levels.shape[0] // 8, 1)
    blocks = [np.median(levels[start : start + span], axis=0) for start in range(0, levels.shape[0], span)]
    return np.repeat(np.stack(blocks), span, axis=0)[: levels.shape[0]]


def _per_column(defective: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return defective if defective.ndim == 1 else cast("NDArray[np.bool_]", defective.any(axis=1))


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
