"""Defects painted on real pixels, with masks: families to learn from where too few real ones were kept.

They imitate what electroluminescence images of solar cells show (cracks, finger interruptions, inactive areas, belt
marks) and what any web shows (scratches, stains, fibres, pinholes). Painting is multiplicative, so the texture stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging import paint_areas, paint_lines
from inspect_pipeline.imaging.paint_shapes import Coverage, smooth_noise

Painter = Callable[[NDArray[np.uint8], np.random.Generator], Coverage]
_MASK_ABOVE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one family is drawn, its contrast from faint to clear, and how often it is brighter than the material."""

    painter: Painter
    faint: float
    clear: float
    bright_share: float = 0.0


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "crack": Kind(painter=paint_lines.crack, faint=0.18, clear=0.65),
        "scratch": Kind(painter=paint_lines.scratch, faint=0.14, clear=0.50, bright_share=0.3),
        "finger_interruption": Kind(painter=paint_lines.finger_interruption, faint=0.15, clear=0.60),
        "fibre": Kind(painter=paint_lines.fibre, faint=0.18, clear=0.60),
        "dark_spot": Kind(painter=paint_areas.dark_spot, faint=0.18, clear=0.75),
        "stain": Kind(painter=paint_areas.stain, faint=0.10, clear=0.40),
        "pinhole": Kind(painter=paint_areas.pinhole, faint=0.35, clear=0.95),
        "edge_chip": Kind(painter=paint_areas.edge_chip, faint=0.35, clear=0.90),
        "inactive_area": Kind(painter=paint_areas.inactive_area, faint=0.20, clear=0.75),
        "water_mark": Kind(painter=paint_areas.water_mark, faint=0.10, clear=0.38),
        "belt_mark": Kind(painter=paint_areas.belt_mark, faint=0.10, clear=0.38),
    }
)


def paint(
    kind: str, pixels: NDArray[np.uint8], *, generator: np.random.Generator, strength: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a copy of ``pixels``, u8 (h, w), with one defect of that kind, and its mask, bool (h, w), never empty.

    ``strength`` runs from 0 (as faint as the family gets) to 1 (clear). The same generator state paints the same
    defect.

    Raises BadDataError for an unknown kind, a strength outside 0..1, or pixels that are not u8 (h, w) of 32 px or more.
    """
    if kind not in KINDS:
        raise BadDataError(f"no painter for {kind!r}; the kinds are {', '.join(KINDS)}")
    if not 0.0 <= strength <= 1.0:
        raise BadDataError(f"strength {strength} of {kind} is outside 0..1")
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or min(pixels.shape) < 32:
        raise BadDataError(f"painting needs u8 pixels (h, w) of 32 px or more, not {pixels.dtype} {pixels.shape}")
    factor, mask = drawn(KINDS[kind], pixels, generator=generator, strength=strength)
    return cast("NDArray[np.uint8]", np.clip(np.rint(pixels * factor), 0, 255).astype(np.uint8)), mask


def drawn(
    family: Kind, pixels: NDArray[np.uint8], *, generator: np.random.Generator, strength: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what the defect multiplies the pixels by, f32 (h, w), and its mask, bool (h, w), never empty.

    Where covered it darkens by the contrast or brightens by half of it (below 0 the other way round), slightly uneven.
    """
    coverage = family.painter(pixels, generator)
    contrast = family.faint + (family.clear - family.faint) * strength
    bright = bool(generator.uniform() < family.bright_share)
    height, width = pixels.shape
    depth = coverage * np.float32(contrast)
    factor = 1.0 + 0.5 * depth if bright else 1.0 - depth
    factor *= 1.0 + 0.05 * depth * smooth_noise(generator, scale_px=8.0, height=height, width=width)
    return cast("NDArray[np.float32]", factor), _mask(np.abs(coverage))


def _mask(coverage: Coverage) -> NDArray[np.bool_]:
    threshold = min(_MASK_ABOVE, float(coverage.max()) / 2)  # a line thinner than a pixel never covers one fully
    return coverage > threshold
