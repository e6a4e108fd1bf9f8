"""A frame cut into tiles: cores that partition it exactly, and the larger windows that a network looks at."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """``core`` is the part that this tile decides; ``window`` holds it with its margin, on the alignment grid.

    A window may reach beyond the bottom and right border of the frame; ``cut`` fills that part by repeating the border.
    """

    core: Roi
    window: Roi


def tiles(height: int, width: int, *, core_px: int, margin_px: int, multiple_px: int) -> list[Tile]:
    """Return the tiles of a frame in reading order.

    Every pixel lies in exactly one core, of at most ``core_px`` a side. A window grows its core by ``margin_px`` as far
    as the frame goes, then outwards to multiples of ``multiple_px`` (the stride of the network) on all four sides.

    Raises BadDataError for an empty frame, a core or multiple below 1 or a negative margin.
    """
    if min(height, width, core_px, multiple_px) < 1 or margin_px < 0:
        raise BadDataError(
            f"tiling {height} x {width} px by cores of {core_px}, margin {margin_px}, multiple {multiple_px} px "
            "cannot work; give sizes of 1 or more and no negative margin"
        )
    rows = _spans(height, core_px, margin_px, multiple_px)
    columns = _spans(width, core_px, margin_px, multiple_px)
    return [
        Tile(
            core=Roi(top=top, bottom=bottom, left=left, right=right),
            window=Roi(top=above, bottom=below, left=before, right=after),
        )
        for top, bottom, above, below in rows
        for left, right, before, after in columns
    ]


def cut(pixels: Pixels, window: Roi) -> Pixels:
    """Return the window of a frame, (window height, window width) or with 3 channels; beyond the frame its border."""
    inside = pixels[window.top : window.bottom, window.left : window.right]
    below, beyond = window.height - inside.shape[0], window.width - inside.shape[1]
    if below == 0 and beyond == 0:
        return inside
    padding = ((0, below), (0, beyond), (0, 0))[: pixels.ndim]
    return cast(Pixels, np.pad(inside, padding, mode="edge"))


def _spans(length: int, core_px: int, margin_px: int, multiple_px: int) -> list[tuple[int, int, int, int]]:
    """Return (core start, core end, window start, window end) along one axis."""
    spans = []
    for start in range(0, length, core_px):
        end = min(start + core_px, length)
        first, last = max(start - margin_px, 0), min(end + margin_px, length)
        spans.append((start, end, first // multiple_px * multiple_px, -(-last // multiple_px) * multiple_px))
    return spans
