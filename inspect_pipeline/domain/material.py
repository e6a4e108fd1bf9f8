"""The coil and its images: frames, line and millimetre geometry, gaps.

Coordinates. ``crossweb`` runs across the strip, pixel columns from the left edge of the camera's view;
``downweb`` runs along it, counted in encoder lines from the head of the coil. Boxes are half-open, in px.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """A half-open box in pixels: rows ``top..bottom``, columns ``left..right``."""

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if self.top < 0 or self.left < 0 or self.bottom <= self.top or self.right <= self.left:
            raise BadDataError(
                f"box rows {self.top}..{self.bottom}, columns {self.left}..{self.right} is empty or negative; "
                "give top < bottom and left < right, none below 0"
            )

    @property
    def height(self) -> int:
        """Rows covered."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns covered."""
        return self.right - self.left

    @property
    def area_px(self) -> int:
        """Pixels covered."""
        return self.height * self.width

    def shifted(self, *, rows: int = 0, columns: int = 0) -> "Roi":
        """Return the same box moved by whole pixels."""
        return Roi(
            top=self.top + rows,
            left=self.left + columns,
            bottom=self.bottom + rows,
            right=self.right + columns,
        )

    def overlap_px(self, other: "Roi") -> int:
        """Return the number of pixels that both boxes cover."""
        rows = min(self.bottom, other.bottom) - max(self.top, other.top)
        columns = min(self.right, other.right) - max(self.left, other.left)
        return max(rows, 0) * max(columns, 0)

    def clipped(self, *, height: int, width: int) -> "Roi | None":
        """Return the part inside an image of that size, or None where nothing is left."""
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.bottom, height), min(self.right, width)
        if bottom <= top or right <= left:
            return None
        return Roi(top=top, left=left, bottom=bottom, right=right)

    def grown(self, margin_px: int, *, height: int, width: int) -> "Roi":
        """Return the box with a margin on every side, kept inside an image of that size."""
        return Roi(
            top=max(self.top - margin_px, 0),
            left=max(self.left - margin_px, 0),
            bottom=min(self.bottom + margin_px, height),
            right=min(self.right + margin_px, width),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One image of a line camera: ``line_count`` lines from ``first_line`` on.

    ``pixels`` is u8 or u16 of shape (h, w) or (h, w, 3) RGB, read-only, h == ``line_count`` of which the first
    ``valid_lines`` hold data of this frame (None: all). ``captured_at`` is UTC. ``source`` names the capture within
    its coil and camera: two captures of one source with the same pixels are one.
    """

    id: str
    pixels: Pixels
    first_line: int
    captured_at: datetime
    mm_per_px_across: float
    mm_per_px_along: float
    camera: str = "camera-0"
    sequence: int = 0
    source: str = ""
    valid_lines: int | None = None

    def __post_init__(self) -> None:
        grey_or_rgb = self.pixels.ndim == 2 or (self.pixels.ndim == 3 and self.pixels.shape[2] == 3)
        if self.pixels.dtype not in (np.uint8, np.uint16) or not grey_or_rgb or self.pixels.size == 0:
            raise BadDataError(
                f"frame {self.id}: pixels are {self.pixels.dtype} of shape {self.pixels.shape}; "
                "frames hold u8 or u16 of shape (h, w) or (h, w, 3)"
            )
        valid = self.line_count if self.valid_lines is None else self.valid_lines
        if self.first_line < 0 or not 0 <= valid <= self.line_count:
            raise BadDataError(
                f"frame {self.id}: first line {self.first_line}, {valid} valid of {self.line_count} lines; "
                "lines count from 0 and no more can be valid than there are"
            )
        _refuse_scale(self.id, self.mm_per_px_across, self.mm_per_px_along)
        if self.captured_at.tzinfo is None:
            raise BadDataError(f"frame {self.id}: capture time has no time zone; give UTC")
        self.pixels.setflags(write=False)

    @property
    def line_count(self) -> int:
        """Lines in the image."""
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Columns in the image."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableCapture:
    """A capture that gave no image that could be judged, with the reason; it stays in the ledger.

    ``source`` names the capture within its coil and camera, as in a Frame; the same source and reason are one.
    """

    source: str
    reason: str
    first_line: int | None = None
    line_count: int = 0
    sequence: int | None = None
    captured_at: datetime | None = None
    camera: str = "camera-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a region lies on the coil: its centre and its size."""

    crossweb_mm: float
    downweb_m: float
    width_mm: float
    length_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedFrame:
    """What the catalog keeps of one capture; ``image`` is the content address, None where there is none.

    ``reason`` is set exactly when the capture is unusable; a capture without an image always is. A torn or dark frame
    is unusable and keeps its image.
    """

    id: str
    coil: str
    camera: str
    sequence: int
    source: str
    first_line: int
    line_count: int
    width_px: int
    captured_at: datetime
    mm_per_px_across: float
    mm_per_px_along: float
    image: str | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.image is None and not self.reason:
            raise BadDataError(f"frame {self.id}: it has neither an image nor a reason why not; give the reason")
        if self.first_line < 0 or self.line_count < (1 if self.usable else 0):
            raise BadDataError(
                f"frame {self.id}: {self.line_count} lines from line {self.first_line}; lines count from 0, and a "
                "usable frame has at least one"
            )
        _refuse_scale(self.id, self.mm_per_px_across, self.mm_per_px_along)

    @property
    def usable(self) -> bool:
        """Whether there is an image to judge."""
        return self.reason is None

    @property
    def length_m(self) -> float:
        """Metres of material along the web."""
        return self.line_count * self.mm_per_px_along / 1000.0

    def place(self, roi: Roi) -> Place:
        """Return where a box of this frame lies on the coil."""
        return Place(
            crossweb_mm=(roi.left + roi.right) / 2.0 * self.mm_per_px_across,
            downweb_m=(self.first_line + (roi.top + roi.bottom) / 2.0) * self.mm_per_px_along / 1000.0,
            width_mm=roi.width * self.mm_per_px_across,
            length_mm=roi.height * self.mm_per_px_along,
        )


def _refuse_scale(frame: str, across: float, along: float) -> None:
    if not (0.0 < across < math.inf and 0.0 < along < math.inf):
        raise BadDataError(f"frame {frame}: {across} x {along} mm a pixel; give sizes above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Lines ``first_line .. first_line + line_count`` of a coil that no frame holds, with the reason."""

    first_line: int
    line_count: int
    reason: str

    def __post_init__(self) -> None:
        if self.first_line < 0 or self.line_count < 1:
            raise BadDataError(f"gap of {self.line_count} lines from line {self.first_line}; give at least one line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coil:
    """One strip, sheet, web or module string: what is inspected and reported as a whole."""

    id: str
    line: str
    recipe: str
    family: str
    created_at: datetime


def mm_per_line(frames: Iterable[CapturedFrame]) -> float:
    """Return the resolution downweb of a coil: that of its first frame with an image, 1 where none has one."""
    return next((frame.mm_per_px_along for frame in frames if frame.image is not None), 1.0)


def missing_lines(spans: Iterable[tuple[int, int]], *, expected_lines: int | None = None) -> list[Gap]:
    """Return the gaps between spans ``(first_line, line_count)`` of one camera, head first.

    ``expected_lines`` is the length of the coil where it is known; lines after the last span are then missing too.
    Overlapping spans (a repeated frame) leave no gap.
    """
    gaps: list[Gap] = []
    position = 0
    for first, count in sorted(spans):
        if first > position:
            gaps.append(Gap(first_line=position, line_count=first - position, reason="no frame holds these lines"))
        position = max(position, first + count)
    if expected_lines is not None and expected_lines > position:
        gaps.append(
            Gap(
                first_line=position,
                line_count=expected_lines - position,
                reason="the coil ended before these lines",
            )
        )
    return gaps
