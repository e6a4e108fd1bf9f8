"""A camera or a strip that trembles: lines move sideways by parts of a pixel and smear along the web."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.seeded_noise import path

_NOISE_LINES = 8  # the strip is too heavy to jump from line to line


@dataclass(frozen=True, slots=True, kw_only=True)
class Vibration:
    """How the view trembles: sideways by ``amplitude_px`` with ``period_lines``, and ``noise_px`` at random.

    ``blur_lines`` is how far a line smears along the web while it is exposed. ``seed`` sets the phase and the noise.
    """

    amplitude_px: float = 0.0
    period_lines: float = 400.0
    noise_px: float = 0.0
    blur_lines: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.amplitude_px, self.noise_px, self.blur_lines) < 0.0 or self.period_lines <= 0.0:
            raise BadDataError(
                f"vibration of {self.amplitude_px} px every {self.period_lines} lines, noise {self.noise_px} px, blur "
                f"{self.blur_lines} lines cannot be; give no negative sizes and a period above 0"
            )

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return self.amplitude_px == self.noise_px == self.blur_lines == 0.0

    @property
    def halo_lines(self) -> int:
        """Lines on either side that reach into a line."""
        return int(np.ceil(self.blur_lines / 2))

    def shift_px(self, lines: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far right the material stands in the view at these lines, f64, px."""
        phase = float(np.random.default_rng([self.seed, 0]).uniform(0, 2 * np.pi))
        shift = self.amplitude_px * np.sin(2 * np.pi / self.period_lines * lines + phase)
        if self.noise_px and lines.size:
            shift = shift + self.noise_px * path([self.seed, 1], lines, pitch_lines=_NOISE_LINES)
        return cast("NDArray[np.float64]", shift)

    def shaken(self, material: NDArray[np.uint8], first_line: int) -> NDArray[np.uint8]:
        """Return the material as the trembling camera sees it: lines without the halo that they were given with.

        ``material`` is u8 (halo + n + halo, w), its first line ``first_line``; the answer holds n lines.
        """
        lines = np.arange(first_line, first_line + material.shape[0])
        if self.amplitude_px or self.noise_px:
            material = _moved(material, self.shift_px(lines))
        if not self.blur_lines:
            return material
        kernel = _box(self.blur_lines, self.halo_lines)
        smeared = cv2.sepFilter2D(material, -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
        return cast("NDArray[np.uint8]", smeared[self.halo_lines : material.shape[0] - self.halo_lines])

    def stream(self, blocks: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield blocks of material, shaken; the first and the last line are repeated beyond the ends."""
        halo, first, waiting = self.halo_lines, 0, np.empty((0, 0), np.uint8)
        for block in (one for one in blocks if one.shape[0]):
            head = waiting if waiting.size else np.repeat(block[:1], halo, axis=0)
            waiting = np.concatenate([head, block])
            ready = waiting.shape[0] - 2 * halo
            if ready > 0:
                yield self.shaken(waiting, first - halo)
                waiting, first = waiting[ready:], first + ready
        if halo and waiting.size:
            yield self.shaken(np.concatenate([waiting, np.repeat(waiting[-1:], halo, axis=0)]), first - halo)


def _moved(material: NDArray[np.uint8], shift_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    height, width = material.shape
    columns = np.arange(width, dtype=np.float32)[None, :] - shift_px.astype(np.float32)[:, None]
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], columns.shape)
    moved = cv2.remap(material, columns, rows.copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast("NDArray[np.uint8]", moved)


def _box(length: float, halo: int) -> NDArray[np.float64]:
    """Return the weights of a box of ``length`` lines, its ends counted by their parts."""
    reach = np.abs(np.arange(-halo, halo + 1))
    weights = np.clip(length / 2 - reach + 0.5, 0.0, 1.0)
    return cast("NDArray[np.float64]", weights / weights.sum())
