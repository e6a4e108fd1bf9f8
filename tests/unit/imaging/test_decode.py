import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.decode import decode, encode, encode_png
from tests.unit.imaging.image_files import encoded, palette_png, png_declaring, textured, tiff


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_a_lossless_grey_file_comes_back_as_it_was(suffix: str) -> None:
    pixels = textured()
    decoded = decode(encoded(pixels, suffix), name="frame")
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, pixels)


def test_a_16_bit_tiff_keeps_its_values() -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    decoded = decode(tiff(pixels), name="frame")
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded, pixels)


def test_colour_comes_out_as_rgb() -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[..., 2] = 10
    assert decode(encoded(pixels), name="frame")[0, 0].tolist() == [200, 0, 10]


def test_grey_stored_as_three_equal_channels_collapses_to_grey() -> None:
    pixels = textured()
    assert np.array_equal(decode(encoded(np.stack([pixels] * 3, axis=-1)), name="frame"), pixels)


def test_one_coloured_pixel_keeps_the_image_in_colour() -> None:
    pixels = np.stack([textured()] * 3, axis=-1)
    pixels[39, 59] = [1, 2, 3]
    assert np.array_equal(decode(encoded(pixels), name="frame"), pixels)


def test_a_palette_is_looked_up() -> None:
    content = palette_png(np.array([[0, 1], [1, 0]], np.uint8), bytes([10, 20, 30, 200, 100, 50]))
    assert decode(content, name="frame")[0].tolist() == [[10, 20, 30], [200, 100, 50]]


def test_an_opaque_alpha_channel_is_dropped() -> None:
    pixels = np.stack([textured(seed=seed) for seed in range(3)] + [np.full((40, 60), 255, np.uint8)], axis=-1)
    assert np.array_equal(decode(encoded(pixels), name="frame"), pixels[..., :3])


def test_transparent_pixels_were_not_measured_and_are_refused() -> None:
    pixels = np.stack([textured()] * 3 + [np.full((40, 60), 255, np.uint8)], axis=-1)
    pixels[:20, :, 3] = 0
    with pytest.raises(BadImageError, match=r"frame: 50\.0% of its pixels are transparent"):
        decode(encoded(pixels), name="frame")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not an image, whatever its name says", "no PNG, JPEG, BMP or TIFF"),
        (b"\x89PNG\r\n\x1a\n", "ends inside its header"),
        (b"\xff\xd8\xff", "ends inside its header"),
        (b"BM", "ends inside its header"),
        (b"II*\0", "ends inside its header"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (png_declaring(0, 10), "declares no pixels"),
        (tiff(np.ones((4, 4), np.float32), sample_format=3), "floating-point"),
        (tiff(np.ones((4, 4), np.int16), sample_format=2), "signed"),
        (tiff(np.ones((4, 4), np.uint32)), "32 bit a sample"),
        (tiff(np.ones((4, 4), np.uint8), photometric=5), "CMYK"),
        (tiff(np.ones((4, 4), np.uint8), following=8), "several pages"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(BadImageError, match=reason) as refusal:
        decode(content, name="frame 7")
    assert str(refusal.value).startswith("frame 7: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("lost", [1, 2, 30, 900])
def test_a_truncated_file_is_never_filled_up_with_grey(suffix: str, lost: int) -> None:
    with pytest.raises(BadImageError, match="truncated"):
        decode(encoded(textured(), suffix)[:-lost], name="frame")


def test_a_png_with_fewer_rows_than_it_declares_is_refused() -> None:
    with pytest.raises(BadImageError, match="cannot be decoded"):
        decode(png_declaring(60, 40, rows=(b"\0" + b"\x55" * 60) * 20), name="frame")


def test_one_changed_byte_in_a_png_is_noticed() -> None:
    content = bytearray(encoded(textured()))
    content[len(content) // 2] ^= 1
    with pytest.raises(BadImageError, match="checksum of chunk 'IDAT'"):
        decode(bytes(content), name="frame")


def test_a_huge_declared_size_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(BadImageError, match="declares 2000000000 x 2000000000 px, more than"):
        decode(png_declaring(2_000_000_000, 2_000_000_000), name="frame")


def test_the_limit_of_pixels_is_inclusive() -> None:
    content = encoded(textured(40, 60))
    assert decode(content, name="frame", max_px=2400).shape == (40, 60)
    with pytest.raises(BadImageError, match="more than the 2399 px allowed"):
        decode(content, name="frame", max_px=2399)


@pytest.mark.parametrize("shape", [(7, 11), (7, 11, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_encoded_is_decoded_to_the_bit(shape: tuple[int, ...], dtype: type[np.uint8] | type[np.uint16]) -> None:
    pixels: Pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    decoded = decode(encode_png(pixels), name="frame")
    assert decoded.dtype == dtype
    assert np.array_equal(decoded, pixels)


def test_a_tiff_whose_tags_hold_no_value_is_refused() -> None:
    content = bytearray(tiff(np.ones((4, 4), np.uint8)))
    directory = len(content) - 4 - 10 * 12
    for entry in range(10):
        content[directory + 12 * entry + 4 : directory + 12 * entry + 8] = bytes(4)
    with pytest.raises(BadImageError):
        decode(bytes(content), name="frame")


@settings(max_examples=150, deadline=None)
@given(content=st.data())
def test_altered_bytes_give_pixels_or_one_clear_refusal(content: st.DataObject) -> None:
    suffix = content.draw(st.sampled_from([".png", ".jpg", ".bmp", ".tif"]))
    altered = bytearray(encoded(textured(12, 16), suffix))
    for _ in range(content.draw(st.integers(1, 4))):
        altered[content.draw(st.integers(0, len(altered) - 1))] = content.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(altered), name="frame", max_px=10_000)
    except BadImageError as refusal:
        assert "\n" not in str(refusal)
    else:
        assert decoded.size <= 30_000


@pytest.mark.parametrize(("form", "suffix"), [("tiff", "tif"), ("png", "png")])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 13), (9, 13, 3)])
def test_both_forms_of_storage_give_back_every_pixel(
    form: str, suffix: str, dtype: type[np.uint8] | type[np.uint16], shape: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(3).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    content, written = encode(pixels, form)
    assert written == suffix
    assert np.array_equal(decode(content, name="frame"), pixels)


def test_a_form_that_loses_pixels_or_is_not_known_is_refused() -> None:
    with pytest.raises(BadDataError, match="'jpeg' is not written here; give tiff or png"):
        encode(textured(), "jpeg")
