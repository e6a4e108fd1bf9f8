"""Counters of cameras and encoders: unwrapped, followed, and turned into lines of the coil."""

from dataclasses import dataclass, field

from inspect_pipeline.errors import BadDataError


@dataclass(slots=True, kw_only=True)
class Unwrapped:
    """A counter of few bits as one that never wraps: 65534, 65535, 0, 1 becomes 65534, 65535, 65536, 65537.

    Values run ``first .. first + period - 1`` and start again at ``first``: a GigE Vision 1.x block id has ``first=1,
    period=65535`` (0 is never sent), a 16-bit frame counter ``first=0, period=65536``. A step of up to half a period
    back is one back (out of order, a strip that moves backwards), not a whole turn forwards.
    """

    period: int
    first: int = 0
    _last: int | None = None

    def __post_init__(self) -> None:
        if self.period < 2:
            raise BadDataError(f"a counter with {self.period} values does not count; give its period, e.g. 65536")

    def __call__(self, value: int) -> int:
        """Return the count without wraps. Raises BadDataError for a value that the counter does not have."""
        if not self.first <= value < self.first + self.period:
            last = self.first + self.period - 1
            raise BadDataError(f"counter value {value} lies outside {self.first}..{last}; check the camera's counter")
        if self._last is None:
            self._last = value
            return value
        half = self.period // 2
        step = (value - self._last + half) % self.period - half
        self._last += step
        return self._last


@dataclass(slots=True, kw_only=True)
class Runs:
    """A set of whole numbers as runs, so that a coil without holes takes one run however long it is."""

    _runs: list[list[int]] = field(default_factory=list)

    def add(self, number: int) -> bool:
        """Add the number; False when it was there."""
        at = self._find(number)
        if at > 0 and number < self._runs[at - 1][1]:
            return False
        joins_before = at > 0 and self._runs[at - 1][1] == number
        joins_after = at < len(self._runs) and self._runs[at][0] == number + 1
        if joins_before and joins_after:
            self._runs[at - 1][1] = self._runs.pop(at)[1]
        elif joins_before:
            self._runs[at - 1][1] += 1
        elif joins_after:
            self._runs[at][0] = number
        else:
            self._runs.insert(at, [number, number + 1])
        return True

    @property
    def last(self) -> int | None:
        """The highest number, None where there is none."""
        return self._runs[-1][1] - 1 if self._runs else None

    @property
    def holes(self) -> int:
        """How many numbers between the lowest and the highest are not there."""
        ends = zip(self._runs, self._runs[1:], strict=False)
        return sum(after[0] - before[1] for before, after in ends)

    def _find(self, number: int) -> int:
        """Return the index of the first run that begins after ``number``."""
        low, high = 0, len(self._runs)
        while low < high:
            middle = (low + high) // 2
            if self._runs[middle][0] <= number:
                low = middle + 1
            else:
                high = middle
        return low


def first_line_from(encoder_lines: int, *, sequence: int, lines_per_frame: int, tolerance_lines: int = 3) -> int:
    """Return where a frame begins: by the frame counter when the encoder agrees within its jitter, else by the encoder.

    The counter has no jitter but knows nothing of a slipped or restarted line; the encoder does.
    """
    counted = sequence * lines_per_frame
    return counted if abs(encoder_lines - counted) <= tolerance_lines else encoder_lines
