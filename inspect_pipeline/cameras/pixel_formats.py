"""The pixel formats of line cameras by their PFNC names, and how their bytes become pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import ConfigError

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """One format: ``bits`` are the significant ones of a sample, ``stored_bits`` those that a pixel takes in a line."""

    name: str
    bits: int
    stored_bits: int
    unpack: Callable[[Bytes], Pixels]

    def line_bytes(self, width_px: int) -> int:
        """Return the bytes of a line. Raises ConfigError where a line would end inside a byte."""
        bits = width_px * self.stored_bits
        if width_px < 1 or bits % 8 or width_px % _GROUPS.get(self.name, 1):
            raise ConfigError(
                f"{width_px} px of {self.name} do not fill whole bytes, so lines cannot be told apart; "
                "choose another width or an unpacked pixel format"
            )
        return bits // 8

    def pixels(self, lines: Bytes, *, width_px: int) -> Pixels:
        """Return lines u8 (h, at least ``line_bytes``) as pixels u8 or u16 of shape (h, w) or (h, w, 3) RGB.

        Padding after a line and the alpha channel are dropped. Formats of 8 bits give a view of ``lines``.
        """
        return self.unpack(lines[:, : self.line_bytes(width_px)])


def pixel_format(name: str) -> PixelFormat:
    """Return the format of that PFNC name. Raises ConfigError, naming those that there are."""
    try:
        return PIXEL_FORMATS[name]
    except KeyError:
        known = ", ".join(sorted(PIXEL_FORMATS))
        raise ConfigError(f"pixel format {name} cannot be read; set the camera to one of {known}") from None


def _mono8(lines: Bytes) -> Pixels:
    return lines


def _mono16(lines: Bytes) -> Pixels:
    return np.ascontiguousarray(lines).view("<u2").astype(np.uint16, copy=False)


def _mono10p(lines: Bytes) -> Pixels:
    """PFNC: 4 pixels in 5 bytes, the lowest bit first."""
    a, b, c, d, e = _split(lines, 5)
    return _woven(a | (b & 0x03) << 8, b >> 2 | (c & 0x0F) << 6, c >> 4 | (d & 0x3F) << 4, d >> 6 | e << 2)


def _mono12p(lines: Bytes) -> Pixels:
    """PFNC: 2 pixels in 3 bytes, the lowest bit first."""
    a, b, c = _split(lines, 3)
    return _woven(a | (b & 0x0F) << 8, b >> 4 | c << 4)


def _mono10_packed(lines: Bytes) -> Pixels:
    """GigE Vision 1: the high 8 bits of 2 pixels around a byte with their low 2 bits."""
    a, b, c = _split(lines, 3)
    return _woven(a << 2 | b & 0x03, c << 2 | (b >> 4) & 0x03)


def _mono12_packed(lines: Bytes) -> Pixels:
    """GigE Vision 1: the high 8 bits of 2 pixels around a byte with their low 4 bits."""
    a, b, c = _split(lines, 3)
    return _woven(a << 4 | b & 0x0F, c << 4 | b >> 4)


def _colour(*channels: int, stored: int) -> Callable[[Bytes], Pixels]:
    def unpack(lines: Bytes) -> Pixels:
        return np.ascontiguousarray(lines.reshape(lines.shape[0], -1, stored)[:, :, channels])

    return unpack


def _split(lines: Bytes, group: int) -> list[NDArray[np.uint16]]:
    wide = lines.astype(np.uint16).reshape(lines.shape[0], -1, group)
    return [wide[:, :, at] for at in range(group)]


def _woven(*pixels: NDArray[Any]) -> Pixels:
    return np.stack(pixels, axis=2).reshape(pixels[0].shape[0], -1).astype(np.uint16, copy=False)


_GROUPS = {"Mono10p": 4, "Mono12p": 2, "Mono10Packed": 2, "Mono12Packed": 2}
PIXEL_FORMATS = {
    one.name: one
    for one in (
        PixelFormat(name="Mono8", bits=8, stored_bits=8, unpack=_mono8),
        PixelFormat(name="Mono10", bits=10, stored_bits=16, unpack=_mono16),
        PixelFormat(name="Mono12", bits=12, stored_bits=16, unpack=_mono16),
        PixelFormat(name="Mono14", bits=14, stored_bits=16, unpack=_mono16),
        PixelFormat(name="Mono16", bits=16, stored_bits=16, unpack=_mono16),
        PixelFormat(name="Mono10p", bits=10, stored_bits=10, unpack=_mono10p),
        PixelFormat(name="Mono12p", bits=12, stored_bits=12, unpack=_mono12p),
        PixelFormat(name="Mono10Packed", bits=10, stored_bits=12, unpack=_mono10_packed),
        PixelFormat(name="Mono12Packed", bits=12, stored_bits=12, unpack=_mono12_packed),
        PixelFormat(name="RGB8", bits=8, stored_bits=24, unpack=_colour(0, 1, 2, stored=3)),
        PixelFormat(name="BGR8", bits=8, stored_bits=24, unpack=_colour(2, 1, 0, stored=3)),
        PixelFormat(name="RGBa8", bits=8, stored_bits=32, unpack=_colour(0, 1, 2, stored=4)),
        PixelFormat(name="BGRa8", bits=8, stored_bits=32, unpack=_colour(2, 1, 0, stored=4)),
    )
}
