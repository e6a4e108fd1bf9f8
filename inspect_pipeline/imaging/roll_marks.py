"""What the machine prints on the web: streaks that run over many frames, and marks that every turn of a roll repeats.

Both come from parts of the machine that stand still, so they keep their column while the strip wanders under them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.paint_shapes import blob

_SEGMENT_LINES = 8192
_MASK_ABOVE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """A streak along the web, lines ``first_line .. end_line``, round ``column_px`` of the machine (its middle).

    ``contrast`` is what it takes away (above 0) or adds (below 0), a share of the grey level. It fades in and out
    within its lines, over a sixteenth of them.
    """

    first_line: int
    end_line: int
    column_px: float
    width_px: float = 3.0
    contrast: float = 0.12

    def __post_init__(self) -> None:
        if self.end_line <= self.first_line or self.width_px <= 0.0 or not -1.0 <= self.contrast <= 1.0:
            raise BadDataError(
                f"streak from line {self.first_line} to {self.end_line}, {self.width_px} px wide, contrast "
                f"{self.contrast} cannot be; give an end after its start, a width above 0 and a contrast in -1..1"
            )

    @property
    def columns(self) -> tuple[int, int]:
        """First column and the one after the last that it touches."""
        reach = self.width_px / 2 + 1.0
        return int(np.floor(self.column_px - reach)), int(np.ceil(self.column_px + reach)) + 1

    def factor(self, lines: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what it multiplies the grey levels by, f32 (lines, columns of ``columns``)."""
        first, end = self.columns
        centres = np.arange(first, end) + 0.5
        profile = np.clip(self.width_px / 2 + 0.5 - np.abs(centres - self.column_px), 0.0, 1.0)
        fade = max((self.end_line - self.first_line) / 16, 1.0)
        inside = np.minimum(lines - self.first_line + 1, self.end_line - lines)
        along = np.clip(inside / fade, 0.0, 1.0)
        return cast("NDArray[np.float32]", (1.0 - self.contrast * along[:, None] * profile).astype(np.float32))

    def mask(self) -> NDArray[np.bool_]:
        """Return its columns that it covers by half or more (at least the middle one), bool (columns,)."""
        first, end = self.columns
        centres = np.arange(first, end) + 0.5
        away = np.abs(centres - self.column_px)
        return cast("NDArray[np.bool_]", away <= max(self.width_px / 2, float(away.min())))


@dataclass(frozen=True, slots=True, kw_only=True)
class RollMark:
    """A mark that a roll of ``circumference_lines`` prints once a turn, the first time at ``first_line``.

    The patch is ``size_px`` a side, its left border at ``column_px`` of the machine. ``contrast`` as of a streak. From
    ``end_line`` on (None: never) the roll is mended: no mark begins there.
    """

    circumference_lines: float
    first_line: int
    column_px: int
    size_px: int = 48
    contrast: float = 0.25
    seed: int = 0
    end_line: int | None = None

    def __post_init__(self) -> None:
        if self.circumference_lines < self.size_px or self.size_px < 8 or not -1.0 <= self.contrast <= 1.0:
            raise BadDataError(
                f"roll mark of {self.size_px} px, contrast {self.contrast}, every {self.circumference_lines} lines "
                "cannot be; give 8 px or more, no more than the circumference, and a contrast in -1..1"
            )
        if min(self.first_line, self.column_px, self.seed) < 0:
            raise BadDataError(f"roll mark at line {self.first_line}, column {self.column_px}: give none below 0")

    def starts(self, first_line: int, end_line: int) -> list[int]:
        """Return the first lines of the prints that touch lines ``first_line .. end_line``, in order."""
        low = int(np.floor((first_line - self.size_px - self.first_line) / self.circumference_lines))
        high = int(np.ceil((end_line - self.first_line) / self.circumference_lines))
        starts = [self.first_line + round(turn * self.circumference_lines) for turn in range(max(low, 0), high + 1)]
        ended = end_line if self.end_line is None else min(self.end_line, end_line)
        return [start for start in starts if start + self.size_px > first_line and start < ended]


@lru_cache(maxsize=64)
def coverage(mark: RollMark) -> NDArray[np.float32]:
    """Return how much of each pixel the mark covers, f32 (size, size) in 0..1; the same at every turn. Read-only."""
    generator = np.random.default_rng(mark.seed)
    size, radius = mark.size_px, mark.size_px * 0.33
    covered = blob(
        generator,
        centre=(size / 2, size / 2),
        radii=(radius, radius * float(generator.uniform(0.35, 0.9))),
        softness=0.4,
        roughness=0.25,
        height=size,
        width=size,
    )
    covered.setflags(write=False)
    return covered


def mark_mask(mark: RollMark) -> NDArray[np.bool_]:
    """Return where the mark is, bool (size, size)."""
    return coverage(mark) > _MASK_ABOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class StreakScatter:
    """Streaks at random: how many begin on average a line, between which columns of the machine."""

    key: tuple[int, ...]
    per_line: float
    columns: tuple[float, float]
    lengths: tuple[int, int] = (1000, 12_000)

    def between(self, first_line: int, end_line: int) -> list[Streak]:
        """Return those that touch lines ``first_line .. end_line``."""
        if self.per_line == 0.0:
            return []
        first = max((first_line - self.lengths[1]) // _SEGMENT_LINES, 0)
        segments = range(first, max(end_line, 0) // _SEGMENT_LINES + 1)
        return touching([streak for one in segments for streak in self._segment(one)], first_line, end_line)

    def _segment(self, index: int) -> list[Streak]:
        generator = np.random.default_rng([*self.key, index])
        found = []
        for _ in range(int(generator.poisson(self.per_line * _SEGMENT_LINES))):
            start = index * _SEGMENT_LINES + int(generator.integers(_SEGMENT_LINES))
            found.append(
                Streak(
                    first_line=start,
                    end_line=start + int(generator.integers(self.lengths[0], self.lengths[1] + 1)),
                    column_px=float(generator.uniform(*self.columns)),
                    width_px=float(generator.uniform(1.5, 6.0)),
                    contrast=float(generator.choice([-1, 1]) * generator.uniform(0.05, 0.2)),
                )
            )
        return found


def touching(streaks: Sequence[Streak], first_line: int, end_line: int) -> list[Streak]:
    """Return the streaks that have a line in ``first_line .. end_line``."""
    return [streak for streak in streaks if streak.first_line < end_line and streak.end_line > first_line]
