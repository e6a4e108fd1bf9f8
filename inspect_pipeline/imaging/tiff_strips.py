"""Whether the strips of a TIFF unpack to their pixels: a decoder that fails in one fills the rest with black."""

import zlib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.tiff_header import first_page

_CLEAR, _END, _FIRST = 256, 257, 258
_MOST_CODES = 4096 - _FIRST + 1
_CHUNK_BYTES = 1 << 20


def refuse_damaged_strips(content: bytes) -> None:
    """Raise BadImageError for a TIFF of which a strip or tile does not unpack to all of its pixels.

    Compressions 1 (none), 5 (LZW), 8 and 32946 (deflate) and 32773 (PackBits) can be checked; others are refused.
    """
    page = first_page(content)
    unpacked = _UNPACKED.get(page.compression)
    if unpacked is None:
        raise BadImageError(f"TIFF compression {page.compression} is not read; save without, with LZW or deflate")
    for number, (offset, length, needed) in enumerate(page.strips):
        size = unpacked(memoryview(content)[offset : offset + length], needed)
        if size < needed:
            raise BadImageError(f"damaged TIFF: strip {number} unpacks to {size} of {needed} bytes")


def _plain(packed: memoryview, _needed: int) -> int:
    return len(packed)


def _deflated(packed: memoryview, needed: int) -> int:
    """Return how many bytes unpack before the first error, at most about ``needed``; none of them is kept."""
    unpacker, size, left = zlib.decompressobj(), 0, bytes(packed)
    while size < needed and not unpacker.eof:
        try:
            chunk = unpacker.decompress(left, _CHUNK_BYTES)
        except zlib.error:
            return min(size, needed - 1)
        if not chunk and not unpacker.unconsumed_tail:
            return size
        size, left = size + len(chunk), unpacker.unconsumed_tail
    return size


def _pack_bits(packed: memoryview, needed: int) -> int:
    size = position = 0
    while size < needed and position < len(packed):
        head = packed[position]
        run = head + 1 if head < 128 else 257 - head
        if head == 128:
            position += 1
            continue
        if position + (1 + run if head < 128 else 2) > len(packed):
            return size
        position += 1 + run if head < 128 else 2
        size += run
    return size


def _lzw(packed: memoryview, needed: int) -> int:
    """Return how many bytes unpack before the first code that is not in the table yet."""
    padded = np.zeros(len(packed) + 4, np.uint8)
    padded[: len(packed)] = np.frombuffer(packed, np.uint8)
    start = size = 0
    while size < needed and start + 9 <= 8 * len(packed):
        codes, starts = _codes(padded, start, 8 * len(packed))
        marks = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        stop = int(marks[0]) if marks.size else codes.size
        run = codes[:stop]
        wrong = np.flatnonzero(run > np.maximum(np.arange(stop) + _FIRST - 1, 0))
        wrong = wrong if stop == 0 or run[0] < _CLEAR else np.zeros(1, np.int64)
        size += _length(run[: int(wrong[0])] if wrong.size else run)
        if wrong.size or not marks.size or codes[stop] == _END:
            return size
        start = int(starts[stop + 1])
    return size


def _codes(padded: NDArray[np.uint8], start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the codes from a bit on as long as a table can grow, and where each, and the one after them, begins."""
    starts = start + _OFFSETS
    count = int(np.searchsorted(starts[1:], end, side="right"))
    at = starts[:count] >> 3
    window = np.zeros(count, np.int64)
    for byte in range(4):
        window = window << 8 | padded[at + byte]
    codes = window >> (32 - (starts[:count] & 7) - _WIDTHS[:count]) & ((1 << _WIDTHS[:count]) - 1)
    return codes, starts


def _length(codes: NDArray[np.int64]) -> int:
    """Return the bytes that valid codes stand for: a code of the table is the code it grew from and one byte more."""
    parents = codes - _FIRST
    depth = np.ones(codes.size, np.int64)
    alive = np.flatnonzero(parents >= 0)
    at = parents[alive]
    while alive.size:
        depth[alive] += 1
        at = parents[at]
        going = at >= 0
        alive, at = alive[going], at[going]
    return int(depth.sum())


def _widths() -> NDArray[np.int64]:
    """Return the bits of each code after a clear one: TIFF widens one code early."""
    free = np.arange(_MOST_CODES) + _FIRST - 1
    return 9 + (free > 510).astype(np.int64) + (free > 1022) + (free > 2046)


_WIDTHS = _widths()
_OFFSETS = np.concatenate([[0], np.cumsum(_WIDTHS)])
_UNPACKED: Mapping[int, Callable[[memoryview, int], int]] = {
    1: _plain,
    5: _lzw,
    8: _deflated,
    32946: _deflated,
    32773: _pack_bits,
}
