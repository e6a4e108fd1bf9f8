"""Defects on an endless web: which there are, where they lie, how each looks, drawn from the seed alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging import paint_areas, paint_lines, paint_web
from inspect_pipeline.imaging.paint_shapes import Coverage
from inspect_pipeline.imaging.painting import Kind, drawn
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES

LONGEST_DEFECT_LINES, SMALLEST_DEFECT_PX = 1024, 32
_PLAIN = 150
_FADE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFamily:
    """One family: how it is drawn, the size of its patch from and to, in px; ``through``: the background shows."""

    kind: Kind
    patch_px: tuple[int, int] = (64, 192)
    through: bool = False
    at_edge: bool = False


FAMILIES: Mapping[str, WebFamily] = MappingProxyType(
    {
        "crack": WebFamily(kind=Kind(painter=paint_lines.crack, faint=0.25, clear=0.75), patch_px=(96, 256)),
        "scratch": WebFamily(
            kind=Kind(painter=paint_lines.scratch, faint=0.25, clear=0.75, bright_share=0.5), patch_px=(96, 320)
        ),
        "fibre": WebFamily(kind=Kind(painter=paint_lines.fibre, faint=0.30, clear=0.80)),
        "dark_spot": WebFamily(kind=Kind(painter=paint_areas.dark_spot, faint=0.25, clear=0.80), patch_px=(64, 160)),
        "stain": WebFamily(kind=Kind(painter=paint_areas.stain, faint=0.10, clear=0.40), patch_px=(96, 320)),
        "pinhole": WebFamily(
            kind=Kind(painter=paint_areas.pinhole, faint=0.7, clear=1.0), patch_px=(48, 64), through=True
        ),
        "water_mark": WebFamily(kind=Kind(painter=paint_areas.water_mark, faint=0.12, clear=0.40), patch_px=(96, 256)),
        "inclusion": WebFamily(kind=Kind(painter=paint_web.inclusion, faint=0.25, clear=0.70), patch_px=(96, 256)),
        "dent": WebFamily(kind=Kind(painter=paint_web.dent, faint=0.15, clear=0.50)),
        "wrinkle": WebFamily(kind=Kind(painter=paint_web.wrinkle, faint=0.10, clear=0.35), patch_px=(192, 512)),
        "coating_void": WebFamily(kind=Kind(painter=paint_web.coating_void, faint=0.25, clear=0.7, bright_share=1.0)),
        "abrasion": WebFamily(
            kind=Kind(painter=paint_web.abrasion, faint=0.3, clear=0.8, bright_share=0.8), patch_px=(96, 256)
        ),
        "hole": WebFamily(
            kind=Kind(painter=paint_web.hole, faint=1.0, clear=1.0), patch_px=(96, 224), through=True
        ),
        "edge_nick": WebFamily(
            kind=Kind(painter=paint_web.edge_nick, faint=1.0, clear=1.0),
            patch_px=(64, 160),
            through=True,
            at_edge=True,
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDefect:
    """One defect: its family and the patch it is drawn in, ``line`` and ``column`` of the top left corner.

    Lines are those of the web, columns those of the strip (0 is its left edge): it moves with the strip. ``strength``
    runs from 0 (as faint as the family gets) to 1; ``mirrored`` left to right.
    """

    kind: str
    line: int
    column: int
    height_px: int = 128
    width_px: int = 128
    strength: float = 0.7
    seed: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.kind not in FAMILIES:
            raise BadDataError(f"no web defect {self.kind!r}; the families are {', '.join(FAMILIES)}")
        if min(self.height_px, self.width_px) < SMALLEST_DEFECT_PX or self.height_px > LONGEST_DEFECT_LINES:
            raise BadDataError(
                f"{self.kind} of {self.height_px} x {self.width_px} px cannot be drawn; give {SMALLEST_DEFECT_PX} px "
                f"or more and at most {LONGEST_DEFECT_LINES} lines"
            )
        if not 0.0 <= self.strength <= 1.0 or self.seed < 0 or self.column < 0:
            raise BadDataError(
                f"{self.kind} of strength {self.strength}, seed {self.seed}, column {self.column}: give a strength in "
                "0..1 and no negative seed or column"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """How a defect looks: ``factor`` f32 (h, w) on the grey level, or on the opacity where ``through``; its mask."""

    factor: NDArray[np.float32]
    mask: NDArray[np.bool_]
    through: bool


@lru_cache(maxsize=32)
def stamp(defect: WebDefect) -> Stamp:
    """Return how a defect looks; the same defect always looks the same. The arrays are read-only."""
    family = FAMILIES[defect.kind]
    plain = np.full((defect.height_px, defect.width_px), _PLAIN, np.uint8)
    generator = np.random.default_rng(defect.seed)
    factor, mask = drawn(_fading(family), plain, generator=generator, strength=defect.strength)
    if family.through:
        factor = np.clip(factor, 0.0, 1.0)
    else:
        np.maximum(factor, 0.0, out=factor)
    if defect.mirrored:
        factor, mask = np.ascontiguousarray(factor[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    factor.setflags(write=False)
    mask.setflags(write=False)
    return Stamp(factor, mask, family.through)


def _fading(family: WebFamily) -> Kind:
    """Return the family with a painter that fades to nothing at the border of the patch, which would cut it straight.

    At the edge of the strip it does not fade along that edge.
    """

    def painter(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Coverage:
        height, width = pixels.shape
        across = np.ones(width) if family.at_edge else _fade(width)
        return family.kind.painter(pixels, generator) * np.outer(_fade(height), across).astype(np.float32)

    return replace(family.kind, painter=painter)


def _fade(length: int) -> NDArray[np.float64]:
    inside = np.minimum(np.arange(length), np.arange(length)[::-1]) / (_FADE * length)
    return cast("NDArray[np.float64]", np.clip(inside, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Defects scattered at random: how many a block of lines, of which families, on a strip of which width.

    Raises BadDataError for an unknown family, a negative number or a strength outside 0..1.
    """

    key: tuple[int, ...]
    per_block: float
    strip_px: int
    kinds: Sequence[str] = field(default=tuple(FAMILIES))
    strength: tuple[float, float] = (0.2, 1.0)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(FAMILIES))
        if unknown or not self.kinds:
            raise BadDataError(f"no web defects {unknown}; the families are {', '.join(FAMILIES)}")
        if self.per_block < 0.0 or not 0.0 <= self.strength[0] <= self.strength[1] <= 1.0:
            raise BadDataError(
                f"{self.per_block} defects a block of strength {self.strength} cannot be; give a rate of 0 or more and "
                "a range within 0..1"
            )

    def block(self, index: int) -> list[WebDefect]:
        """Return the defects that begin in lines ``index * BLOCK_LINES`` and on; none before line 0."""
        if index < 0 or self.per_block == 0.0:
            return []
        generator = np.random.default_rng([*self.key, index])
        return [self._placed(index, generator) for _ in range(int(generator.poisson(self.per_block)))]

    def _placed(self, index: int, generator: np.random.Generator) -> WebDefect:
        kind = str(self.kinds[int(generator.integers(len(self.kinds)))])
        family = FAMILIES[kind]
        size = min(int(generator.integers(family.patch_px[0], family.patch_px[1] + 1)), self.strip_px)
        right = bool(generator.uniform() < 0.5)
        free = self.strip_px - size
        anywhere = int(generator.integers(free + 1))
        return WebDefect(
            kind=kind,
            line=index * BLOCK_LINES + int(generator.integers(BLOCK_LINES)),
            column=(free if right else 0) if family.at_edge else anywhere,
            height_px=size,
            width_px=size,
            strength=float(generator.uniform(*self.strength)),
            seed=int(generator.integers(2**31)),
            mirrored=right,
        )
