"""Label Studio's brush strokes: runs of bytes packed by bits, four channels a pixel of which the last is the mask.

The form is that of ``@thi.ng/rle-pack``: 32 bits of length, 5 of word size less one, four times 4 of run sizes less
one; then a bit for a run (1) or literals (0), two bits that choose the run size, the length less one, and the words.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.run_lengths import counts_of

_SIZES = (3, 4, 8, 16)
_WORD = 8
_CHANNELS = 4


class _Bits:
    """Reads bits from the front; beyond the end is damage."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data, self._at, self._where = data, 0, where

    def read(self, size: int) -> int:
        first, last = self._at // 8, (self._at + size + 7) // 8
        if last > len(self._data):
            raise BadDataError(f"{self._where}: the brush stroke is cut; export it again")
        window = int.from_bytes(self._data[first:last]) >> (last * 8 - self._at - size)
        self._at += size
        return window & ((1 << size) - 1)

    def words(self, count: int, size: int) -> list[int]:
        return [self.read(size) for _ in range(count)]


def unpacked(data: Sequence[int], *, height: int, width: int, where: str) -> NDArray[np.bool_]:
    """Return the mask (height, width) of a brush stroke. Raises BadDataError for damage or another size."""
    if not all(isinstance(one, int) and 0 <= one <= 255 for one in data):
        raise BadDataError(f"{where}: a brush stroke is a list of bytes, 0 to 255")
    bits = _Bits(bytes(data), where)
    length = bits.read(32)
    if length != height * width * _CHANNELS:
        raise BadDataError(f"{where}: a stroke of {length} values for an image of {width} x {height} px")
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    out = np.zeros(length, dtype=np.bool_)
    at = 0
    while at < length:
        is_run, until = bits.read(1), at + 1 + bits.read(sizes[bits.read(2)])
        if until > length:
            raise BadDataError(f"{where}: the brush stroke goes beyond its image; the file is damaged")
        if is_run:
            out[at:until] = bits.read(word) > 0
        else:
            out[at:until] = np.array(bits.words(until - at, word)) > 0
        at = until
    return out.reshape(height, width, _CHANNELS)[:, :, _CHANNELS - 1]


def packed(mask: NDArray[np.bool_]) -> list[int]:
    """Return a mask as a brush stroke, every channel of a marked pixel 255."""
    parts = [f"{mask.size * _CHANNELS:032b}", f"{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for number, count in enumerate(counts_of(mask.ravel())):
        value = 255 if number % 2 else 0
        for length in _pieces(count * _CHANNELS):
            which = next(n for n, size in enumerate(_SIZES) if length <= 1 << size)
            parts += ["1", f"{which:02b}", f"{length - 1:0{_SIZES[which]}b}", f"{value:08b}"]
    text = "".join(parts)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8))


def _pieces(length: int) -> Iterator[int]:
    longest = 1 << _SIZES[-1]
    while length > longest:
        yield longest
        length -= longest
    if length:
        yield length
