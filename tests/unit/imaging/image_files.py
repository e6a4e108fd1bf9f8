"""Image files as bytes, whole and broken, for the tests of whatever reads them."""

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def textured(height: int = 40, width: int = 60, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return grey noise, u8, that no codec can make small."""
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


def encoded(pixels: NDArray[np.generic], suffix: str = ".png") -> bytes:
    """Return the pixels (RGB order) as a file of that suffix."""
    ordered = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.ndim == 3 else pixels
    return cv2.imencode(suffix, np.ascontiguousarray(ordered))[1].tobytes()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with its right checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_declaring(width: int, height: int, *, bits: int = 8, rows: bytes = b"") -> bytes:
    """Return a PNG whose header declares a size, with whatever rows are given."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return PNG_MAGIC + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def palette_png(indices: NDArray[np.uint8], colours: bytes) -> bytes:
    """Return a PNG of palette indices (h, w) and RGB triples."""
    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    return (
        PNG_MAGIC
        + png_chunk(b"IHDR", header)
        + png_chunk(b"PLTE", colours)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def tiff(
    pixels: NDArray[np.generic],
    *,
    sample_format: int = 1,
    photometric: int = 1,
    following: int = 0,
    compression: int = 1,
    strips: Sequence[tuple[int, int]] = (),
    extra: Sequence[tuple[int, int, int, int]] = (),
) -> bytes:
    """Return an uncompressed little-endian TIFF of one sample a pixel, in one strip where no ``strips`` are given.

    ``strips`` are offsets and lengths to declare instead (the pixels begin at byte 8); ``extra`` are entries of the
    directory (tag, type, count, value) that go after its own.
    """
    content = pixels.tobytes()
    declared = list(strips) or [(8, len(content))]
    lists = b"".join(np.array(values, "<u4").tobytes() for values in zip(*declared, strict=True))
    first = 8 + len(content)
    places = declared[0] if len(declared) == 1 else (first, first + len(lists) // 2)
    tags = [
        (256, 4, 1, pixels.shape[1]),
        (257, 4, 1, pixels.shape[0]),
        (258, 3, 1, pixels.dtype.itemsize * 8),
        (259, 3, 1, compression),
        (262, 3, 1, photometric),
        (273, 4, len(declared), places[0]),
        (277, 3, 1, 1),
        (278, 4, 1, -(-pixels.shape[0] // len(declared))),
        (279, 4, len(declared), places[1]),
        (339, 3, 1, sample_format),
        *extra,
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<2sHI", b"II", 42, first + len(lists))
    return header + content + lists + directory + struct.pack("<I", following)
