"""Uncompressed TIFF (TIFF 6.0 baseline), written and read at the speed of a copy."""

import struct
from typing import cast

import numpy as np

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadImageError

_FORMS = {3: "H", 4: "I"}
_SHORT, _LONG = 3, 4
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_LINES, _LENGTHS, _PLANES, _SAMPLE_FORMAT = 273, 274, 277, 278, 279, 284, 339
# What any plain file may hold beside them: kind of page, texts, resolution and its unit.
_WITHOUT_EFFECT = frozenset({254, 269, 270, 271, 272, 282, 283, 296, 305, 306, 315})
_READ = frozenset(
    {
        *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _ORIENTATION),
        *(_SAMPLES, _STRIP_LINES, _LENGTHS, _PLANES, _SAMPLE_FORMAT),
    }
)
_PLAIN = {_COMPRESSION: 1, _FILL_ORDER: 1, _ORIENTATION: 1, _PLANES: 1, _SAMPLE_FORMAT: 1}
_PHOTOMETRIC_OF = {1: 1, 3: 2}  # by samples a pixel: black is zero, RGB
_STRIP_BYTES = 8 << 20  # what other readers buffer at once
_LARGEST_FILE = 1 << 32
_MOST_STRIPS = 1 << 20
_DATA_ALIGNED_TO = 64

Tags = dict[int, tuple[int, ...]]


def encode_tiff(pixels: Pixels) -> bytes:
    """Return the pixels, u8 or u16 of shape (h, w) or (h, w, 3) RGB, as an uncompressed TIFF of one page.

    Raises BadImageError when the file would not stay below 4 GB, or the pixels are of another kind.
    """
    grey_or_rgb = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype not in (np.uint8, np.uint16) or not grey_or_rgb or pixels.size == 0:
        raise BadImageError(f"pixels {pixels.dtype} of shape {pixels.shape} cannot be written as TIFF")
    header = _header(pixels.shape, pixels.itemsize)
    if len(header) + pixels.nbytes >= _LARGEST_FILE:
        raise BadImageError(f"pixels of {pixels.nbytes} bytes do not fit a TIFF of 4 GB; take fewer lines a frame")
    ordered = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    return b"".join((header, ordered.reshape(-1).view(np.uint8).data))


def plain_pixels(content: bytes) -> Pixels | None:
    """Return a copy of the pixels of an uncompressed TIFF, u8 or u16, grey (h, w) or RGB (h, w, 3).

    None for a file that is no TIFF, is stored in any other way (compressed, in tiles or planes, turned, with a palette
    or alpha, with gaps between its strips) or is damaged: a full decoder then has to read it or to refuse it.
    """
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order = "<" if content[:2] == b"II" else ">"
    try:
        tags = _tags(content, order)
    except struct.error:
        return None
    shape = None if tags is None else _plain_shape(tags)
    if tags is None or shape is None:
        return None
    itemsize = tags[_BITS][0] // 8
    start = _only_run(tags, int(np.prod(shape)) * itemsize)
    if start is None or start + int(np.prod(shape)) * itemsize > len(content):
        return None
    samples = np.frombuffer(content, f"{order}u{itemsize}", count=int(np.prod(shape)), offset=start)
    return cast(Pixels, samples.reshape(shape).astype(samples.dtype.newbyteorder("=")))


def _tags(content: bytes, order: str) -> Tags | None:
    """Return the tags of the first page, None where there is one that is not known here, or a second page."""
    (at,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, at)
    tags: Tags = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", content, entry)
        if tag in _WITHOUT_EFFECT:
            continue
        if tag not in _READ or tag in tags or kind not in _FORMS or not 0 < values <= _MOST_STRIPS:
            return None
        form = f"{order}{values}{_FORMS[kind]}"
        small = struct.calcsize(form) <= 4
        where = entry + 8 if small else struct.unpack_from(order + "I", content, entry + 8)[0]
        tags[tag] = struct.unpack_from(form, content, where)
    following = struct.unpack_from(order + "I", content, at + 2 + 12 * count)[0]
    return None if following else tags


def _plain_shape(tags: Tags) -> tuple[int, ...] | None:
    """Return the shape of the pixels where nothing but their order and size is to be known, else None."""
    if not {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _OFFSETS, _LENGTHS} <= tags.keys():
        return None
    if any(set(tags.get(tag, (value,))) != {value} for tag, value in _PLAIN.items()):
        return None
    samples, bits = tags.get(_SAMPLES, (1,))[0], tags[_BITS]
    if tags[_PHOTOMETRIC] != (_PHOTOMETRIC_OF.get(samples),) or len(bits) != samples or set(bits) not in ({8}, {16}):
        return None
    size = (tags[_HEIGHT][0], tags[_WIDTH][0])
    return size if samples == 1 else (*size, samples)


def _only_run(tags: Tags, needed: int) -> int | None:
    """Return where the pixels begin when the strips follow each other and hold exactly them, else None."""
    offsets, lengths = np.array(tags[_OFFSETS], np.int64), np.array(tags[_LENGTHS], np.int64)
    if offsets.size != lengths.size or not needed or int(lengths.sum()) != needed:
        return None
    follow = bool(np.array_equal(offsets[1:], offsets[:-1] + lengths[:-1]))
    return int(offsets[0]) if follow else None


def _header(shape: tuple[int, ...], itemsize: int) -> bytes:
    """Return all that stands before the pixels."""
    height, width, samples = shape[0], shape[1], (1 if len(shape) == 2 else 3)
    line_bytes = width * samples * itemsize
    strip_lines = min(max(_STRIP_BYTES // line_bytes, 1), height)
    starts = range(0, height, strip_lines)
    lengths = [min(strip_lines, height - start) * line_bytes for start in starts]
    entries: list[tuple[int, int, list[int]]] = [
        (_WIDTH, _LONG, [width]),
        (_HEIGHT, _LONG, [height]),
        (_BITS, _SHORT, [8 * itemsize] * samples),
        (_COMPRESSION, _SHORT, [1]),
        (_PHOTOMETRIC, _SHORT, [_PHOTOMETRIC_OF[samples]]),
        (_OFFSETS, _LONG, [start * line_bytes for start in starts]),
        (_SAMPLES, _SHORT, [samples]),
        (_STRIP_LINES, _LONG, [strip_lines]),
        (_LENGTHS, _LONG, lengths),
        (_PLANES, _SHORT, [1]),
        (_SAMPLE_FORMAT, _SHORT, [1] * samples),
    ]
    data_at = 8 + 2 + 12 * len(entries) + 4 + sum(_bytes_beside(kind, values) for _, kind, values in entries)
    data_at = -(-data_at // _DATA_ALIGNED_TO) * _DATA_ALIGNED_TO
    entries[5] = (_OFFSETS, _LONG, [data_at + offset for offset in entries[5][2]])
    return _directory(entries).ljust(data_at, b"\0")


def _directory(entries: list[tuple[int, int, list[int]]]) -> bytes:
    """Return file header, directory and, after it, the values that take more than the four bytes of an entry."""
    beside_at = 8 + 2 + 12 * len(entries) + 4
    head, beside = struct.pack("<2sHIH", b"II", 42, 8, len(entries)), b""
    for tag, kind, values in entries:
        packed = struct.pack(f"<{len(values)}{_FORMS[kind]}", *values)
        inside = packed.ljust(4, b"\0")
        if len(packed) > 4:
            inside, beside = struct.pack("<I", beside_at + len(beside)), beside + packed + b"\0" * (len(packed) % 4)
        head += struct.pack("<HHI", tag, kind, len(values)) + inside
    return head + struct.pack("<I", 0) + beside


def _bytes_beside(kind: int, values: list[int]) -> int:
    size = len(values) * struct.calcsize(f"<{_FORMS[kind]}")
    return 0 if size <= 4 else size + size % 4
