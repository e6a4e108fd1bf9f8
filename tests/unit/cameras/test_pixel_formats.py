"""Bytes of a line become the pixels that PFNC and GigE Vision say they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.cameras.pixel_formats import PIXEL_FORMATS, Bytes, pixel_format
from inspect_pipeline.errors import ConfigError


def lines(*values: int) -> Bytes:
    return np.array([values], np.uint8)


@pytest.mark.parametrize(
    ("name", "sent", "pixels"),
    [
        ("Mono8", (1, 255), [1, 255]),
        ("Mono10", (0xFF, 0x03, 0x01, 0x00), [1023, 1]),
        ("Mono12", (0xBC, 0x0A, 0x01, 0x00), [0xABC, 1]),
        ("Mono16", (0x34, 0x12, 0xFF, 0xFF), [0x1234, 65535]),
        ("Mono10p", (0xFF, 0x03, 0x00, 0x40, 0x80), [1023, 0, 0, 513]),
        ("Mono12p", (0xBC, 0x3A, 0x12), [0xABC, 0x123]),
        ("Mono10Packed", (0xFF, 0x13, 0x80), [1023, 513]),
        ("Mono12Packed", (0xAB, 0x3C, 0x12), [0xABC, 0x123]),
        ("RGB8", (1, 2, 3, 4, 5, 6), [[1, 2, 3], [4, 5, 6]]),
        ("BGR8", (1, 2, 3), [[3, 2, 1]]),
        ("RGBa8", (1, 2, 3, 255), [[1, 2, 3]]),
        ("BGRa8", (1, 2, 3, 255), [[3, 2, 1]]),
    ],
)
def test_a_line_is_unpacked_as_its_format_says(name: str, sent: tuple[int, ...], pixels: list[int]) -> None:
    found = pixel_format(name).pixels(lines(*sent), width_px=len(pixels))
    assert found.tolist() == [pixels]
    assert found.dtype == (np.uint8 if pixel_format(name).bits == 8 else np.uint16)


@given(st.lists(st.integers(0, 4095), min_size=2, max_size=40).filter(lambda pixels: len(pixels) % 2 == 0))
def test_twelve_bits_that_were_packed_come_back(pixels: list[int]) -> None:
    whole = sum(pixel << 12 * at for at, pixel in enumerate(pixels))
    sent = np.frombuffer(whole.to_bytes(len(pixels) * 3 // 2, "little"), np.uint8)[None]
    assert pixel_format("Mono12p").pixels(sent, width_px=len(pixels)).tolist() == [pixels]


@given(st.lists(st.integers(0, 1023), min_size=4, max_size=40).filter(lambda pixels: len(pixels) % 4 == 0))
def test_ten_bits_that_were_packed_come_back(pixels: list[int]) -> None:
    whole = sum(pixel << 10 * at for at, pixel in enumerate(pixels))
    sent = np.frombuffer(whole.to_bytes(len(pixels) * 5 // 4, "little"), np.uint8)[None]
    assert pixel_format("Mono10p").pixels(sent, width_px=len(pixels)).tolist() == [pixels]


def test_padding_after_a_line_is_dropped() -> None:
    assert pixel_format("Mono8").pixels(lines(1, 2, 9, 9), width_px=2).tolist() == [[1, 2]]


@pytest.mark.parametrize(("name", "width"), [("Mono12p", 3), ("Mono10p", 6), ("Mono12Packed", 5), ("Mono8", 0)])
def test_a_width_whose_lines_end_inside_a_group_of_bytes_is_refused(name: str, width: int) -> None:
    with pytest.raises(ConfigError, match="choose another width"):
        pixel_format(name).line_bytes(width)


def test_a_format_that_nobody_can_read_is_refused_and_the_others_are_named() -> None:
    with pytest.raises(ConfigError, match=r"BayerRG8 cannot be read; .*Mono12p"):
        pixel_format("BayerRG8")


def test_every_format_is_found_by_its_own_name() -> None:
    assert all(pixel_format(name).name == name for name in PIXEL_FORMATS)
