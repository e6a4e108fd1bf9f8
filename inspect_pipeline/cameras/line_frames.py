"""From the buffers of a line camera to frames of the coil: counters, places, times, and the holes between."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from inspect_pipeline.cameras.line_buffers import LineBuffer, runs
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.domain.counters import Runs, Unwrapped, first_line_from
from inspect_pipeline.domain.material import Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, ConfigError

GIGE_BLOCK_IDS = 65535
_MOST_WAITING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlacement:
    """How the frames of a camera lie on the coil.

    ``first_frame_id`` is the counter of the frame at line 0; None: of the first that arrives, so that frames lost
    before it go unseen. GigE Vision counts from 1 at each start. The encoder gives ``encoder_counts_per_line`` (below 0
    where it counts backwards, None: it is not used) and wraps after ``encoder_period`` counts.
    """

    camera: str = "camera-0"
    mm_per_px_across: float = 1.0
    mm_per_px_along: float = 1.0
    first_frame_id: int | None = None
    encoder_counts_per_line: float | None = None
    encoder_period: int = 2**32

    def __post_init__(self) -> None:
        if self.encoder_counts_per_line == 0:
            raise ConfigError(f"camera {self.camera}: 0 encoder counts a line; give what a line takes, or leave it out")


class FrameIds:
    """The frame counter without wraps: 65535 is followed by 1 in GigE Vision 1, unless a higher one was ever seen.

    Block ids of 64 bits do not wrap, and some GenTL producers unwrap those of 16 themselves.
    """

    def __init__(self, *, wraps: bool) -> None:
        self._unwrapped = Unwrapped(first=1, period=GIGE_BLOCK_IDS) if wraps else None

    def __call__(self, frame_id: int) -> int:
        """Return the count. Raises BadDataError for 0 where the camera counts from 1."""
        if frame_id > GIGE_BLOCK_IDS:
            self._unwrapped = None
        return frame_id if self._unwrapped is None else self._unwrapped(frame_id)


class CameraClock:
    """The camera's clock as UTC, set by the host's when the first buffer came."""

    def __init__(self) -> None:
        self._start: tuple[int, datetime] | None = None

    def utc(self, timestamp_ns: int | None, received_at: datetime) -> datetime:
        """Return when the frame was taken; without a timestamp, when it came."""
        if timestamp_ns is None:
            return received_at
        if self._start is None:
            self._start = (timestamp_ns, received_at)
        first_ns, at = self._start
        return at + timedelta(microseconds=(timestamp_ns - first_ns) / 1000.0)


class LineFrames:
    """Turns the buffers of one coil into captures, in the order they come.

    A whole buffer is one frame, ``<camera>-<count>``. One with holes is a frame a run of lines that arrived, ``.0``,
    ``.1`` and so on after it; each reaches up to the next one, ``valid_lines`` of it hold and the rest is 0, so that
    the ledger calls them torn. A buffer of which no line arrived, or whose place is not known, is unusable. One whose
    number was lost waits for the next that has one: they come in order, so if as many are missing as wait, it is known.
    """

    def __init__(self, placement: LinePlacement, settings: CaptureSettings, *, wraps: bool) -> None:
        self._placement = placement
        self._settings = settings
        self._ids = FrameIds(wraps=wraps)
        self._clock = CameraClock()
        self._encoder = Unwrapped(period=placement.encoder_period)
        self._encoder_start: int | None = None
        self._slip = 0
        self._first_id = None if placement.first_frame_id is None else self._ids(placement.first_frame_id)
        self._last = None if self._first_id is None else self._first_id - 1
        self._waiting: list[LineBuffer] = []
        self._nameless = 0
        self._seen = Runs()

    @property
    def lost_frames(self) -> int:
        """Frames that the counter jumped over and that never came."""
        return self._seen.holes

    def captures(self, buffer: LineBuffer) -> Iterator[Capture]:
        """Yield the captures of the next buffer, before it those that waited for its number."""
        if buffer.frame_id is None:
            self._waiting.append(buffer)
            if len(self._waiting) > _MOST_WAITING:
                yield from self.rest()
            return
        try:
            count = self._count(buffer.frame_id)
        except BadDataError as error:
            yield from self.rest()
            yield self._unusable(buffer, f"id-{buffer.frame_id}", str(error))
            return
        if self._last is not None and count - self._last - 1 == len(self._waiting):
            for number, early in enumerate(self._waiting, start=self._last + 1):
                yield from self._placed(early, number)
            self._waiting.clear()
        yield from self.rest()
        yield from self._placed(buffer, count)
        self._last = count

    def rest(self) -> Iterator[Capture]:
        """Yield the buffers that nobody knows the number of, unusable; to be called at the end of a coil."""
        for buffer in self._waiting:
            self._nameless += 1
            reason = "the packet with its frame number was lost, and its neighbours do not tell"
            yield self._unusable(buffer, f"unnumbered-{self._nameless}", reason)
        self._waiting.clear()

    def _count(self, frame_id: int) -> int:
        count = self._ids(frame_id)
        if self._first_id is None:
            self._first_id = count
        if count < self._first_id:
            raise BadDataError(f"frame {count} comes before frame {self._first_id}, the first of the coil")
        return count

    def _placed(self, buffer: LineBuffer, count: int) -> Iterator[Capture]:
        """Yield the captures of a buffer whose count is known."""
        sequence = count - (self._first_id or 0)
        name = f"{sequence:06d}"
        try:
            encoder, line = self._place(buffer, sequence)
        except BadDataError as error:
            yield replace(self._unusable(buffer, name, str(error)), sequence=sequence)
            return
        self._seen.add(sequence)
        if not buffer.arrived.any():
            lost = self._unusable(buffer, name, f"{buffer.status or 'empty buffer'}: none of its lines arrived")
            yield replace(lost, first_line=line, line_count=len(buffer.arrived), sequence=sequence)
            return
        source, captured_at = f"{self._placement.camera}-{name}", self._captured_at(buffer)
        for part, first, valid, pixels in _parts(buffer):
            yield Frame(
                id=source + part,
                pixels=pixels,
                first_line=line + first,
                captured_at=captured_at,
                mm_per_px_across=self._placement.mm_per_px_across,
                mm_per_px_along=self._placement.mm_per_px_along,
                camera=self._placement.camera,
                sequence=sequence,
                source=source + part,
                valid_lines=valid,
                encoder=self._encoder_at(encoder, first),
                settings=self._settings_of(buffer),
            )

    def _unusable(self, buffer: LineBuffer, name: str, reason: str) -> UnusableCapture:
        camera = self._placement.camera
        return UnusableCapture(
            source=f"{camera}-{name}", reason=reason, captured_at=self._captured_at(buffer), camera=camera
        )

    def _captured_at(self, buffer: LineBuffer) -> datetime:
        return self._clock.utc(buffer.timestamp_ns, buffer.received_at)

    def _place(self, buffer: LineBuffer, sequence: int) -> tuple[int | None, int]:
        """Return the encoder's count without wraps, None without an encoder, and the first line."""
        lines = len(buffer.arrived)
        sent = buffer.chunks.get("EncoderValue")
        encoder = None if sent is None else self._encoder(int(sent) % self._placement.encoder_period)
        per_line = self._placement.encoder_counts_per_line
        if encoder is None or per_line is None:
            # without its encoder value, as in a torn frame, it lies as far off the counter as the one before
            return encoder, sequence * lines + self._slip
        if self._encoder_start is None:
            # the first frame that came may not be the first of the coil
            self._encoder_start = encoder - round(sequence * lines * per_line)
        turned = round((encoder - self._encoder_start) / per_line)
        line = first_line_from(turned, sequence=sequence, lines_per_frame=lines)
        if line < 0:
            raise BadDataError(
                f"the encoder stands {-line} lines before the first of the coil; does it count backwards?"
            )
        self._slip = line - sequence * lines
        return encoder, line

    def _encoder_at(self, encoder: int | None, line: int) -> int | None:
        """Return the count at a line of the buffer, None where nothing tells what a line takes."""
        per_line = self._placement.encoder_counts_per_line
        if encoder is None or line == 0:
            return encoder
        return None if per_line is None else encoder + round(line * per_line)

    def _settings_of(self, buffer: LineBuffer) -> CaptureSettings:
        return replace(
            self._settings,
            exposure_us=buffer.chunks.get("ExposureTime", self._settings.exposure_us),
            gain_db=buffer.chunks.get("Gain", self._settings.gain_db),
            bits=buffer.format.bits if buffer.format.bits not in (8, 16) else None,
        )


def _parts(buffer: LineBuffer) -> Iterator[tuple[str, int, int | None, Pixels]]:
    """Yield name, first line, valid lines (None: all) and pixels of each run of lines that arrived."""
    pixels = buffer.format.pixels(buffer.lines, width_px=buffer.width_px)
    found = runs(buffer.arrived)
    if buffer.arrived.all():
        yield "", 0, None, pixels
        return
    pixels[~buffer.arrived] = 0
    reaches = [first for first, _ in found[1:]] + [len(buffer.arrived)]
    for number, ((first, end), reach) in enumerate(zip(found, reaches, strict=True)):
        yield f".{number}", first, end - first, pixels[first:reach]
