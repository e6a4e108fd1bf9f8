"""The ledger of a coil: every line of every camera is judged, captured, unusable or missing, and says why.

It is worked out from the rows of the captures whenever it is asked for, so no crash can leave it stale.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.errors import InspectError


class Cover(StrEnum):
    """What is known of a line. INSPECTED: a frame that was judged holds it. CAPTURED: usable, not judged (yet)."""

    INSPECTED = "inspected"
    CAPTURED = "captured"
    UNUSABLE = "unusable"
    MISSING = "missing"


NO_FRAME = "no frame holds these lines"
ENDED_EARLY = "the coil ended before these lines"
NO_CAMERA = "this camera delivered nothing"
NAMELESS = "no camera"
"""Whose lines are missing where nothing came and no camera was named: the coil is there all the same."""
_BEST_FIRST = (Cover.INSPECTED, Cover.CAPTURED, Cover.UNUSABLE, Cover.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What the ledger needs of one capture: its lines, those that tore off after them, and why it is unusable."""

    frame: str
    camera: str
    first_line: int
    line_count: int
    torn_lines: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Lines ``first_line .. first_line + line_count`` of one camera, all of one state and for one reason."""

    camera: str
    first_line: int
    line_count: int
    cover: Cover
    reason: str | None = None

    @property
    def end(self) -> int:
        """The line after the last one."""
        return self.first_line + self.line_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The intervals of a coil, camera by camera and head first; those of a camera part its expected lines exactly."""

    expected_lines: int
    intervals: tuple[Interval, ...]

    def of(self, *covers: Cover) -> list[Interval]:
        """Return the intervals of these states."""
        return [interval for interval in self.intervals if interval.cover in covers]

    def lines(self, *covers: Cover) -> int:
        """Return how many lines have one of these states, summed over the cameras."""
        return sum(interval.line_count for interval in self.of(*covers))

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras of the coil, by name."""
        return tuple(sorted({interval.camera for interval in self.intervals}))

    @property
    def not_inspected_lines(self) -> int:
        """Lines that at least one camera did not see judged, counted once however many cameras missed them."""
        return _union_length((one.first_line, one.end) for one in self.of(*_BEST_FIRST[1:]))

    def check(self) -> None:
        """Raise InspectError unless captured and missing lines make up what was expected, for every camera."""
        if self.expected_lines and not self.intervals:
            raise InspectError(f"the ledger holds no line of the {self.expected_lines} that were expected; report this")
        for camera in self.cameras:
            own = [interval for interval in self.intervals if interval.camera == camera]
            position = 0
            for interval in own:
                if interval.first_line != position:
                    raise InspectError(
                        f"the ledger of camera {camera} does not balance at line {position}: the next interval begins "
                        f"at {interval.first_line}; report this"
                    )
                position = interval.end
            if position != self.expected_lines:
                raise InspectError(
                    f"the ledger of camera {camera} does not balance: captured and missing lines are {position}, "
                    f"expected {self.expected_lines}; report this"
                )


def spans_of(frames: Iterable[CapturedFrame]) -> Iterator[Span]:
    """Yield what the ledger needs of each frame."""
    for frame in frames:
        yield Span(
            frame=frame.id,
            camera=frame.camera,
            first_line=frame.first_line,
            line_count=frame.line_count,
            torn_lines=frame.torn_lines,
            reason=frame.reason,
        )


def judged_ledger(coil: Coil, spans: Iterable[Span], results: Iterable[FrameResult]) -> Ledger:
    """Return the ledger of a coil with what a detector's verdicts say of its frames."""
    judged: dict[str, bool] = {}
    reasons: dict[str, str] = {}
    for result in results:
        judged[result.frame] = result.verdict is not Verdict.UNUSABLE
        if result.reason is not None:
            reasons[result.frame] = result.reason
    return ledger(
        spans, expected_lines=coil.expected_lines, cameras=coil.cameras, judged=judged, unjudged_reasons=reasons
    )


def ledger(
    spans: Iterable[Span],
    *,
    expected_lines: int | None = None,
    cameras: Sequence[str] = (),
    judged: Mapping[str, bool] | None = None,
    unjudged_reasons: Mapping[str, str] | None = None,
) -> Ledger:
    """Return the ledger of a coil from its captures.

    The coil is as long as ``expected_lines`` says, or as far as the furthest capture of any camera reaches. ``cameras``
    are those that should have seen it: one that delivered nothing is missing throughout, and so is the whole coil where
    none is named and nothing came. ``judged`` says for each frame
    whether its verdict is one (False: UNUSABLE, its reason in ``unjudged_reasons``); a frame that is not in it is not
    judged yet. Where captures overlap, a line has the best state that one of them gives it.
    """
    by_camera: dict[str, list[Span]] = {camera: [] for camera in cameras}
    for span in spans:
        by_camera.setdefault(span.camera, []).append(span)
    reach = max((_end(span) for own in by_camera.values() for span in own), default=0)
    length = reach if expected_lines is None else max(expected_lines, reach)
    if length and not by_camera:
        by_camera[NAMELESS] = []
    intervals: list[Interval] = []
    for camera in sorted(by_camera):
        claims = [claim for span in by_camera[camera] for claim in _claims(span, judged or {}, unjudged_reasons or {})]
        intervals += _parted(camera, claims, length, delivered=bool(by_camera[camera]))
    return Ledger(expected_lines=length, intervals=tuple(intervals))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    first: int
    end: int
    rank: int
    reason: str | None


def _end(span: Span) -> int:
    return span.first_line + span.line_count + span.torn_lines


def _claims(span: Span, judged: Mapping[str, bool], reasons: Mapping[str, str]) -> Iterator[_Claim]:
    """Yield what a capture says of its lines, and of those that tore off."""
    end = span.first_line + span.line_count
    verdict = judged.get(span.frame)
    if span.reason is not None:
        cover, why = Cover.UNUSABLE, span.reason
    elif verdict is None:
        cover, why = Cover.CAPTURED, None
    elif verdict:
        cover, why = Cover.INSPECTED, None
    else:
        cover, why = Cover.UNUSABLE, reasons.get(span.frame, "the detector could not judge this frame")
    if end > span.first_line:
        yield _Claim(first=span.first_line, end=end, rank=_BEST_FIRST.index(cover), reason=why)
    if span.torn_lines:
        of = span.line_count + span.torn_lines
        torn = f"torn: only {span.line_count} of {of} lines arrived"
        yield _Claim(first=end, end=end + span.torn_lines, rank=_BEST_FIRST.index(Cover.MISSING), reason=torn)


def _parted(camera: str, claims: Sequence[_Claim], length: int, *, delivered: bool) -> list[Interval]:
    """Return the intervals that part ``0 .. length``: a sweep over the ends of the claims, the best one on top."""
    edges = sorted({0, length, *(claim.first for claim in claims), *(claim.end for claim in claims)})
    starts = sorted(claims, key=lambda claim: claim.first)
    last = max((claim.end for claim in claims), default=0)
    found: list[Interval] = []
    best_first: list[tuple[int, int, str, int]] = []  # a heap: what ended is taken off when it comes to the top
    at = 0
    for first, end in pairwise(edges):
        while at < len(starts) and starts[at].first <= first:
            claim = starts[at]
            heapq.heappush(best_first, (claim.rank, claim.first, claim.reason or "", claim.end))
            at += 1
        while best_first and best_first[0][-1] <= first:
            heapq.heappop(best_first)
        if best_first:
            cover, reason = _BEST_FIRST[best_first[0][0]], best_first[0][2] or None
        else:
            missing = (ENDED_EARLY if first >= last else NO_FRAME) if delivered else NO_CAMERA
            cover, reason = Cover.MISSING, missing
        _append(found, Interval(camera=camera, first_line=first, line_count=end - first, cover=cover, reason=reason))
    return found


def _append(found: list[Interval], interval: Interval) -> None:
    """Append an interval, joined with the one before it where both say the same."""
    if found and (found[-1].cover, found[-1].reason) == (interval.cover, interval.reason):
        before = found.pop()
        interval = Interval(
            camera=interval.camera,
            first_line=before.first_line,
            line_count=before.line_count + interval.line_count,
            cover=interval.cover,
            reason=interval.reason,
        )
    found.append(interval)


def _union_length(spans: Iterable[tuple[int, int]]) -> int:
    total = position = 0
    for first, end in sorted(spans):
        total += max(end - max(first, position), 0)
        position = max(position, end)
    return total
