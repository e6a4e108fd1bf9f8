"""What an image file says of itself, read from its first bytes before anything is decoded.

Only the four formats that cameras and labelling tools write: PNG, JPEG, BMP and TIFF. Each reader also proves that the
file holds as many bytes as its header promises, because decoders like to fill the missing part with grey.
"""

import struct
import zlib
from dataclasses import dataclass

from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.tiff_header import first_page, is_tiff

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_PNG_CHUNKS = 1 << 20
_DEFLATE_RATIO = 1032  # no stream of zlib grows by more
_BMP_BARE, _BMP_MASKS = 0, 3
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What the header declares; ``truncated`` says which bytes are missing or damaged, None where none are."""

    image_format: str
    width_px: int
    height_px: int
    bits: int
    truncated: str | None = None


def read_header(content: bytes) -> ImageHeader:
    """Return what the file declares, without decoding; a truncated file whose header is whole still has one.

    Raises BadImageError for an empty file, for bytes that are none of the four formats, and for a damaged header.
    """
    if not content:
        raise BadImageError("the file is empty (0 bytes)")
    try:
        if content.startswith(_PNG_MAGIC):
            return _png(content)
        if content.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
        if content.startswith(b"BM"):
            return _bmp(content)
        if is_tiff(content):
            return _tiff(content)
    except (struct.error, IndexError) as error:
        raise BadImageError(f"truncated: the file ends inside its header ({len(content)} bytes)") from error
    raise BadImageError("no PNG, JPEG, BMP or TIFF (its first bytes are those of none)")


def _png(content: bytes) -> ImageHeader:
    length, kind, width, height, bits, colour = struct.unpack_from(">I4sIIBB", content, 8)
    if kind != b"IHDR" or length != 13:
        raise BadImageError("damaged PNG: the first chunk is no IHDR")
    needed = height * (1 + width * bits * _PNG_SAMPLES.get(colour, 1) // 8)
    return ImageHeader(
        image_format="PNG", width_px=width, height_px=height, bits=bits, truncated=_png_damage(content, needed)
    )


def _png_damage(content: bytes, needed: int) -> str | None:
    position, packed = len(_PNG_MAGIC), 0
    for _ in range(_MOST_PNG_CHUNKS):
        if position + 12 > len(content):
            break
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(memoryview(content)[position + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            return f"checksum of chunk {kind.decode('latin-1')!r} at byte {position} is wrong"
        if kind == b"IEND":
            short = packed * _DEFLATE_RATIO < needed
            return f"its pixels need {needed} bytes, {packed} packed ones cannot hold them" if short else None
        packed += length if kind == b"IDAT" else 0
        position = end + 4
    return f"the file ends after {len(content)} bytes, before its last chunk"


def _jpeg(content: bytes) -> ImageHeader:
    position, header = 2, None
    while True:
        if content[position] != 0xFF:
            raise BadImageError(f"damaged JPEG: no marker at byte {position}")
        marker = content[position + 1]
        if marker == 0xFF:  # fill bytes before a marker are allowed
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            header = struct.unpack_from(">BHH", content, position + 4)
        if marker == _JPEG_SCAN:
            break
        position += 2 + struct.unpack_from(">H", content, position + 2)[0]
    if header is None:
        raise BadImageError("damaged JPEG: no frame header before its first scan")
    bits, height, width = header
    # Inside a scan 0xFF is always stuffed, so the end marker can stand only at the true end.
    whole = content.find(_JPEG_END, position) >= 0
    truncated = None if whole else f"the file ends after {len(content)} bytes, before its end marker"
    return ImageHeader(image_format="JPEG", width_px=width, height_px=height, bits=bits, truncated=truncated)


def _bmp(content: bytes) -> ImageHeader:
    offset, header_bytes, width, height, _planes, bits, packing = struct.unpack_from("<I I i i H H I", content, 10)
    if header_bytes < 40 or width <= 0:
        raise BadImageError(f"BMP with a header of {header_bytes} bytes and width {width} is not read; save as PNG")
    if packing not in (_BMP_BARE, _BMP_MASKS):
        raise BadImageError("packed BMP (run lengths, JPEG or PNG inside) is not read; save as PNG")
    needed = offset + (width * bits + 31) // 32 * 4 * abs(height)
    missing = needed > len(content)
    truncated = f"its pixels need {needed} bytes, the file has {len(content)}" if missing else None
    depth = 8 if bits in (24, 32) else bits  # a negative height only says that rows run top down
    return ImageHeader(image_format="BMP", width_px=width, height_px=abs(height), bits=depth, truncated=truncated)


def _tiff(content: bytes) -> ImageHeader:
    page = first_page(content)
    return ImageHeader(
        image_format="TIFF",
        width_px=page.width_px,
        height_px=page.height_px,
        bits=page.bits,
        truncated=page.truncated,
    )
