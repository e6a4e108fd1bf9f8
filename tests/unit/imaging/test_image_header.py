import numpy as np
import pytest

from inspect_pipeline.imaging.image_header import ImageHeader, read_header
from tests.unit.imaging.image_files import encoded, textured, tiff


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
