"""A recorded coil as a frame source: its stored frames once more, at the rate of a line, with their recorded facts."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from inspect_pipeline.domain.capture import FrameMeasures
from inspect_pipeline.domain.material import CapturedFrame, Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import LARGEST_PX, decode

_UNKNOWN = FrameMeasures()


class Replay:
    """Yields the captures of a coil, of one camera or of all, in the order in which they are given.

    A capture is due ``first_line / lines_per_s`` seconds after the pass began (None: as fast as it is asked for); it is
    loaded before it is waited for. ``load`` returns the bytes of a stored image. What was unusable and has no image is
    unusable again for the same reason; so is, with its own reason, a frame whose image is gone, altered or of another
    size. A torn frame gets its torn lines back as zeros after its ``valid_lines``.

    ``corrected`` is True: flat fields were applied when the images were stored, and must not be applied again.
    """

    corrected = True

    def __init__(
        self,
        captures: Iterable[CapturedFrame],
        load: Callable[[str], bytes],
        *,
        lines_per_s: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        camera: str | None = None,
        expected_lines: int | None = None,
        expected_cameras: tuple[str, ...] = (),
    ) -> None:
        if lines_per_s is not None and not 0 < lines_per_s < float("inf"):
            raise BadDataError(f"{lines_per_s} lines a second cannot be replayed; give a rate above 0, or none")
        self._captures, self._load, self._camera = captures, load, camera
        self._lines_per_s, self._clock, self._sleep = lines_per_s, clock, sleep
        self.expected_lines = expected_lines
        self.expected_cameras = expected_cameras if camera is None else (camera,)
        self.behind_s = 0.0
        self.most_behind_s = 0.0

    def __iter__(self) -> Iterator[Capture]:
        """Yield each capture when it is due; ``behind_s`` then says by how much the last one was late."""
        self.behind_s = self.most_behind_s = 0.0
        start = self._clock()
        for row in self._captures:
            if self._camera in (None, row.camera):
                yield self._due(row, start)  # nothing here holds the frame while the next one is loaded

    def _due(self, row: CapturedFrame, start: float) -> Capture:
        capture = self._capture(row)
        if self._lines_per_s is not None:
            due = start + row.first_line / self._lines_per_s
            early = due - self._clock()
            if early > 0:
                self._sleep(early)
            self.behind_s = max(self._clock() - due, 0.0)
            self.most_behind_s = max(self.most_behind_s, self.behind_s)
        return capture

    def _capture(self, row: CapturedFrame) -> Capture:
        if row.image is None:
            return _unusable(row, row.reason or "it was recorded without an image")
        try:
            pixels = self._pixels(row, row.image)
        except (NotFoundError, AlteredError, BadImageError) as error:
            return _unusable(row, str(error))
        measures = row.measures or _UNKNOWN
        return Frame(
            id=row.id,
            pixels=pixels,
            first_line=row.first_line,
            captured_at=row.captured_at,
            mm_per_px_across=row.mm_per_px_across,
            mm_per_px_along=row.mm_per_px_along,
            camera=row.camera,
            sequence=row.sequence,
            source=row.source,
            valid_lines=row.line_count if row.torn_lines else None,
            encoder=measures.encoder,
            settings=measures.settings,
        )

    def _pixels(self, row: CapturedFrame, image: str) -> Pixels:
        pixels = decode(self._load(image), name=row.source or row.id)
        if pixels.shape[:2] != (row.line_count, row.width_px):
            raise BadImageError(
                f"{row.source or row.id}: its image has {pixels.shape[1]} x {pixels.shape[0]} px, its row says "
                f"{row.width_px} x {row.line_count}"
            )
        if not row.torn_lines:
            return pixels
        if (row.line_count + row.torn_lines) * row.width_px > LARGEST_PX:
            raise BadImageError(f"{row.source or row.id}: {row.torn_lines} torn lines are more than any frame has")
        torn = np.zeros((row.torn_lines, *pixels.shape[1:]), pixels.dtype)
        return np.concatenate([pixels, torn])


def _unusable(row: CapturedFrame, reason: str) -> UnusableCapture:
    return UnusableCapture(
        source=row.source,
        reason=reason,
        first_line=row.first_line,
        line_count=row.line_count,
        sequence=row.sequence,
        captured_at=row.captured_at,
        camera=row.camera,
    )
