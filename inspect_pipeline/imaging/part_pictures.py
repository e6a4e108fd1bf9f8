"""Parts of frames as pictures for a browser: area-averaged, with heatmap and box, as PNG or WebP bytes."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.rendering import Outline, as_rgb8, overlay

LARGEST_PART_PX = 1 << 22
"""The most pixels that a part is drawn with."""

_WEBP_QUALITY = 85
_FULL_SCORE = 2.0


def around(roi: Roi, *, height: int, width: int, least_px: int, margin: float) -> Roi:
    """Return the part of a frame around a box: ``margin`` times its longer side more on each side, square if it can be.

    At least ``least_px`` a side, moved inside the frame and no larger than it.
    """
    side = max(round(max(roi.height, roi.width) * (1.0 + 2.0 * margin)), least_px)
    down, across = min(side, height), min(side, width)
    top = min(max((roi.top + roi.bottom) // 2 - down // 2, 0), height - down)
    left = min(max((roi.left + roi.right) // 2 - across // 2, 0), width - across)
    return Roi(top=top, left=left, bottom=top + down, right=left + across)


def part_png(pixels: Pixels, part: Roi, *, scale: float, full_scale: int | None) -> bytes:
    """Return a part of a frame as PNG at ``scale``: 1 is full resolution. Raises BadDataError for too many pixels."""
    return _encoded(scaled(pixels, part, scale=scale, full_scale=full_scale), ".png", ())


def overview_webp(pixels: Pixels, *, longest_px: int, full_scale: int | None) -> bytes:
    """Return the whole frame as WebP, its longer side at most ``longest_px``."""
    whole = Roi(top=0, left=0, bottom=int(pixels.shape[0]), right=int(pixels.shape[1]))
    scale = min(longest_px / max(whole.height, whole.width), 1.0)
    small = scaled(pixels, whole, scale=scale, full_scale=full_scale)
    return _encoded(small, ".webp", (cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY))


def marked_png(
    pixels: Pixels,
    part: Roi,
    box: Roi,
    *,
    longest_px: int,
    full_scale: int | None,
    heatmap: NDArray[np.float32] | None = None,
) -> bytes:
    """Return a part with a box around the defect as PNG, at most ``longest_px`` long; ``heatmap`` is of the part."""
    scale = min(longest_px / max(part.height, part.width), 1.0)
    small = scaled(pixels, part, scale=scale, full_scale=full_scale)
    whole = Roi(top=0, left=0, bottom=small.shape[0], right=small.shape[1])
    inside = box.clipped(height=part.bottom, width=part.right)
    outlines = [] if inside is None else [Outline(roi=_scaled_box(inside, part, scale))]
    return overlay(small, whole, heatmap=heatmap, outlines=outlines)


def heat_layer_png(scores: NDArray[np.float32]) -> bytes:
    """Return scores in multiples of the threshold as colours (inferno) to lay over a frame: clear at 0, full from 1."""
    levels = np.rint(np.clip(scores / _FULL_SCORE, 0.0, 1.0) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    alpha = np.rint(np.clip(scores, 0.0, 1.0) * 255).astype(np.uint8)
    return _encoded(np.dstack([colours, alpha]), ".png", (), ordered=True)


def scaled(pixels: Pixels, part: Roi, *, scale: float, full_scale: int | None) -> NDArray[np.uint8]:
    """Return a part of a frame as u8 RGB at ``scale``: averaged where it shrinks, whole pixels where it grows.

    Raises BadDataError for a part outside the frame, or one of more than ``LARGEST_PART_PX``.
    """
    inside = part.clipped(height=pixels.shape[0], width=pixels.shape[1])
    if inside is None:
        raise BadDataError(f"part {part} lies outside a frame of {pixels.shape[0]} x {pixels.shape[1]} px")
    size = (max(round(inside.width * scale), 1), max(round(inside.height * scale), 1))
    if size[0] * size[1] > LARGEST_PART_PX:
        raise BadDataError(f"a part of {size[1]} x {size[0]} px is too large; ask for a smaller one or a lower scale")
    cut = cast(Pixels, np.ascontiguousarray(pixels[inside.top : inside.bottom, inside.left : inside.right]))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_NEAREST
    sized = cut if scale == 1.0 else cv2.resize(cut, size, interpolation=how)
    return as_rgb8(cast(Pixels, sized), full_scale=full_scale)


def _scaled_box(box: Roi, part: Roi, scale: float) -> Roi:
    top, left = int((max(box.top, part.top) - part.top) * scale), int((max(box.left, part.left) - part.left) * scale)
    bottom, right = round((box.bottom - part.top) * scale), round((box.right - part.left) * scale)
    return Roi(top=top, left=left, bottom=max(bottom, top + 1), right=max(right, left + 1))


def _encoded(pixels: NDArray[np.uint8], suffix: str, options: tuple[int, ...], *, ordered: bool = False) -> bytes:
    bgr = pixels if ordered else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, bgr, list(options))[1].tobytes()
