import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.imaging.declared_size import DeclaredSize, declared_size
from tests.unit.imaging.image_files import encoded, png_declaring, textured, tiff


def size(content: bytes) -> DeclaredSize | None:
    return declared_size(lambda offset, count: content[offset : offset + count])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("shape", [(40, 61), (40, 61, 3)])
def test_the_size_is_told_and_the_file_is_no_larger_than_it_allows(suffix: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    content = encoded(pixels, suffix)
    declared = size(content)
    assert declared is not None
    assert (declared.width_px, declared.height_px) == (61, 40)
    assert len(content) <= declared.most_file_bytes
    assert declared.most_file_bytes - (1 << 20) >= 2 * pixels.nbytes


def test_a_tiff_whose_tags_stand_at_its_end_is_told_without_its_pixels() -> None:
    content = tiff(np.zeros((300, 200), np.uint16))
    read: list[int] = []

    def read_at(offset: int, count: int) -> bytes:
        part = content[offset : offset + count]
        read.append(len(part))
        return part

    declared = declared_size(read_at)
    assert declared is not None
    assert (declared.width_px, declared.height_px, declared.bytes_a_px) == (200, 300, 2)
    assert sum(read) < 200


def test_a_jpeg_with_long_segments_before_its_size_is_told() -> None:
    whole = encoded(textured(), ".jpg")
    segment = b"\xff\xe2" + (65000).to_bytes(2, "big") + bytes(64998)
    declared = size(whole[:2] + segment * 40 + whole[2:])
    assert declared is not None
    assert (declared.width_px, declared.height_px) == (60, 40)


def test_what_is_declared_is_told_however_large() -> None:
    declared = size(png_declaring(2_000_000_000, 1_000_000_000))
    assert declared == DeclaredSize(width_px=2_000_000_000, height_px=1_000_000_000, bytes_a_px=1)


@given(st.sampled_from([b"", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"text"]), st.binary(max_size=80))
def test_any_bytes_give_a_size_or_none(magic: bytes, rest: bytes) -> None:
    declared = size(magic + rest)
    assert declared is None or declared.most_file_bytes >= 1 << 20


def test_segments_without_end_come_to_an_end() -> None:
    assert declared_size(lambda _offset, count: (b"\xff\xd8\xff\xff" * 2)[:count] if count else b"") is None
