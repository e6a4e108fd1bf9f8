import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.tiff_header import first_page
from inspect_pipeline.imaging.tiff_strips import refuse_damaged_strips
from tests.unit.imaging.image_files import textured, tiff

LZW, DEFLATE, PACK_BITS = 5, 8, 32773


def packed(pixels: np.ndarray, compression: int, *, rows_a_strip: int = 1 << 20) -> bytes:
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows_a_strip]
    return cv2.imencode(".tif", pixels, options)[1].tobytes()


@pytest.mark.parametrize("compression", [1, LZW, DEFLATE, 32946, PACK_BITS])
@pytest.mark.parametrize("rows_a_strip", [7, 1000])
@pytest.mark.parametrize(
    "pixels",
    [
        textured(150, 130),
        np.zeros((150, 1300), np.uint8),  # the longest runs there are
        np.arange(40_000, dtype=np.uint16).reshape(100, 400),
        np.stack([textured(60, 50, seed=seed) for seed in range(3)], axis=-1),
    ],
    ids=["noise", "black", "16 bit", "colour"],
)
def test_whole_strips_unpack_to_their_pixels(pixels: np.ndarray, compression: int, rows_a_strip: int) -> None:
    content = packed(pixels, compression, rows_a_strip=rows_a_strip)
    refuse_damaged_strips(content)
    assert sum(needed for _, _, needed in first_page(content).strips) == pixels.nbytes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([LZW, DEFLATE, PACK_BITS]), st.integers(1, 255))
def test_the_check_agrees_with_the_decoder_on_any_texture(seed: int, compression: int, levels: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (60, 70)).astype(np.uint8)
    assert np.array_equal(decode(packed(pixels, compression), name="frame"), pixels)


@pytest.mark.parametrize("compression", [LZW, DEFLATE, PACK_BITS])
def test_a_strip_cut_short_is_refused_and_not_filled_with_black(compression: int) -> None:
    content = packed(textured(60, 80), compression)
    offset, length, needed = first_page(content).strips[0]
    half = offset + length // 2
    blank = bytes([128]) if compression == PACK_BITS else b"\0"  # 128 is PackBits for nothing
    with pytest.raises(BadImageError, match=rf"frame: damaged TIFF: strip 0 unpacks to \d+ of {needed} bytes"):
        decode(content[:half] + blank * (offset + length - half) + content[offset + length :], name="frame")


def test_a_changed_bit_in_lzw_never_leaves_a_frame_that_ends_in_black() -> None:
    content, draw = packed(textured(60, 80), LZW), np.random.default_rng(0)
    offset, length, _ = first_page(content).strips[0]
    refused = 0
    for _ in range(300):
        changed = bytearray(content)
        changed[offset + int(draw.integers(length))] ^= 1 << int(draw.integers(8))
        try:
            assert decode(bytes(changed), name="frame")[-1].any()
        except BadImageError:
            refused += 1
    assert refused > 0


def test_a_compression_that_cannot_be_checked_is_refused() -> None:
    with pytest.raises(BadImageError, match="TIFF compression 7 is not read"):
        refuse_damaged_strips(tiff(textured(), compression=7))
