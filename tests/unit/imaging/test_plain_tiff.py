import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.image_header import read_header
from inspect_pipeline.imaging.plain_tiff import encode_tiff, plain_pixels
from inspect_pipeline.imaging.tiff_header import first_page
from tests.unit.imaging.image_files import encoded, textured, tiff

Depth = type[np.uint8] | type[np.uint16]


def noise(shape: tuple[int, ...], dtype: Depth, *, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def opencv(content: bytes) -> np.ndarray:
    read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return read if read.ndim == 2 else read[..., ::-1]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from([(), (3,)]),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 2**32 - 1),
)
def test_pixels_come_back_as_they_were_from_every_reader(
    height: int, width: int, channels: tuple[int, ...], dtype: Depth, seed: int
) -> None:
    pixels = noise((height, width, *channels), dtype, seed=seed)
    content = encode_tiff(pixels)
    plain = plain_pixels(content)
    assert plain is not None
    assert plain.dtype == dtype
    assert np.array_equal(plain, pixels)
    assert np.array_equal(opencv(content), pixels)


def test_a_file_of_several_strips_is_read_by_opencv_and_by_us() -> None:
    pixels = noise((1025, 16384), np.uint8)
    content = encode_tiff(pixels)
    assert len(content) < pixels.nbytes + 1024
    assert content.count(struct.pack("<I", 512)) >= 1  # lines a strip
    assert np.array_equal(decode(content, name="frame"), pixels)
    assert np.array_equal(opencv(content), pixels)


def test_the_header_reader_agrees_on_size_and_depth() -> None:
    content = encode_tiff(noise((20, 30), np.uint16))
    header, page = read_header(content), first_page(content)
    assert (header.image_format, header.width_px, header.height_px, header.bits) == ("TIFF", 30, 20, 16)
    assert (page.truncated, header.truncated) == (None, None)
    assert read_header(content[:-1]).truncated is not None


def test_a_view_of_a_frame_is_written_as_it_looks() -> None:
    pixels = noise((40, 60), np.uint16)
    assert np.array_equal(decode(encode_tiff(pixels[::2, 5:50]), name="view"), pixels[::2, 5:50])


def test_the_pixels_read_are_a_copy_that_may_be_changed() -> None:
    content = encode_tiff(textured())
    read = decode(content, name="frame")
    read[:] = 0
    assert np.array_equal(decode(content, name="frame"), textured())


def test_equal_channels_collapse_to_grey_as_with_every_other_file() -> None:
    grey = textured()
    content = encode_tiff(np.stack([grey] * 3, axis=-1))
    assert np.array_equal(decode(content, name="frame"), grey)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_uncompressed_files_of_other_writers_take_the_same_way(dtype: Depth) -> None:
    pixels = noise((300, 200), dtype)
    for content in (tiff(pixels), cv2.imencode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()):
        plain = plain_pixels(content)
        assert plain is not None
        assert np.array_equal(plain, pixels)


def big_endian(pixels: Pixels) -> bytes:
    """Return an uncompressed TIFF in Motorola order."""
    data = pixels.astype(">u2").tobytes()
    tags = [
        (256, 4, pixels.shape[1]),
        (257, 4, pixels.shape[0]),
        (258, 3, 16 << 16),
        (259, 3, 1 << 16),
        (262, 3, 1 << 16),
        (273, 4, 8),
        (279, 4, len(data)),
    ]
    directory = struct.pack(">H", len(tags)) + b"".join(struct.pack(">HHII", tag, kind, 1, v) for tag, kind, v in tags)
    return struct.pack(">2sHI", b"MM", 42, 8 + len(data)) + data + directory + struct.pack(">I", 0)


def test_a_file_in_the_other_byte_order_is_read_too() -> None:
    pixels = noise((9, 11), np.uint16)
    assert np.array_equal(decode(big_endian(pixels), name="frame"), pixels)
    assert plain_pixels(big_endian(pixels)) is not None


def changed(content: bytes, tag: int, value: int) -> bytes:
    """Return the file with another value in the entry of a tag that holds one value."""
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            return content[: entry + 8] + struct.pack("<I", value) + content[entry + 12 :]
    raise AssertionError(f"no tag {tag}")


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (259, 5),
        (262, 0),
        (262, 3),
        (277, 3),
        (284, 2),
        (339, 2),
        (258, 4),
        (256, 61),
        (257, 41),
        (273, 10**6),
        (279, 9),
    ],
)
def test_what_is_not_stored_plainly_is_left_to_the_full_decoder(tag: int, value: int) -> None:
    content = encode_tiff(textured())
    assert plain_pixels(content) is not None
    assert plain_pixels(changed(content, tag, value)) is None


@pytest.mark.parametrize("tag", [274, 317, 320, 322, 338])
def test_a_tag_that_changes_what_pixels_mean_is_left_to_the_full_decoder(tag: int) -> None:
    content = tiff(textured())
    (at,) = struct.unpack_from("<I", content, 4)
    entry = at + 2 + 12 * 6  # samples a pixel, which is 1 without it
    assert plain_pixels(content[:entry] + struct.pack("<HHII", 277, 3, 1, 1) + content[entry + 12 :]) is not None
    assert plain_pixels(content[:entry] + struct.pack("<HHII", tag, 3, 1, 2) + content[entry + 12 :]) is None


def test_compressed_files_other_formats_and_short_ones_are_left_to_the_full_decoder() -> None:
    pixels = textured()
    content = encode_tiff(pixels)
    packed = cv2.imencode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes()
    assert plain_pixels(packed) is None
    assert np.array_equal(decode(packed, name="frame"), pixels)
    assert plain_pixels(encoded(pixels, ".png")) is None
    assert [end for end in range(len(content)) if plain_pixels(content[:end]) is not None] == []
    with pytest.raises(BadImageError, match="frame: truncated"):
        decode(content[:-1], name="frame")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 207), st.integers(0, 255))
def test_a_changed_byte_in_the_header_never_breaks_the_reader(at: int, value: int) -> None:
    content = bytearray(encode_tiff(textured(6, 7)))
    content[at] = value
    plain = plain_pixels(bytes(content))
    assert plain is None or plain.size == 42


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_pixels_of_another_kind_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(BadImageError, match="cannot be written as TIFF"):
        encode_tiff(pixels)


def test_pixels_that_do_not_fit_4_gb_are_refused_before_anything_is_copied() -> None:
    endless = np.broadcast_to(np.zeros(1, np.uint8), (1 << 16, 1 << 16))
    with pytest.raises(BadImageError, match="do not fit a TIFF of 4 GB"):
        encode_tiff(endless)
