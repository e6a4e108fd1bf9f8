import numpy as np
import pytest

from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.image_header import ImageHeader, read_header
from tests.unit.imaging.image_files import encoded, png_declaring, textured, tiff


@pytest.mark.parametrize(("suffix", "name"), [(".png", "PNG"), (".jpg", "JPEG"), (".bmp", "BMP"), (".tif", "TIFF")])
def test_the_header_tells_format_and_size(suffix: str, name: str) -> None:
    header = read_header(encoded(textured(40, 60), suffix))
    assert header == ImageHeader(image_format=name, width_px=60, height_px=40, bits=8)


def test_sixteen_bits_are_told() -> None:
    assert read_header(tiff(np.zeros((3, 5), np.uint16))).bits == 16
    assert read_header(encoded(np.zeros((3, 5), np.uint16))).bits == 16


def test_a_truncated_file_still_tells_its_size_and_what_is_missing() -> None:
    header = read_header(encoded(textured(40, 60), ".bmp")[:-100])
    assert header.height_px == 40
    assert header.truncated is not None
    assert "its pixels need" in header.truncated


def test_a_thumbnail_inside_a_jpeg_does_not_hide_that_its_end_is_missing() -> None:
    whole = encoded(textured(), ".jpg")
    thumbnail = b"Exif\0\0" + encoded(textured(8, 8), ".jpg")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    content = whole[:2] + segment + whole[2:]
    assert read_header(content).truncated is None
    assert read_header(content[:-50]).truncated is not None


def reason(content: bytes) -> str:
    truncated = read_header(content).truncated
    assert truncated is not None
    return truncated


def test_a_png_whose_packed_bytes_cannot_hold_what_it_declares_is_damaged_before_it_is_unpacked() -> None:
    assert "cannot hold them" in reason(png_declaring(10_000, 10_000, rows=bytes(1000)))
    blank = encoded(np.zeros((3000, 4000), np.uint8))  # packed as far as a PNG can be
    assert read_header(blank).truncated is None


def test_strips_of_a_tiff_must_hold_its_pixels_and_not_lie_over_each_other() -> None:
    pixels = np.zeros((40, 60), np.uint16)
    assert read_header(tiff(pixels)).truncated is None
    assert "its pixels need 4800 bytes, 100 are listed" in reason(tiff(pixels, strips=((8, 100),)))
    assert read_header(tiff(pixels, strips=((8, 2400), (2408, 2400)))).truncated is None
    assert reason(tiff(pixels, strips=((8, 2400), (2400, 2400)))) == "its strips or tiles lie over each other"


def test_a_packed_tiff_may_be_small_but_not_smaller_than_its_packing_can_make_it() -> None:
    assert read_header(encoded(np.zeros((3000, 4000), np.uint8), ".tif")).truncated is None
    pixels = np.zeros((3000, 4000), np.uint8)
    assert "too few for compression 8" in reason(tiff(pixels, strips=((8, 5000),), compression=8))
    assert read_header(tiff(pixels, strips=((8, 5000),), compression=5)).truncated is None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (tiff(np.zeros((4, 4), np.uint8), extra=((256, 4, 1, 7),)), "tag 256 stands there twice"),
        (tiff(np.zeros((4, 4), np.uint8), extra=((324, 4, 2_000_000, 8),)), "holds 2000000 values"),
        (tiff(np.zeros((4, 4), np.uint8), extra=tuple((40_000 + i, 3, 1, 0) for i in range(1100))), "1110 tags"),
        (b"BM" + bytes(8) + np.array([54, 40, 9000, 9000, 0x80001, 1], "<u4").tobytes() + bytes(40), "packed BMP"),
    ],
)
def test_a_header_made_to_cost_time_or_memory_is_refused(content: bytes, part: str) -> None:
    with pytest.raises(BadImageError, match=part):
        read_header(content)
