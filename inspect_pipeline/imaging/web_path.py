"""Where the edges of a strip run: it wanders sideways as it passes, and its edges are not quite straight."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.seeded_noise import path

_ROUGH_LINES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPath:
    """The way of a strip of ``strip_px`` whose left edge lies round ``left_px`` of the machine.

    ``wander_px`` is the deviation of its slow way (never beyond 2.5 times that, a bend every ``wander_lines``),
    ``roughness_px`` that of each edge on its own.
    """

    key: tuple[int, ...]
    left_px: float
    strip_px: float
    wander_px: float = 0.0
    wander_lines: int = 4096
    roughness_px: float = 0.0

    def __post_init__(self) -> None:
        if self.strip_px <= 0 or min(self.wander_px, self.roughness_px) < 0 or self.wander_lines < 16:
            raise BadDataError(
                f"strip of {self.strip_px} px that wanders by {self.wander_px} px in {self.wander_lines} lines, edges "
                f"rough by {self.roughness_px} px, cannot be; give a width above 0, 16 lines or more, none below 0"
            )

    def shift_px(self, lines: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far right of its middle place the strip runs at these lines, f64, px."""
        if not self.wander_px or not lines.size:
            return np.zeros(lines.shape)
        slow = path([*self.key, 0], lines, pitch_lines=self.wander_lines)
        quick = path([*self.key, 1], lines, pitch_lines=max(self.wander_lines // 8, 2))
        return self.wander_px * (0.9 * slow + 0.1 * quick)

    def edges_px(self, lines: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the left and the right edge at these lines, f64, px of the machine (0.0: left border of column 0)."""
        left = self.left_px + self.shift_px(lines)
        right = left + self.strip_px
        if self.roughness_px and lines.size:
            left = left + self.roughness_px * path([*self.key, 2], lines, pitch_lines=_ROUGH_LINES)
            right = right + self.roughness_px * path([*self.key, 3], lines, pitch_lines=_ROUGH_LINES)
        return left, right
