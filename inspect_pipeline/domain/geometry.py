"""From pixels, counters and encoders to millimetres of the machine and metres of the coil.

Machine coordinates run across the whole width from the left border of the first camera's view, whatever camera saw it,
so that a defect in the overlap of two cameras has one place. Where the strip's edge is known, crossweb places count
from it (``StripLeft``).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.material import CapturedFrame, Place, Roi
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMount:
    """Where a camera hangs and how it is calibrated; None: as the source says.

    ``offset_mm`` is the left border of its view in machine coordinates, ``mirrored`` when its columns run from right to
    left. ``encoder_mm_per_count`` is the strip's way a count of the encoder (negative where it counts down as the strip
    moves on); with it the encoder places the frames wherever it differs from the frame counter by more than
    ``encoder_tolerance_lines``.
    """

    offset_mm: float = 0.0
    mirrored: bool = False
    mm_per_px_across: float | None = None
    mm_per_px_along: float | None = None
    encoder_mm_per_count: float | None = None
    encoder_tolerance_lines: int = 3

    def __post_init__(self) -> None:
        scales = (self.mm_per_px_across, self.mm_per_px_along)
        if any(scale is not None and not 0.0 < scale < math.inf for scale in scales):
            raise BadDataError(f"a camera of {scales[0]} x {scales[1]} mm a pixel cannot be; give sizes above 0")
        per_count = self.encoder_mm_per_count
        if not math.isfinite(self.offset_mm) or (per_count is not None and not math.isfinite(per_count)):
            raise BadDataError(f"a camera at {self.offset_mm} mm with {per_count} mm a count cannot be; give numbers")
        if per_count == 0.0 or self.encoder_tolerance_lines < 0:
            raise BadDataError("an encoder of 0 mm a count, or with a negative tolerance, places no line")


@dataclass(slots=True, kw_only=True)
class EncoderLines:
    """Places frames by the encoder where the frame counter is wrong: lost triggers, a slipped or stopped strip.

    ``lines_per_count`` is signed: above 0 where the encoder counts up as lines go on. ``zero`` is the count at line 0;
    the first frame that is placed gives it where it is not known. ``shift_lines`` is how far the encoder put the latest
    frame from its counter: the frames after it keep that distance within the tolerance, so that jitter tears no holes.
    """

    lines_per_count: float
    tolerance_lines: int = 3
    zero: float | None = None
    shift_lines: int = 0

    def first_line(self, counted: int, *, encoder: int) -> int:
        """Return the first line of a frame: ``counted`` while the encoder agrees within the tolerance, else its own.

        Never below 0: see ``before_head``.
        """
        if self.zero is None:
            self.zero = encoder - counted / self.lines_per_count
        measured = (encoder - self.zero) * self.lines_per_count
        if abs(measured - counted) <= self.tolerance_lines:
            self.shift_lines = 0
        elif abs(measured - counted - self.shift_lines) > self.tolerance_lines:
            self.shift_lines = round(measured) - counted
        return self.shifted(counted)

    def shifted(self, counted: int) -> int:
        """Return where a capture that has no encoder value lies: as far from its counter as the frame before it."""
        return max(counted + self.shift_lines, 0)

    def before_head(self, counted: int) -> int:
        """Return how many lines before line 0 the frame that was placed last begins; 0 within the tolerance."""
        before = -(counted + self.shift_lines)
        return before if before > self.tolerance_lines else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StripLeft:
    """The left edge of the strip in machine millimetres along the coil, between the frames that saw it."""

    lines: tuple[float, ...] = ()
    edges_mm: tuple[float, ...] = ()

    def at(self, line: float) -> float:
        """Return the edge at a line; 0.0 where no frame saw it, so that places stay in machine coordinates."""
        if not self.lines:
            return 0.0
        after = bisect_left(self.lines, line)
        if after == 0:
            return self.edges_mm[0]
        if after == len(self.lines):
            return self.edges_mm[-1]
        low, high = self.lines[after - 1], self.lines[after]
        share = (line - low) / (high - low)
        return self.edges_mm[after - 1] + share * (self.edges_mm[after] - self.edges_mm[after - 1])


def strip_left(frames: Iterable[CapturedFrame]) -> StripLeft:
    """Return the left edge of the strip as the frames saw it; the leftmost where two cameras did at one line."""
    seen: dict[float, float] = {}
    for frame in frames:
        edge = _left_edge_mm(frame)
        if edge is not None:
            line = frame.first_line + frame.line_count / 2.0
            seen[line] = min(edge, seen.get(line, math.inf))
    lines = sorted(seen)
    return StripLeft(lines=tuple(lines), edges_mm=tuple(seen[line] for line in lines))


def place_on_strip(frame: CapturedFrame, roi: Roi, edge: StripLeft) -> Place:
    """Return where a box of a frame lies on the coil, crossweb from the strip's left edge where that was seen."""
    place = frame.place(roi)
    edge_mm = edge.at(frame.first_line + (roi.top + roi.bottom) / 2.0)
    return replace(place, crossweb_mm=place.crossweb_mm - edge_mm)


def inspected_columns(frame: CapturedFrame) -> tuple[int, int]:
    """Return the columns of a frame (half-open) that findings are looked for in: the strip without its trim."""
    measures = frame.measures
    left = 0 if measures is None or measures.zone_left_px is None else measures.zone_left_px
    right = frame.width_px if measures is None or measures.zone_right_px is None else measures.zone_right_px
    return left, right


def _left_edge_mm(frame: CapturedFrame) -> float | None:
    edges = None if frame.measures is None else frame.measures.edges
    if edges is None:
        return None
    column = edges.right_px if frame.mirrored else edges.left_px
    return None if column is None else frame.across_mm(column)


@dataclass(slots=True, kw_only=True)
class EdgeFollower:
    """Follows the strip's edges of one camera over its frames, and tells a jump that no web makes.

    ``most_wander_px`` is how far an edge may move between two frames.
    """

    most_wander_px: float
    _left: float | None = field(default=None)
    _right: float | None = field(default=None)

    def see(self, left_px: float | None, right_px: float | None, *, width_px: int | None = None) -> str | None:
        """Return a note where an edge jumped since the frame before, else None.

        With ``width_px`` an edge beyond the view counts as the border, so that one that appears far inside is a jump.
        """
        if width_px is not None:
            left_px = 0.0 if left_px is None else left_px
            right_px = float(width_px) if right_px is None else right_px
        jumps = [
            f"{name} edge of the strip jumped by {abs(now - before):.0f} px"
            for name, before, now in (("left", self._left, left_px), ("right", self._right, right_px))
            if before is not None and now is not None and abs(now - before) > self.most_wander_px
        ]
        self._left, self._right = left_px, right_px
        return "; ".join(jumps) or None


@dataclass(slots=True, kw_only=True)
class StripFollower:
    """Keeps a wrong edge from hiding material: where the edges jump, the columns of the frame before count as well."""

    edges: EdgeFollower
    _zone: tuple[int | None, int | None] | None = field(default=None)

    def believed(self, measures: FrameMeasures | None, *, width_px: int) -> tuple[FrameMeasures | None, str | None]:
        """Return the measures of the next frame, and a note where its edges jumped.

        After a jump the zone to inspect reaches over that of the frame before, and the edges place nothing.
        """
        found = None if measures is None else measures.edges
        if measures is None or found is None:
            return measures, None
        jumped = self.edges.see(found.left_px, found.right_px, width_px=width_px)
        before, now = self._zone, (measures.zone_left_px, measures.zone_right_px)
        self._zone = now
        if jumped is None or before is None:
            return measures, jumped
        left = None if before[0] is None or now[0] is None else min(before[0], now[0])
        right = None if before[1] is None or now[1] is None else max(before[1], now[1])
        return replace(measures, edges=None, zone_left_px=left, zone_right_px=right), jumped
