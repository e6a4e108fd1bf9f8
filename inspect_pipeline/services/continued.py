"""A live camera that takes up a coil again: its counters start anew, and the strip went on meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import CameraExtent, Capture
from inspect_pipeline.services.pipeline import Stoppable
from inspect_pipeline.services.ports import FrameSource, NamesCameras, TellsNotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """The source with its frames placed after those of an earlier session, its captures named after this ``session``.

    How far the strip went between the sessions is told by the time between them and the line rate before; an encoder
    with a calibration corrects it. Where nothing tells it, an unusable capture without lines says so in the ledger.
    """

    source: FrameSource
    earlier: Mapping[str, CameraExtent]
    session: str
    _shifts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines where the source knows it."""
        return self.source.expected_lines

    @property
    def expected_cameras(self) -> Sequence[str]:
        """Names of the cameras that the source knows of."""
        return self.source.expected_cameras if isinstance(self.source, NamesCameras) else ()

    @property
    def notes(self) -> Sequence[str]:
        """What the source tells of itself."""
        return self.source.notes if isinstance(self.source, TellsNotes) else ()

    def stop(self) -> None:
        """Let the source end soon."""
        if isinstance(self.source, Stoppable):
            self.source.stop()

    def __iter__(self) -> Iterator[Capture]:
        """Yield the captures at their places, the first of each camera after what is known of the time between."""
        for capture in self.source:
            if capture.camera in self.earlier and capture.camera not in self._shifts:
                yield from self._away(capture, self.earlier[capture.camera])
            yield self._moved(capture)

    def _away(self, capture: Capture, before: CameraExtent) -> Iterator[Capture]:
        passed = _lines_between(before, capture.captured_at)
        begins = before.end_line + (passed or 0)
        self._shifts[capture.camera] = (
            begins - (capture.first_line or 0),
            before.last_sequence + 1 - (capture.sequence or 0),
        )
        if passed is None:
            yield UnusableCapture(
                source=f"{self.session}/start",
                reason=(
                    f"the intake of {capture.camera} was away from {before.last_at:%Y-%m-%d %H:%M:%S} UTC on, and "
                    "neither an encoder nor a line rate tells how many lines passed; calibrate the encoder in "
                    "cameras.yaml"
                ),
                first_line=before.end_line,
                captured_at=capture.captured_at,
                camera=capture.camera,
            )

    def _moved(self, capture: Capture) -> Capture:
        lines, counts = self._shifts.get(capture.camera, (0, 0))
        source = f"{self.session}/{capture.source}"
        if isinstance(capture, Frame):
            return replace(
                capture, first_line=capture.first_line + lines, sequence=capture.sequence + counts, source=source
            )
        return replace(
            capture,
            first_line=None if capture.first_line is None else capture.first_line + lines,
            sequence=None if capture.sequence is None else capture.sequence + counts,
            source=source,
        )


def _lines_between(before: CameraExtent, captured_at: datetime | None) -> int | None:
    """Return how many lines passed since the last frame ended, by the line rate of the session before."""
    if captured_at is None or before.lines_per_s is None:
        return None
    since_last_s = (captured_at - before.last_at).total_seconds()
    return max(round(since_last_s * before.lines_per_s) - (before.end_line - before.last_line), 0)
