"""The coil and its images: frames, line and millimetre geometry, gaps.

Coordinates. ``crossweb`` runs across the strip, pixel columns from the left edge of the camera's view;
``downweb`` runs along it, counted in encoder lines from the head of the coil. Boxes are half-open, in px.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures
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
    its coil and camera: two captures of one source with the same pixels are one. ``sequence`` is the camera's frame
    counter and ``encoder`` the encoder's count at the first line (None: no encoder), both without wraps.
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
    encoder: int | None = None
    settings: CaptureSettings = field(default_factory=CaptureSettings)

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

    ``reason`` is set exactly when the capture is unusable; a capture without an image always is. A dark or blurred
    frame is unusable and keeps its image. A torn frame is as long as what arrived of it: ``torn_lines`` more were
    announced after its ``line_count``. ``note`` says what was odd about a frame that is usable all the same.

    ``fingerprint`` is a hash of the raw pixels. On the coil the frame begins at ``downweb_m`` (None: its first
    line times the resolution) and goes on against the axis where ``reversed``; across the machine its left border lies
    at ``offset_mm``, its columns running the other way where ``mirrored``. ``pruned_at``: when retention removed the
    image file; the row stays.
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
    torn_lines: int = 0
    note: str | None = None
    fingerprint: str | None = None
    downweb_m: float | None = None
    reversed: bool = False
    offset_mm: float = 0.0
    mirrored: bool = False
    pruned_at: datetime | None = None
    measures: FrameMeasures | None = None

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

    @property
    def width_mm(self) -> float:
        """Millimetres across that the camera sees."""
        return self.width_px * self.mm_per_px_across

    @property
    def start_m(self) -> float:
        """Where on the coil its first line lies."""
        return self.first_line * self.mm_per_px_along / 1000.0 if self.downweb_m is None else self.downweb_m

    @property
    def head_m(self) -> float:
        """The end of the frame that is nearer to the head of the coil."""
        return self.start_m - self.length_m if self.reversed else self.start_m

    def across_mm(self, column_px: float) -> float:
        """Return where a column lies across the machine; 0.0 px is the left border of the first column."""
        column = self.width_px - column_px if self.mirrored else column_px
        return self.offset_mm + column * self.mm_per_px_across

    def place(self, roi: Roi) -> Place:
        """Return where a box of this frame lies on the coil, crossweb in millimetres of the machine."""
        along_m = (roi.top + roi.bottom) / 2.0 * self.mm_per_px_along / 1000.0
        return Place(
            crossweb_mm=self.across_mm((roi.left + roi.right) / 2.0),
            downweb_m=self.start_m - along_m if self.reversed else self.start_m + along_m,
            width_mm=roi.width * self.mm_per_px_across,
            length_mm=roi.height * self.mm_per_px_along,
        )


def _refuse_scale(frame: str, across: float, along: float) -> None:
    if not (0.0 < across < math.inf and 0.0 < along < math.inf):
        raise BadDataError(f"frame {frame}: {across} x {along} mm a pixel; give sizes above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coil:
    """One strip, sheet, web or module string: what is inspected and reported as a whole.

    ``expected_lines`` is its length (None: not known), ``cameras`` those that should see all of it. Lines count from
    the end that passes first; ``offset_m`` is where on the coil line 0 lies, and a rewound coil is ``reversed``: its
    lines run towards the head. Raises BadDataError for a rewound coil whose offset (its length) is not given.
    """

    id: str
    line: str
    recipe: str
    family: str
    created_at: datetime
    expected_lines: int | None = None
    cameras: tuple[str, ...] = ()
    reversed: bool = False
    offset_m: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.offset_m) or (self.reversed and self.offset_m <= 0.0):
            raise BadDataError(
                f"coil {self.id}: line 0 at {self.offset_m} m{' of a rewound coil' if self.reversed else ''} is no "
                "place; give where it lies in metres from the head (a rewound coil: its length)"
            )

    def downweb_m(self, line: int, *, mm_per_line: float) -> float:
        """Return where a line lies on the coil, in metres from its head."""
        along_m = line * mm_per_line / 1000.0
        return self.offset_m - along_m if self.reversed else self.offset_m + along_m


def mm_per_line(frames: Iterable[CapturedFrame]) -> float:
    """Return the resolution downweb of a coil: that of its first frame with an image, 1 where none has one."""
    return next((frame.mm_per_px_along for frame in frames if frame.image is not None), 1.0)
