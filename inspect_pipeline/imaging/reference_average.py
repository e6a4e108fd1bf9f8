"""Reference captures averaged one after the other, so that none of them stays in memory."""

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.stripes import column_sums


class ReferenceAverage:
    """The column means of all lines that were added, and of every second one.

    A flat field built from the even lines is judged on the odd ones: on its own lines any reference looks perfect.
    """

    def __init__(self) -> None:
        self._sums: list[NDArray[np.float64]] = []
        self._counts = [0, 0]

    @property
    def lines(self) -> int:
        """How many lines were added."""
        return sum(self._counts)

    def add(self, lines: Pixels) -> None:
        """Add lines, u8 or u16 of shape (n, w) or (n, w, 3). Raises BadDataError for lines of another shape."""
        if self._sums and self._sums[0].shape != lines.shape[1:]:
            raise BadDataError(
                f"references have lines of shape {self._sums[0].shape} and {lines.shape[1:]}; take all of them with "
                "the same camera set-up"
            )
        if not self._sums:
            self._sums = [np.zeros(lines.shape[1:], np.float64) for _ in range(2)]
        before = self.lines
        for half in range(2):
            part = lines[(half + before) % 2 :: 2]
            if part.shape[0]:
                self._sums[half] += column_sums(part)
                self._counts[half] += part.shape[0]

    @property
    def mean(self) -> NDArray[np.float64]:
        """The column means, f64 of shape (w,) or (w, 3). Raises BadDataError where no line was added."""
        self._refuse(self.lines)
        return (self._sums[0] + self._sums[1]) / self.lines

    def half(self, which: int) -> NDArray[np.float64]:
        """Return the column means of the even (0) or odd (1) lines. Raises BadDataError where there is none."""
        self._refuse(self._counts[which])
        return self._sums[which] / self._counts[which]

    def _refuse(self, lines: int) -> None:
        if not lines:
            raise BadDataError("a reference holds no lines; give captures of 16 lines or more (2,048 is usual)")
