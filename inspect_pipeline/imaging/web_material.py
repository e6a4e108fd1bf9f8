"""Endless seeded material that passes a line camera: a strip with its texture, defects and edges, over a background.

It is made in blocks of lines, each from the seed and its number alone: any lines can be asked for in any order, by any
number of cameras, and come out the same. The truth of every line is known beside it (``web_truth``).
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.roll_marks import RollMark, Streak, StreakScatter, coverage, touching
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES
from inspect_pipeline.imaging.web_defects import FAMILIES, LONGEST_DEFECT_LINES, Scatter, WebDefect, stamp
from inspect_pipeline.imaging.web_path import WebPath
from inspect_pipeline.imaging.web_textures import texture

_TEXTURE, _DEFECTS, _WAY, _STREAKS = 1, 2, 3, 4
_FEWEST_KEPT = 4
_WIDEST_PX = 32_000  # the largest image that can be warped
_MARGIN_PX = 8  # texture beyond the right edge, which is rough


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What passes the cameras. ``width_px`` is what all of them see together, columns of the machine.

    ``level`` is the mean grey level of the strip (0..255), ``background`` that beside it. ``strip_left_px`` and
    ``strip_px`` are its middle place and width (None: a margin of 1/32 on either side). ``texture_contrast`` scales the
    texture. Defects: those of ``defects``, and ``defects_per_m2`` scattered at random of ``kinds`` (see
    ``web_defects.FAMILIES``). Streaks: ``streaks``, and ``streaks_per_100_m`` at random. Marks: ``roll_marks``.
    """

    width_px: int = 2048
    mm_per_px_across: float = 0.1
    mm_per_px_along: float = 0.1
    texture: str = "metal"
    level: float = 150.0
    texture_contrast: float = 1.0
    background: float = 24.0
    strip_left_px: float | None = None
    strip_px: int | None = None
    wander_px: float = 6.0
    wander_lines: int = 4096
    edge_roughness_px: float = 0.4
    defects_per_m2: float = 20.0
    kinds: tuple[str, ...] = tuple(FAMILIES)
    strength: tuple[float, float] = (0.2, 1.0)
    defects: tuple[WebDefect, ...] = ()
    streaks: tuple[Streak, ...] = ()
    streaks_per_100_m: float = 0.0
    roll_marks: tuple[RollMark, ...] = ()

    def __post_init__(self) -> None:
        if not 64 <= self.width_px <= _WIDEST_PX or min(self.mm_per_px_across, self.mm_per_px_along) <= 0.0:
            raise BadDataError(
                f"web of {self.width_px} px of {self.mm_per_px_across} x {self.mm_per_px_along} mm cannot be; give "
                f"64 to {_WIDEST_PX} px and sizes above 0"
            )
        if not (0.0 <= self.background <= 255.0 and 0.0 < self.level <= 255.0 and self.texture_contrast >= 0.0):
            raise BadDataError(
                f"web of level {self.level} over {self.background}, texture contrast {self.texture_contrast}: give "
                "levels within 0..255 and a contrast of 0 or more"
            )
        if self.strip_width_px < 32 or self.streaks_per_100_m < 0.0:
            raise BadDataError(
                f"a strip of {self.strip_width_px} px with {self.streaks_per_100_m} streaks on 100 m cannot be; give "
                "32 px or more and a rate of 0 or more"
            )

    @property
    def strip_width_px(self) -> int:
        """Width of the strip."""
        return self.width_px - 2 * (self.width_px // 32) if self.strip_px is None else self.strip_px

    @property
    def strip_start_px(self) -> float:
        """Middle place of the left edge, in columns of the machine."""
        return (self.width_px - self.strip_width_px) / 2 if self.strip_left_px is None else self.strip_left_px


class WebMaterial:
    """The material itself: the same settings, seed and patches give the same pixels, whatever is asked for first."""

    def __init__(self, settings: WebSettings, *, seed: int, patches: Sequence[NDArray[np.uint8]] = ()) -> None:
        self.settings, self.seed = settings, seed
        strip = settings.strip_width_px
        self.path = WebPath(
            key=(seed, _WAY),
            left_px=settings.strip_start_px,
            strip_px=strip,
            wander_px=settings.wander_px,
            wander_lines=settings.wander_lines,
            roughness_px=settings.edge_roughness_px,
        )
        self._texture = texture(
            settings.texture, key=(seed, _TEXTURE), width_px=strip + _MARGIN_PX, patches=patches
        )  # fmt: skip
        area_m2 = BLOCK_LINES * settings.mm_per_px_along * strip * settings.mm_per_px_across / 1e6
        self._scatter = Scatter(
            key=(seed, _DEFECTS),
            per_block=settings.defects_per_m2 * area_m2,
            strip_px=strip,
            kinds=settings.kinds,
            strength=settings.strength,
        )
        self._streaks = StreakScatter(
            key=(seed, _STREAKS),
            per_line=settings.streaks_per_100_m * settings.mm_per_px_along / 1e5,
            columns=(settings.strip_start_px + 0.05 * strip, settings.strip_start_px + 0.95 * strip),
        )
        self._blocks: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._kept = _FEWEST_KEPT

    def lines(self, first_line: int, count: int, *, left_px: int = 0, width_px: int | None = None) -> NDArray[np.uint8]:
        """Return ``count`` lines from ``first_line`` on, u8 (count, width), of the columns that a camera sees.

        ``first_line`` may be below 0: the strip has run before. Raises BadDataError for columns beyond the material.
        """
        width = self.settings.width_px - left_px if width_px is None else width_px
        if left_px < 0 or width < 1 or left_px + width > self.settings.width_px or count < 1:
            raise BadDataError(
                f"{count} lines of columns {left_px}..{left_px + width} are not of this web; it has "
                f"{self.settings.width_px} columns, and give 1 line or more"
            )
        first, last = first_line // BLOCK_LINES, (first_line + count - 1) // BLOCK_LINES
        self._kept = max(_FEWEST_KEPT, last - first + 2)  # a second camera asks for the same ones
        parts = []
        for index in range(first, last + 1):
            top, bottom = first_line - index * BLOCK_LINES, first_line + count - index * BLOCK_LINES
            rows = slice(max(top, 0), min(bottom, BLOCK_LINES))
            parts.append(self._block(index)[rows, left_px : left_px + width])
        return np.concatenate(parts)

    def defects(self, first_line: int, end_line: int) -> list[WebDefect]:
        """Return the defects whose patch touches lines ``first_line .. end_line``, those that were asked for first."""
        blocks = range((first_line - LONGEST_DEFECT_LINES) // BLOCK_LINES, (end_line - 1) // BLOCK_LINES + 1)
        scattered = (defect for index in blocks for defect in self._scatter.block(index))
        every = [*self.settings.defects, *scattered]
        return [one for one in every if one.line < end_line and one.line + one.height_px > first_line]

    def streaks(self, first_line: int, end_line: int) -> list[Streak]:
        """Return the streaks that have a line in ``first_line .. end_line``."""
        asked = touching(self.settings.streaks, first_line, end_line)
        return asked + self._streaks.between(first_line, end_line)

    def marks(self, first_line: int, end_line: int) -> list[tuple[RollMark, int]]:
        """Return the prints of the rolls that touch lines ``first_line .. end_line``: the mark and its first line."""
        return [(mark, start) for mark in self.settings.roll_marks for start in mark.starts(first_line, end_line)]

    def _block(self, index: int) -> NDArray[np.uint8]:
        if index not in self._blocks:
            self._blocks[index] = self._made(index)
            while len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
        return self._blocks[index]

    def _made(self, index: int) -> NDArray[np.uint8]:
        settings = self.settings
        first = index * BLOCK_LINES
        lines = np.arange(first, first + BLOCK_LINES, dtype=np.int64)
        strip = self._texture(index) * np.float32(settings.texture_contrast * settings.level)
        strip += np.float32(settings.level)
        opacity = self._painted(strip, first)
        shift = (settings.strip_start_px + self.path.shift_px(lines)).astype(np.float32)
        view = _warped(strip, shift, settings.width_px)
        self._printed(view, lines)
        if opacity is not None:
            _blend(view, _warped(opacity, shift, settings.width_px), settings.background, slice(None))
        self._cut_out(view, lines)
        np.maximum(view, 0.0, out=view)
        return cast("NDArray[np.uint8]", cv2.convertScaleAbs(view))

    def _painted(self, strip: NDArray[np.float32], first: int) -> NDArray[np.float32] | None:
        """Multiply the defects into the strip; return its opacity where something goes through it, else None."""
        opacity: NDArray[np.float32] | None = None
        for defect in self.defects(first, first + BLOCK_LINES):
            look = stamp(defect)
            if look.through and opacity is None:
                opacity = np.ones_like(strip)
            target = strip if opacity is None or not look.through else opacity
            _multiply(target, look.factor, defect.line - first, defect.column)
        return opacity

    def _printed(self, view: NDArray[np.float32], lines: NDArray[np.int64]) -> None:
        """Multiply streaks and roll marks into the view."""
        first, end = int(lines[0]), int(lines[-1]) + 1
        for streak in self.streaks(first, end):
            _multiply(view, streak.factor(lines), 0, streak.columns[0])
        for mark, start in self.marks(first, end):
            _multiply(view, 1.0 - np.float32(mark.contrast) * coverage(mark), start - first, mark.column_px)

    def _cut_out(self, view: NDArray[np.float32], lines: NDArray[np.int64]) -> None:
        """Put the background beside the strip; a pixel that an edge crosses gets its share of both."""
        width = self.settings.width_px
        columns = np.arange(width, dtype=np.float64)
        for edge, sign in zip(self.path.edges_px(lines), (1.0, -1.0), strict=True):
            low = int(np.clip(np.floor(edge.min()) - 1, 0, width))
            high = int(np.clip(np.ceil(edge.max()) + 1, 0, width))
            outside = slice(0, low) if sign > 0 else slice(high, width)
            view[:, outside] = self.settings.background
            crossed = np.clip(columns[None, low:high] + 1.0 - edge[:, None], 0.0, 1.0)
            share = crossed if sign > 0 else 1.0 - crossed
            _blend(view, share.astype(np.float32), self.settings.background, slice(low, high))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the blocks from line 0 on, without end."""
        index = 0
        while True:
            yield self._block(index)
            index += 1


def _warped(strip: NDArray[np.float32], left_px: NDArray[np.float32], width_px: int) -> NDArray[np.float32]:
    """Return the strip as it lies in the machine, its column 0 at ``left_px`` in each line; its borders go on."""
    columns = np.arange(width_px, dtype=np.float32)[None, :] - left_px[:, None]
    rows = np.broadcast_to(np.arange(strip.shape[0], dtype=np.float32)[:, None], columns.shape).copy()
    return cast(
        "NDArray[np.float32]",
        cv2.remap(strip, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
    )


def _blend(view: NDArray[np.float32], share: NDArray[np.float32], background: float, columns: slice) -> None:
    """Keep ``share`` of the view in these columns and fill it up with background, in place."""
    part = view[:, columns]
    part -= np.float32(background)
    part *= share
    part += np.float32(background)


def _multiply(target: NDArray[np.float32], factor: NDArray[np.float32], top: int, left: int) -> None:
    """Multiply ``factor`` into the part of the target that it covers when its corner lies at (top, left)."""
    rows = slice(max(top, 0), min(top + factor.shape[0], target.shape[0]))
    columns = slice(max(left, 0), min(left + factor.shape[1], target.shape[1]))
    if rows.stop > rows.start and columns.stop > columns.start:
        target[rows, columns] *= factor[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
