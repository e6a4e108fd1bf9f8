"""What the surface of a web looks like: brushed metal, woven fabric, paper, film, or real patches."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.patch_quilt import PatchQuilt
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES, LatticeNoise

Blocks = Callable[[int], NDArray[np.float32]]
"""Gives block ``index`` of lines: how the grey level differs from the mean, as a share of it, f32 (BLOCK_LINES, w)."""

# Noise upon noise: lines and px of a feature, and the share of the grey level that it makes.
_LAYERS: Mapping[str, tuple[tuple[int, int, float], ...]] = MappingProxyType(
    {
        # Grains of the brush or the roll are long and thin; clouds of heat or lubricant lie over them.
        "metal": ((256, 1, 0.045), (64, 1, 0.045), (16, 2, 0.025), (128, 96, 0.02), (2, 2, 0.02)),
        # The formation of the sheet: flocs of fibres in every size.
        "paper": ((64, 48, 0.018), (16, 16, 0.028), (4, 4, 0.03), (1, 1, 0.015)),
        # Nearly plain: faint die lines along the web, thickness that drifts, gels too small to resolve.
        "film": ((256, 4, 0.008), (256, 160, 0.015), (2, 2, 0.008)),
    }
)
TEXTURES: tuple[str, ...] = (*_LAYERS, "woven", "patches")
_THREAD_PX = 8  # a thread and its gap: two of them fit a block of lines many times over


def texture(
    name: str, *, key: Sequence[int], width_px: int, patches: Sequence[NDArray[np.uint8]] = ()
) -> Blocks:  # fmt: skip
    """Return the texture of that name over ``width_px`` columns; the same key and block give the same numbers.

    Raises BadDataError for an unknown name, and for patches missing, unfit, or given to a texture that has none.
    """
    if name not in TEXTURES:
        raise BadDataError(f"no texture {name!r}; the textures are {', '.join(TEXTURES)}")
    if (name == "patches") != bool(patches):
        raise BadDataError(f"texture {name!r} with {len(patches)} patches; patches go with the texture 'patches' alone")
    if name == "patches":
        quilt = PatchQuilt(patches, key=key, width_px=width_px)
        return lambda index: quilt.block(index) / np.float32(quilt.level)
    if name == "woven":
        return _Woven(key, width_px).block
    layers = [
        (LatticeNoise([*key, number], pitch_lines=lines, pitch_px=px, width_px=width_px), np.float32(share))
        for number, (lines, px, share) in enumerate(_LAYERS[name])
    ]
    return lambda index: _summed(layers, index)


def _summed(layers: Sequence[tuple[LatticeNoise, np.float32]], index: int) -> NDArray[np.float32]:
    total = layers[0][0].block(index) * layers[0][1]
    for noise, share in layers[1:]:
        cv2.scaleAdd(noise.block(index), float(share), total, total)
    return total


class _Woven:
    """Plain weave: threads along and across the web lie over and under each other in turn, no two quite alike."""

    def __init__(self, key: Sequence[int], width_px: int) -> None:
        self._key = tuple(key)
        self._weave = _weave(width_px + 4 * _THREAD_PX)
        self._width = width_px
        threads = -(-width_px // _THREAD_PX)
        warp = np.random.default_rng([*key, 0]).normal(0.0, 0.025, threads)
        self._warp = np.repeat(warp, _THREAD_PX)[:width_px].astype(np.float32)
        self._wave = LatticeNoise([*key, 1], pitch_lines=128, pitch_px=64, width_px=width_px)
        self._sway = LatticeNoise([*key, 2], pitch_lines=64, pitch_px=128, width_px=width_px)
        self._weft = LatticeNoise([*key, 3], pitch_lines=_THREAD_PX, pitch_px=1, width_px=1)
        self._grain = LatticeNoise([*key, 4], pitch_lines=2, pitch_px=2, width_px=width_px)

    def block(self, index: int) -> NDArray[np.float32]:
        """Return block ``index``: the ideal weave, bent by a pixel or so, each thread with its own brightness."""
        rows = np.arange(BLOCK_LINES, dtype=np.float32)[:, None] + np.float32(2 * _THREAD_PX)
        columns = np.arange(self._width, dtype=np.float32)[None, :] + np.float32(2 * _THREAD_PX)
        across, along = columns + 1.2 * self._sway.block(index), rows + 1.2 * self._wave.block(index)
        weave = cast("NDArray[np.float32]", cv2.remap(self._weave, across, along, cv2.INTER_LINEAR))
        weave += self._warp
        weave += np.float32(0.03) * self._weft.block(index)
        cv2.scaleAdd(self._grain.block(index), 0.025, weave, weave)
        return weave


def _weave(width_px: int) -> NDArray[np.float32]:
    """Return the ideal weave with a margin of two threads above and below a block, f32, zero mean."""
    rows, columns = np.mgrid[0 : BLOCK_LINES + 4 * _THREAD_PX, 0:width_px]
    over = ((rows // _THREAD_PX + columns // _THREAD_PX) % 2).astype(bool)
    round_across, round_along = (np.sin(np.pi * (at % _THREAD_PX + 0.5) / _THREAD_PX) for at in (columns, rows))
    # The thread on top shines along its crown and bends down to the gaps at its ends.
    lit = np.where(over, round_across * (0.55 + 0.45 * round_along), round_along * (0.55 + 0.45 * round_across))
    lit = np.where(over, lit, 0.88 * lit)
    soft = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), 0.8)
    return cast("NDArray[np.float32]", np.float32(0.38) * (soft - soft.mean()))
