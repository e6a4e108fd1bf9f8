"""A running line camera as a frame source, whatever driver brings its buffers."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from inspect_pipeline.cameras.genicam_features import AppliedFeatures, CameraFeatures
from inspect_pipeline.cameras.line_buffers import LineBuffer
from inspect_pipeline.cameras.line_frames import LineFrames, LinePlacement
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import CameraError, ConfigError

_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """How a camera is used: its place, its features, and when a coil ends.

    ``buffers`` are with the driver at once; a consumer that is slower than the camera for longer than they last loses
    frames, which shows as a jump of the counter. A coil ends after ``frames`` buffers or ``seconds``, whichever comes
    first (None: neither). Without a buffer for ``timeout_s`` the camera counts as lost; None waits on, for a strip that
    stands still sends no line. ``seed`` is of the bytes that buffers are filled with before each use.
    """

    placement: LinePlacement = field(default_factory=LinePlacement)
    features: CameraFeatures = field(default_factory=CameraFeatures)
    buffers: int = 16
    frames: int | None = None
    seconds: float | None = None
    timeout_s: float | None = 10.0
    expected_lines: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.buffers < 2 or (self.timeout_s is not None and self.timeout_s <= 0.0):
            raise ConfigError(
                f"camera {self.placement.camera}: {self.buffers} buffers, {self.timeout_s} s without one; "
                "give 2 or more, and a time above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverCounts:
    """What a driver counts itself; None where it does not."""

    underruns: int | None = None
    missing_packets: int | None = None
    resent_packets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """Buffers of the last coil: delivered, incomplete among them, and frames that the counter jumped over."""

    delivered: int = 0
    incomplete: int = 0
    lost_frames: int = 0
    driver: DriverCounts = DriverCounts()  # frozen, so shared


class LineStream(Protocol):
    """A camera that is open and set up, behind one driver."""

    @property
    def applied(self) -> AppliedFeatures:
        """What it is set to."""
        ...

    @property
    def wraps(self) -> bool:
        """Whether its frame counter has the 16 bits of GigE Vision 1."""
        ...

    @property
    def counts(self) -> DriverCounts:
        """What the driver counted since the last start."""
        ...

    def start(self) -> None:
        """Begin to send, all buffers poisoned and with the driver."""
        ...

    def next(self, timeout_s: float) -> LineBuffer | None:
        """Return the oldest buffer, None where none came in that time. Raises CameraError where none can come."""
        ...

    def stop(self) -> None:
        """End sending; what the driver still holds is given up."""
        ...

    def close(self) -> None:
        """Let go of the camera, so that another program can have it."""
        ...


class CameraSource:
    """A camera that can be iterated into captures, once a coil; leave it (``with``) to let go of the camera.

    Where the camera is lost, everything that came before is yielded first, then CameraError is raised. ``stop`` is
    asked between buffers: once it is True, what the driver has ready is yielded and the coil ends.
    """

    def __init__(
        self,
        stream: LineStream,
        settings: CameraSettings,
        *,
        stop: Callable[[], bool] = lambda: False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._stop = stop
        self._clock_s = clock_s
        self._frames: LineFrames | None = None
        self._delivered = self._incomplete = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines where the settings give it."""
        return self._settings.expected_lines

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        """The name of this camera, alone."""
        return (self._settings.placement.camera,)

    @property
    def applied(self) -> AppliedFeatures:
        """What the camera is set to, and what it made something else of."""
        return self._stream.applied

    @property
    def statistics(self) -> StreamStatistics:
        """The counts of the coil that runs, or of the last one."""
        return StreamStatistics(
            delivered=self._delivered,
            incomplete=self._incomplete,
            lost_frames=0 if self._frames is None else self._frames.lost_frames,
            driver=self._stream.counts,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the camera made something else of than was asked, and what the stream lost."""
        found = self.statistics
        counted = {
            "frames never came": found.lost_frames,
            "frames came with holes": found.incomplete,
            "frames found no free buffer": found.driver.underruns or 0,
            "packets never came": found.driver.missing_packets or 0,
        }
        name = self._settings.placement.camera
        lost = (f"{name}: {count} {what} of {found.delivered}" for what, count in counted.items() if count)
        return (*self.applied.changed, *lost)

    def __iter__(self) -> Iterator[Capture]:
        """Yield the captures of a coil while the camera sends."""
        frames = LineFrames(self._settings.placement, self.applied.settings, wraps=self._stream.wraps)
        self._frames, self._delivered, self._incomplete = frames, 0, 0
        self._stream.start()
        try:
            for buffer in self._buffers():
                self._delivered += 1
                self._incomplete += not buffer.arrived.all()
                yield from frames.captures(buffer)
        except CameraError:
            yield from frames.rest()
            raise
        else:
            yield from frames.rest()
        finally:
            self._stream.stop()

    def close(self) -> None:
        """Let go of the camera."""
        self._stream.close()

    def _buffers(self) -> Iterator[LineBuffer]:
        """Yield buffers until the coil ends; at a stop, those that are ready as well."""
        settings, count = self._settings, 0
        began_s = last_s = self._clock_s()
        while settings.frames is None or count < settings.frames:
            ends = self._stop() or (settings.seconds is not None and self._clock_s() - began_s >= settings.seconds)
            if ends:
                yield from self._ready(settings.buffers)
                return
            buffer = self._stream.next(_POLL_S)
            if buffer is not None:
                count += 1
                yield buffer
                last_s = self._clock_s()
            elif settings.timeout_s is not None and self._clock_s() - last_s >= settings.timeout_s:
                raise CameraError(
                    f"camera {settings.placement.camera}: nothing came for {settings.timeout_s:g} s; check cable, "
                    "power and trigger, or leave out timeout_s where the strip may stand still"
                )

    def _ready(self, most: int) -> Iterator[LineBuffer]:
        for _ in range(most):
            buffer = self._stream.next(0.0)
            if buffer is None:
                return
            yield buffer
