"""How large an image file says it is, from a few of its bytes: asked before the rest of the file is read at all."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]
"""Returns the bytes from an offset on, at most as many as asked for, fewer where the file ends."""

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_SEGMENTS = 4096  # a JPEG has a few dozen segments before its frame header
_MOST_TAGS = 1024
_SLACK_BYTES = 1 << 20  # text, colour profiles, thumbnails


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSize:
    """Columns, lines and bytes a pixel that the header declares; nothing about it is checked."""

    width_px: int
    height_px: int
    bytes_a_px: int

    @property
    def most_file_bytes(self) -> int:
        """The largest file that can be an image of this size: twice its pixels, for compression that failed."""
        return 2 * self.width_px * self.height_px * self.bytes_a_px + _SLACK_BYTES


def declared_size(read_at: ReadAt) -> DeclaredSize | None:
    """Return what the header of a PNG, JPEG, BMP or TIFF declares, None where no such header can be read."""
    magic = read_at(0, 4)
    try:
        if magic == b"\x89PNG":
            return _png(read_at)
        if magic[:3] == b"\xff\xd8\xff":
            return _jpeg(read_at)
        if magic[:2] == b"BM":
            return _bmp(read_at)
        if magic in (b"II*\0", b"MM\0*"):
            return _tiff(read_at, "<" if magic[:2] == b"II" else ">")
    except struct.error:
        return None
    return None


def _png(read_at: ReadAt) -> DeclaredSize:
    width, height, bits, colour = struct.unpack(">IIBB", read_at(16, 10))
    samples = _PNG_CHANNELS.get(colour, 4)
    return DeclaredSize(width_px=width, height_px=height, bytes_a_px=-(-bits * samples // 8))


def _bmp(read_at: ReadAt) -> DeclaredSize:
    width, height, _planes, bits = struct.unpack("<iiHH", read_at(18, 12))
    return DeclaredSize(width_px=abs(width), height_px=abs(height), bytes_a_px=-(-bits // 8))


def _jpeg(read_at: ReadAt) -> DeclaredSize | None:
    position = 2
    for _ in range(_MOST_SEGMENTS):
        lead, marker, length = struct.unpack(">BBH", read_at(position, 4))
        if lead != 0xFF:
            return None
        if marker == 0xFF:
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", read_at(position + 5, 4))
            return DeclaredSize(width_px=width, height_px=height, bytes_a_px=3)
        else:
            position += 2 + length
    return None


def _tiff(read_at: ReadAt, order: str) -> DeclaredSize | None:
    (offset,) = struct.unpack(order + "I", read_at(4, 4))
    (count,) = struct.unpack(order + "H", read_at(offset, 2))
    table = read_at(offset + 2, 12 * min(count, _MOST_TAGS))
    found = {}
    for entry in range(0, len(table) - 11, 12):
        tag, kind = struct.unpack_from(order + "HH", table, entry)
        if kind in (3, 4):
            found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), table, entry + 8)[0]
    if 256 not in found or 257 not in found:
        return None
    samples = min(found.get(277, 1), 8)
    return DeclaredSize(width_px=found[256], height_px=found[257], bytes_a_px=2 * max(samples, 1))
