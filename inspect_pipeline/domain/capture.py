"""What is known of a capture beside its pixels: how the camera was set, and what was measured on the frame."""

import math
from dataclasses import dataclass, fields

from inspect_pipeline.errors import BadDataError

_DEEPEST_BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """How the camera was set when it took a frame; None where the source does not say.

    ``exposure_us`` in microseconds a line, ``gain_db`` in decibels, ``temperature_c`` of the sensor in degrees Celsius.
    ``reverse``: the direction of a TDI sensor is against its forward one. ``bits`` are the significant bits a sample
    (12 for 12 bit in 16): full scale is ``2**bits - 1``; None: all bits of the pixel type.
    """

    exposure_us: float | None = None
    gain_db: float | None = None
    temperature_c: float | None = None
    reverse: bool = False
    bits: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.exposure_us, self.gain_db, self.temperature_c)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise BadDataError(f"camera settings {numbers} hold a number that is none; leave out what is not known")
        if self.bits is not None and not 1 <= self.bits <= _DEEPEST_BITS:
            raise BadDataError(f"{self.bits} bits a sample cannot be; give 1 to {_DEEPEST_BITS}, or leave it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class StripEdges:
    """Where the strip lies in a frame, in px of its columns; None: it reaches beyond the view on that side.

    ``left_px`` and ``right_px`` (sub-pixel, borders of columns: 0.0 is the left border of column 0) are at the middle
    line of the frame; slopes are px a line downweb. The strip is ``left_px <= x < right_px``.
    """

    left_px: float | None = None
    right_px: float | None = None
    left_slope: float = 0.0
    right_slope: float = 0.0

    def __post_init__(self) -> None:
        if self.left_px is not None and self.right_px is not None and self.right_px <= self.left_px:
            raise BadDataError(
                f"strip from column {self.left_px} to {self.right_px} is empty; left must be below right"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeasures:
    """What was measured on one frame at ingest; levels are fractions of full scale, None where not measured.

    ``stripes`` is the strength of column stripes (see ``imaging.capture_quality``); ``clipped_share`` the share of
    pixels that the flat field pushed beyond full scale. ``flat_field`` is the id of the correction that was applied,
    ``thumbnail`` a content address, ``encoder`` the counts at the first line. Findings are looked for in columns
    ``zone_left_px .. zone_right_px`` (half-open; None: up to the border): the strip without its trim.
    """

    mean: float | None = None
    contrast: float | None = None
    saturated_share: float | None = None
    dropped_lines: int | None = None
    focus: float | None = None
    stripes: float | None = None
    clipped_share: float | None = None
    edges: StripEdges | None = None
    zone_left_px: int | None = None
    zone_right_px: int | None = None
    settings: CaptureSettings = CaptureSettings()  # frozen, so shared
    encoder: int | None = None
    flat_field: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRange:
    """Lowest, mean and highest of one measure over the frames of a camera; see ``FrameMeasures`` for its unit."""

    camera: str
    measure: str
    low: float
    mean: float
    high: float


def measured_names() -> tuple[str, ...]:
    """Return the names of the plain numbers of ``FrameMeasures`` that a summary of a coil shows."""
    shown = ("mean", "contrast", "saturated_share", "dropped_lines", "focus", "stripes", "clipped_share")
    return tuple(field.name for field in fields(FrameMeasures) if field.name in shown)
