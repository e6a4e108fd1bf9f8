"""Bytes to pixels and back; every refusal is one line that can stand in the ledger as the reason."""

from typing import cast

import cv2
import numpy as np

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.image_header import ImageHeader, read_header
from inspect_pipeline.imaging.plain_tiff import encode_tiff, plain_pixels
from inspect_pipeline.imaging.tiff_strips import refuse_damaged_strips

LARGEST_PX = 1 << 27  # 134 million: 16k columns by 8k lines
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
_READABLE_BITS = frozenset({1, 2, 4, 8, 10, 12, 14, 16})


def decode(content: bytes, *, name: str, max_px: int = LARGEST_PX) -> Pixels:
    """Return the pixels of a PNG, JPEG, BMP or TIFF file: u8 or u16, grey (h, w) or RGB (h, w, 3).

    Three equal channels collapse to grey: tools often store grey that way, and a line must not change its shape with
    the writer. Palettes are looked up; an opaque alpha channel is dropped; 16-bit values are kept as they are.

    Raises BadImageError: empty, no image, truncated or altered, more than ``max_px`` pixels declared (checked before
    any memory is taken), float or signed pixels, transparent pixels. The message starts with ``name``.
    """
    try:
        header = read_header(content)
        _refuse_unreadable(header, max_px)
        plain = plain_pixels(content)
        if plain is None:
            return _checked_pixels(content, header)
        # Grey needs no more; a view in the order of the decoder takes colour the same way from here.
        return plain if plain.ndim == 2 else _grey_or_rgb(plain[..., ::-1])
    except BadImageError as error:
        raise BadImageError(f"{name}: {error}") from error


def encode(pixels: Pixels, form: str) -> tuple[bytes, str]:
    """Return a lossless file of the pixels, u8 or u16 of shape (h, w) or (h, w, 3) RGB, and its suffix.

    ``form`` is "tiff" (uncompressed, at the speed of a copy) or "png" (smaller, several hundred times as slow).

    Raises BadDataError for another form, BadImageError for other pixels.
    """
    if form == "tiff":
        return encode_tiff(pixels), "tif"
    if form == "png":
        return encode_png(pixels), "png"
    raise BadDataError(f"image form {form!r} is not written here; give tiff or png")


def encode_png(pixels: Pixels) -> bytes:
    """Return the pixels, u8 or u16 of shape (h, w) or (h, w, 3) RGB, as a lossless PNG written for speed."""
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    written, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered), options)
    if not written:
        raise BadImageError(f"pixels {pixels.dtype} of shape {pixels.shape} cannot be written as PNG")
    return encoded.tobytes()


def _refuse_unreadable(header: ImageHeader, max_px: int) -> None:
    size = f"{header.width_px} x {header.height_px} px"
    if header.width_px <= 0 or header.height_px <= 0:
        raise BadImageError(f"the {header.image_format} header declares no pixels ({size})")
    if header.width_px * header.height_px > max_px:
        raise BadImageError(f"the {header.image_format} header declares {size}, more than the {max_px} px allowed")
    if header.truncated is not None:
        raise BadImageError(f"truncated or altered {header.image_format}: {header.truncated}")
    if header.bits not in _READABLE_BITS:
        raise BadImageError(f"{header.bits} bit a sample; save as 8 or 16 bit unsigned")


def _checked_pixels(content: bytes, header: ImageHeader) -> Pixels:
    if header.image_format == "TIFF":
        refuse_damaged_strips(content)
    try:
        raw = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadImageError(f"damaged {header.image_format}: the decoder refused it ({error.err})") from error
    if raw is None:
        raise BadImageError(f"damaged {header.image_format}: its pixel data cannot be decoded")
    if raw.dtype not in (np.uint8, np.uint16):
        raise BadImageError(f"pixels are {raw.dtype}; save as 8 or 16 bit unsigned")
    if raw.shape[:2] != (header.height_px, header.width_px):
        raise BadImageError(f"decoded to {raw.shape[:2]} rows and columns, its header says otherwise; damaged")
    return _grey_or_rgb(cast(Pixels, raw))


def _grey_or_rgb(raw: Pixels) -> Pixels:
    if raw.ndim == 2 or raw.shape[2] == 1:
        return raw.reshape(raw.shape[:2])
    if raw.shape[2] == 4:
        seen = float(np.mean(raw[..., 3] == np.iinfo(raw.dtype).max))
        if seen < 1.0:
            raise BadImageError(f"{1 - seen:.1%} of its pixels are transparent, so not measured; save without alpha")
    blue, green, red = (raw[..., channel] for channel in range(3))
    if np.array_equal(blue[0], green[0]) and np.array_equal(blue, green) and np.array_equal(green, red):
        return cast(Pixels, np.ascontiguousarray(green))
    return cast(Pixels, np.stack([red, green, blue], axis=-1))
