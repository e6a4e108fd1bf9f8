"""How fast captures are taken in, beside how fast the camera makes them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from inspect_pipeline.services.preparing import Prepared

_MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one run took in: lines, megabytes (10**6 bytes of raw pixels), and rates a second.

    ``camera_lines_per_s`` is the line rate of the cameras together, by the times and places of their captures; None
    where these do not tell it.
    """

    lines: int = 0
    megabytes: float = 0.0
    lines_per_s: float = 0.0
    megabytes_per_s: float = 0.0
    camera_lines_per_s: float | None = None


@dataclass(slots=True, kw_only=True)
class _Camera:
    first_line: int
    first_s: float
    last_line: int
    last_s: float


@dataclass(slots=True, kw_only=True)
class IntakeRate:
    """Counts what is taken in; ``seconds`` is a clock that never goes back."""

    seconds: Callable[[], float]
    lines: int = 0
    pixel_bytes: int = 0
    _started_s: float | None = None
    _cameras: dict[str, _Camera] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started_s = self.seconds()

    def add(self, prepared: Prepared) -> None:
        """Count one capture."""
        self.lines += prepared.line_count
        self.pixel_bytes += prepared.pixel_bytes
        if prepared.captured_at_s is None or prepared.first_line is None:
            return
        line, moment = prepared.first_line, prepared.captured_at_s
        seen = self._cameras.setdefault(
            prepared.camera, _Camera(first_line=line, first_s=moment, last_line=line, last_s=moment)
        )
        seen.last_line, seen.last_s = max(seen.last_line, line), max(seen.last_s, moment)

    def rates(self) -> Rates:
        """Return what was taken in until now."""
        passed_s = max(self.seconds() - (self._started_s or 0.0), 1e-9)
        megabytes = self.pixel_bytes / _MEGA
        return Rates(
            lines=self.lines,
            megabytes=megabytes,
            lines_per_s=self.lines / passed_s,
            megabytes_per_s=megabytes / passed_s,
            camera_lines_per_s=self._camera_rate(),
        )

    def shown(self) -> str:
        """Return the rates as a few words for a progress line."""
        rates = self.rates()
        text = f"{rates.lines_per_s:,.0f} lines/s, {rates.megabytes_per_s:,.0f} MB/s"
        camera = rates.camera_lines_per_s
        return text if camera is None else f"{text} (camera: {camera:,.0f} lines/s)"

    def _camera_rate(self) -> float | None:
        spans = [
            (seen.last_line - seen.first_line) / (seen.last_s - seen.first_s)
            for seen in self._cameras.values()
            if seen.last_s > seen.first_s and seen.last_line > seen.first_line
        ]
        return sum(spans) if spans else None
