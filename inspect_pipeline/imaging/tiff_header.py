"""The first page of a TIFF file as its tags declare it (TIFF 6.0), read without decoding a pixel."""

import struct
from dataclasses import dataclass

from inspect_pipeline.errors import BadImageError

WIDTH, HEIGHT, BITS, PHOTOMETRIC = 256, 257, 258, 262
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
SAMPLE_FORMAT = 339
_WANTED = frozenset(
    {WIDTH, HEIGHT, BITS, PHOTOMETRIC, STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT}
)
_BYTES_OF_TYPE = {1: "B", 3: "H", 4: "I"}
_READABLE_PHOTOMETRICS = frozenset({0, 1, 2, 3, 6})
_UNSIGNED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPage:
    """Size, bits a sample, and why the file lacks bytes that its strips or tiles need (None: it has them)."""

    width_px: int
    height_px: int
    bits: int
    truncated: str | None


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
        truncated=_missing_data(tags, len(content)),
    )


def _tags(content: bytes, offset: int, order: str) -> tuple[dict[int, tuple[int, ...]], int]:
    (count,) = struct.unpack_from(order + "H", content, offset)
    tags: dict[int, tuple[int, ...]] = {}
    for index in range(count):
        entry = offset + 2 + 12 * index
        tag, kind, values = struct.unpack_from(order + "HHI", content, entry)
        code = _BYTES_OF_TYPE.get(kind)
        if tag not in _WANTED or code is None:
            continue
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
            ends = (start + count for start, count in zip(tags[offsets], tags.get(lengths, ()), strict=False))
            end = max(ends, default=0)
            return f"its pixels need {end} bytes, the file has {size}" if end > size else None
    return "no strip or tile of pixels is listed"
