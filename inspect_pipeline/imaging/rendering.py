"""Pictures for people: heatmap and boxes over a frame, thumbnails; arrays in, PNG bytes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError

RGB = tuple[int, int, int]
_HALO: RGB = (16, 16, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A box to draw, in pixels of the frame, and its colour."""

    roi: Roi
    colour: RGB = (255, 255, 255)


def overlay(
    pixels: Pixels,
    crop: Roi,
    *,
    heatmap: NDArray[np.float32] | None = None,
    outlines: Sequence[Outline] = (),
    full_score: float = 2.0,
    opacity: float = 0.65,
    full_scale: int | None = None,
) -> bytes:
    """Return a PNG (u8 RGB, size of the crop) of a frame with heatmap and outlines.

    ``heatmap`` holds scores >= 0 for the crop, of any size (it is resized); score 0 is clear, ``full_score`` and above
    have the full colour at ``opacity``. The colours (inferno) rise in lightness, so order is kept in print and for
    colour-blind readers. ``outlines`` are in frame coordinates. ``full_scale`` is the white of u16 pixels where it is
    not 65535.

    Raises BadDataError when the crop lies outside the frame.
    """
    inside = crop.clipped(height=pixels.shape[0], width=pixels.shape[1])
    if inside is None:
        raise BadDataError(f"crop {crop} lies outside a frame of {pixels.shape[0]} x {pixels.shape[1]} px")
    canvas = as_rgb8(pixels[inside.top : inside.bottom, inside.left : inside.right], full_scale=full_scale)
    if heatmap is not None:
        canvas = _blend(canvas, heatmap, full_score, opacity)
    for outline in outlines:
        _draw(canvas, outline, inside)
    return _png(canvas)


def thumbnail(pixels: Pixels, *, longest_px: int = 256, full_scale: int | None = None) -> bytes:
    """Return a PNG of the frame, area-averaged so that its longer side has at most ``longest_px``."""
    height, width = pixels.shape[:2]
    scale = min(longest_px / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    source = cast(Pixels, np.ascontiguousarray(pixels))
    if scale <= 0.25 and height % 2 == 0 and width % 2 == 0:
        # Halving has a path of its own in OpenCV: in two steps the same average takes a third of the time.
        source = cast(Pixels, cv2.resize(source, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    small = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
    return _png(_as_8_bit(cast(Pixels, small), full_scale), effort=1)  # one a frame: time counts, not its size


def as_rgb8(pixels: Pixels, *, full_scale: int | None = None) -> NDArray[np.uint8]:
    """Return u8 RGB (h, w, 3) of grey or RGB pixels, u16 scaled linearly by ``full_scale``; always a copy."""
    small = _as_8_bit(pixels, full_scale)
    if small.ndim == 2:
        return cast("NDArray[np.uint8]", cv2.cvtColor(small, cv2.COLOR_GRAY2RGB))
    return small.copy()


def _as_8_bit(pixels: Pixels, full_scale: int | None) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return cast("NDArray[np.uint8]", np.ascontiguousarray(pixels))
    scaled = pixels.astype(np.float32) * np.float32(255.0 / (full_scale or 65535))
    return cast("NDArray[np.uint8]", np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _blend(
    canvas: NDArray[np.uint8], heatmap: NDArray[np.float32], full_score: float, opacity: float
) -> NDArray[np.uint8]:
    height, width = canvas.shape[:2]
    known = np.nan_to_num(heatmap.astype(np.float32), nan=0.0, posinf=full_score, neginf=0.0)
    scores = cv2.resize(known, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.clip(scores / np.float32(full_score), 0.0, 1.0)
    levels = np.rint(share * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    alpha = (share * np.float32(opacity))[..., None]
    return cast("NDArray[np.uint8]", np.rint(canvas * (1 - alpha) + colours * alpha).astype(np.uint8))


def _draw(canvas: NDArray[np.uint8], outline: Outline, crop: Roi) -> None:
    """Draw a line of the colour between two dark ones: it stays visible on black, on white and on the heatmap."""
    roi = outline.roi
    for inset, colour in ((0, _HALO), (2, _HALO), (1, outline.colour)):
        top_left = (roi.left - crop.left + inset, roi.top - crop.top + inset)
        bottom_right = (roi.right - crop.left - 1 - inset, roi.bottom - crop.top - 1 - inset)
        if top_left[0] <= bottom_right[0] and top_left[1] <= bottom_right[1]:
            cv2.rectangle(canvas, top_left, bottom_right, colour, thickness=1, lineType=cv2.LINE_8)


def _png(pixels: NDArray[np.uint8], *, effort: int = 6) -> bytes:
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, effort])[1].tobytes()
