"""A camera that exists in memory only: its features and its stream."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inspect_pipeline.cameras.camera_stream import DriverCounts
from inspect_pipeline.cameras.genicam_features import AppliedFeatures, Value, fitted
from inspect_pipeline.cameras.line_buffers import LineBuffer
from inspect_pipeline.cameras.pixel_formats import pixel_format
from inspect_pipeline.domain.capture import CaptureSettings
from inspect_pipeline.errors import CameraError, ConfigError

Limit = Callable[["FakeNodes"], tuple[float, float]]


@dataclass
class FakeNodes:
    """Features with limits, some of which depend on others; ``rounding`` is the step that floats are rounded to."""

    values: dict[str, Value]
    limits: Mapping[str, Limit] = field(default_factory=dict)
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rounding: float = 0.0
    written: list[tuple[str, Value]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str) -> Value:
        return self.values[name]

    def set(self, name: str, value: Value) -> None:
        value = fitted(value, type(self.values[name]))
        if name in self.entries and value not in self.entries[name]:
            raise ConfigError(f"no entry {value}")
        if name in self.limits and not isinstance(value, str):
            low, high = self.limits[name](self)
            if not low <= value <= high:
                raise ConfigError("out of range")
        if self.rounding and isinstance(value, float):
            value = round(value / self.rounding) * self.rounding
        self.values[name] = value
        self.written.append((name, value))

    def allowed(self, name: str) -> str:
        if name in self.entries:
            return f"one of {', '.join(self.entries[name])}"
        low, high = self.limits[name](self) if name in self.limits else (float("-inf"), float("inf"))
        return f"{low:g} to {high:g}"


@dataclass
class FakeStream:
    """Buffers that lie ready from the start; None among them: nothing comes in that time. Then nothing, or ``lost``."""

    buffers: list[LineBuffer | None]
    lost: bool = False
    calls: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    wraps: bool = True
    counts: DriverCounts = DriverCounts(underruns=3)  # noqa: RUF009 - frozen
    applied: AppliedFeatures = field(
        default_factory=lambda: AppliedFeatures(
            width_px=10,
            lines_per_frame=4,
            format=pixel_format("Mono8"),
            settings=CaptureSettings(exposure_us=20.0),
        )
    )

    def start(self) -> None:
        self.calls.append("start")
        self._ready = deque(self.buffers)

    def next(self, timeout_s: float) -> LineBuffer | None:
        self.waits.append(timeout_s)
        if self._ready:
            return self._ready.popleft()
        if self.lost:
            raise CameraError("camera camera-0 was lost")
        return None

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")
