"""The first page of a TIFF file as its tags declare it (TIFF 6.0), read without decoding a pixel."""

import struct
from dataclasses import dataclass
from itertools import pairwise

from inspect_pipeline.errors import BadImageError

WIDTH, HEIGHT, BITS, PHOTOMETRIC = 256, 257, 258, 262
COMPRESSION, SAMPLES, ROWS_A_STRIP, PLANAR, TILE_WIDTH, TILE_LENGTH = 259, 277, 278, 284, 322, 323
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
SAMPLE_FORMAT = 339
_WANTED = frozenset(
    {
        *(WIDTH, HEIGHT, BITS, PHOTOMETRIC, COMPRESSION, SAMPLES, ROWS_A_STRIP, PLANAR, TILE_WIDTH, TILE_LENGTH),
        *(STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT),
    }
)
_BYTES_OF_TYPE = {1: "B", 3: "H", 4: "I"}
_READABLE_PHOTOMETRICS = frozenset({0, 1, 2, 3, 6})
_UNSIGNED, _SUBSAMPLED, _SEPARATE_PLANES = 1, 6, 2
_MOST_TAGS, _MOST_VALUES = 1024, 1 << 20
# By how much a stream can grow at most: none, LZW (codes of 12 bits for 4096 bytes), deflate (two numbers), PackBits.
_RATIOS = {1: 1, 5: 2731, 8: 1032, 32946: 1032, 32773: 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPage:
    """Size, bits a sample, and why the file lacks bytes that its strips or tiles need (None: it has them).

    ``strips`` are offset, length and the bytes that the strip or tile has to unpack to (0: not known here).
    """

    width_px: int
    height_px: int
    bits: int
    truncated: str | None
    compression: int
    strips: tuple[tuple[int, int, int], ...]


def is_tiff(content: bytes) -> bool:
    """Whether the magic bytes are those of a TIFF, classic or BigTIFF."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def first_page(content: bytes) -> TiffPage:
    """Return the first page. Raises BadImageError for what is not read here, struct.error where the tags end early."""
    order = "<" if content[:2] == b"II" else ">"
    magic, offset = struct.unpack(order + "HI", content[2:8])
    if magic != 42:
        raise BadImageError("BigTIFF is not read; save it as a plain TIFF below 4 GB")
    tags, following = _tags(content, offset, order)
    _refuse_other_kinds(tags, following)
    return TiffPage(
        width_px=_one(tags, WIDTH),
        height_px=_one(tags, HEIGHT),
        bits=max(tags.get(BITS) or (1,)),
        truncated=_missing_data(tags, len(content)) or _too_little_data(tags),
        compression=_first(tags, COMPRESSION),
        strips=_strips(tags),
    )


def _tags(content: bytes, offset: int, order: str) -> tuple[dict[int, tuple[int, ...]], int]:
    (count,) = struct.unpack_from(order + "H", content, offset)
    if count > _MOST_TAGS:
        raise BadImageError(f"damaged TIFF: {count} tags; a capture has a few dozen")
    tags: dict[int, tuple[int, ...]] = {}
    for index in range(count):
        entry = offset + 2 + 12 * index
        tag, kind, values = struct.unpack_from(order + "HHI", content, entry)
        code = _BYTES_OF_TYPE.get(kind)
        if tag not in _WANTED or code is None:
            continue
        if tag in tags or values > _MOST_VALUES:
            raise BadImageError(f"damaged TIFF: tag {tag} stands there twice or holds {values} values")
        form = f"{order}{values}{code}"
        size = struct.calcsize(form)
        if size > len(content):
            raise struct.error("tag larger than the file")
        where = entry + 8 if size <= 4 else struct.unpack_from(order + "I", content, entry + 8)[0]
        tags[tag] = struct.unpack_from(form, content, where)
    (following,) = struct.unpack_from(order + "I", content, offset + 2 + 12 * count)
    return tags, following


def _refuse_other_kinds(tags: dict[int, tuple[int, ...]], following: int) -> None:
    if any(kind != _UNSIGNED for kind in tags.get(SAMPLE_FORMAT, ())):
        raise BadImageError("signed or floating-point pixels; save as 8 or 16 bit unsigned")
    if tags.get(PHOTOMETRIC, (1,))[0] not in _READABLE_PHOTOMETRICS:
        raise BadImageError("neither grey nor RGB (CMYK, Lab or a mask); save as grey or RGB")
    if following:
        raise BadImageError("several pages in one TIFF; a capture is one page: save one file a page")


def _one(tags: dict[int, tuple[int, ...]], tag: int) -> int:
    try:
        return tags[tag][0]
    except KeyError as error:
        raise BadImageError(f"damaged TIFF: tag {tag} is not there") from error


def _missing_data(tags: dict[int, tuple[int, ...]], size: int) -> str | None:
    for offsets, lengths in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES)):
        if offsets in tags:
            spans = sorted(zip(tags[offsets], tags.get(lengths, ()), strict=False))
            end = max((start + count for start, count in spans), default=0)
            if any(after[0] < before[0] + before[1] for before, after in pairwise(spans)):
                return "its strips or tiles lie over each other"
            return f"its pixels need {end} bytes, the file has {size}" if end > size else None
    return "no strip or tile of pixels is listed"


def _too_little_data(tags: dict[int, tuple[int, ...]]) -> str | None:
    """Return why the bytes that are listed cannot hold the pixels, None where they can or nobody knows."""
    ratio = _RATIOS.get(_first(tags, COMPRESSION))
    listed = sum(tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ())
    bits = _one(tags, WIDTH) * max(tags.get(BITS) or (1,)) * _first(tags, SAMPLES)
    needed = _one(tags, HEIGHT) * bits // 8
    if ratio is None or tags.get(PHOTOMETRIC) == (_SUBSAMPLED,) or listed * ratio >= needed:
        return None
    return f"its pixels need {needed} bytes, {listed} are listed, too few for compression {_first(tags, COMPRESSION)}"


def _strips(tags: dict[int, tuple[int, ...]]) -> tuple[tuple[int, int, int], ...]:
    width, height = _one(tags, WIDTH), _one(tags, HEIGHT)
    tiled = STRIP_OFFSETS not in tags
    offsets, lengths = (TILE_OFFSETS, TILE_BYTES) if tiled else (STRIP_OFFSETS, STRIP_BYTES)
    listed = list(zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False))
    if tags.get(PHOTOMETRIC) == (_SUBSAMPLED,):
        return tuple((offset, length, 0) for offset, length in listed)
    samples = 1 if _first(tags, PLANAR) == _SEPARATE_PLANES else _first(tags, SAMPLES)
    columns = _first(tags, TILE_WIDTH) if tiled else width
    bytes_a_row = -(-columns * max(tags.get(BITS) or (1,)) * samples // 8)
    rows = _first(tags, TILE_LENGTH) if tiled else min((tags.get(ROWS_A_STRIP) or (height,))[0] or height, height)
    strips_a_plane = max(-(-height // max(rows, 1)), 1)
    starts = [0 if tiled else number % strips_a_plane * rows for number in range(len(listed))]
    return tuple(
        (offset, length, (rows if tiled else min(rows, height - start)) * bytes_a_row)
        for (offset, length), start in zip(listed, starts, strict=True)
    )


def _first(tags: dict[int, tuple[int, ...]], tag: int) -> int:
    return (tags.get(tag) or (1,))[0]
