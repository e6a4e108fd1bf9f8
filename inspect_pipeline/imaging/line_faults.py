"""Lines that a line camera misses or delivers twice: what each line of a frame truly shows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakenLines:
    """The lines of one frame: row i shows the material line ``offsets[i]`` after the one that the frame begins at.

    ``consumed`` is how far the material moved until the frame was full: ``lines + dropped - repeated``.
    """

    offsets: NDArray[np.int64]
    consumed: int
    dropped: int
    repeated: NDArray[np.bool_]

    def delivered(self, exposed: Pixels) -> Pixels:
        """Return the image with every repeated line the exact copy of the one before it, as a driver delivers it."""
        if not self.repeated.any():
            return exposed
        rows = np.arange(exposed.shape[0])
        rows[self.repeated] = 0
        return exposed[np.maximum.accumulate(rows)]

    def cut(self, lines: int) -> "TakenLines":
        """Return what is left where the material ends ``lines`` lines after the frame began."""
        rows = int(np.searchsorted(self.offsets, lines))
        repeated = self.repeated[:rows]
        consumed = min(self.consumed, lines)
        dropped = consumed - rows + int(repeated.sum())
        return TakenLines(offsets=self.offsets[:rows], consumed=consumed, dropped=dropped, repeated=repeated)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaults:
    """How often a line is missed (those after it move up) or delivered twice (those after it move down), per line."""

    dropped: float = 0.0
    repeated: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.dropped < 1.0 or not 0.0 <= self.repeated < 1.0:
            raise BadDataError(
                f"probabilities of {self.dropped} for a dropped and {self.repeated} for a repeated line cannot be; "
                "give 0 or more and less than 1"
            )

    @property
    def none(self) -> bool:
        """Whether every line arrives once."""
        return self.dropped == self.repeated == 0.0

    def taken(self, lines: int, generator: np.random.Generator) -> TakenLines:
        """Return which material lines a frame of so many lines shows; the first one never repeats."""
        steps = np.ones(lines, np.int64)
        if self.dropped:
            steps += generator.geometric(1.0 - self.dropped, lines) - 1
        repeated = np.zeros(lines, bool)
        if self.repeated:
            repeated[1:] = generator.uniform(size=lines)[1:] < self.repeated
        steps[repeated] = 0
        consumed = int(steps.sum())
        return TakenLines(
            offsets=np.cumsum(steps) - 1,
            consumed=consumed,
            dropped=consumed - lines + int(repeated.sum()),
            repeated=repeated,
        )


class LineStream:
    """Material given in blocks of any length, taken in pieces of any length."""

    def __init__(self, blocks: Iterable[NDArray[np.uint8]]) -> None:
        self._blocks: Iterator[NDArray[np.uint8]] = iter(blocks)
        self._waiting: list[NDArray[np.uint8]] = []
        self._count = 0

    def take(self, lines: int) -> NDArray[np.uint8] | None:
        """Return the next ``lines`` lines, fewer at the end of the material, None after it."""
        while self._count < lines:
            block = next(self._blocks, None)
            if block is None:
                break
            if block.shape[0]:
                self._waiting.append(block)
                self._count += block.shape[0]
        if not self._waiting:
            return None
        joined = np.concatenate(self._waiting)
        rest = joined[lines:]
        self._waiting, self._count = ([rest] if rest.shape[0] else []), rest.shape[0]
        return joined[:lines]
