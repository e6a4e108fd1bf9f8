import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.cameras.drop_folder import open_drop_folder
from inspect_pipeline.cameras.file_captures import FileSettings
from inspect_pipeline.cameras.raw_files import RAW_BITS, RawLayout, decode_raw
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadImageError
from tests.unit.imaging.image_files import encoded, textured, tiff

DEEP = np.arange(24, dtype=np.uint16).reshape(4, 6) * 170  # up to 3910: 12 bits


def layout(**facts: Any) -> dict[str, Any]:
    return {"width": 6, "height": 4, "bits": 12, **facts}


def only(folder: Path, content: bytes, facts: dict[str, Any] | None, *, max_px: int = 1000) -> Capture:
    (folder / "a.raw").write_bytes(content)
    if facts is not None:
        (folder / "a.json").write_text(json.dumps(facts))
    (capture,) = open_drop_folder(folder, FileSettings(max_px=max_px))
    return capture


def refusal(capture: Capture) -> str:
    assert isinstance(capture, UnusableCapture)
    assert capture.reason.startswith("a.raw: ")
    return capture.reason


def test_a_raw_file_of_12_in_16_bits_is_read_in_either_byte_order(tmp_path: Path) -> None:
    for endian, content in (("little", DEEP.astype("<u2")), ("big", DEEP.astype(">u2"))):
        frame = only(tmp_path, content.tobytes(), layout(endian=endian))
        assert isinstance(frame, Frame)
        assert frame.pixels.dtype == np.uint16
        assert np.array_equal(frame.pixels, DEEP)
        assert frame.settings.bits == 12


def test_a_raw_file_of_8_bits_and_three_channels_is_rgb(tmp_path: Path) -> None:
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    frame = only(tmp_path, pixels.tobytes(), layout(bits=8, channels=3))
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.pixels, pixels)


def test_the_layout_may_stand_in_coil_json_for_all_raw_files(tmp_path: Path) -> None:
    (tmp_path / "coil.json").write_text(json.dumps(layout(camera="oben")))
    frame = only(tmp_path, DEEP.tobytes(), None)
    assert isinstance(frame, Frame)
    assert (frame.line_count, frame.camera) == (4, "oben")


def test_a_raw_file_without_sidecar_is_unusable_and_says_what_to_write(tmp_path: Path) -> None:
    assert "does not say width and height and bits; write it" in refusal(only(tmp_path, DEEP.tobytes(), None))


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"width": 6, "bits": 12}, "does not say height"),
        (layout(bits=11), "raw files of 11 bits are not read"),
        (layout(height=5), "need 60 bytes, the file has 48"),
        (layout(height=3), "need 36 bytes, the file has 48"),
        (layout(bits=8), "need 24 bytes, the file has 48"),
        (layout(channels=3), "need 144 bytes, the file has 48"),
        (layout(width=1_000_000, height=1_000_000), "declares 1000000 x 1000000 px, more than the 1000 px allowed"),
        (layout(bits=10), "says 10 bits a sample, but a sample is 3910"),
        (layout(endian="big"), "says 12 bits a sample, but a sample is"),
        (layout(valid_lines=5), "5 valid lines, the image has 4"),
    ],
)
def test_a_raw_file_that_is_not_as_its_sidecar_says_is_unusable(
    tmp_path: Path, facts: dict[str, Any], part: str
) -> None:
    assert part in refusal(only(tmp_path, DEEP.tobytes(), facts))


def test_an_unusable_raw_file_stands_for_as_many_lines_as_its_sidecar_says(tmp_path: Path) -> None:
    capture = only(tmp_path, b"short", layout(height=7))
    assert (capture.line_count, capture.first_line) == (7, 0)


def test_the_significant_bits_of_an_image_file_must_hold_its_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(DEEP))
    (tmp_path / "a.json").write_text('{"bits": 12}')
    (tmp_path / "b.tif").write_bytes(tiff(DEEP))
    (tmp_path / "b.json").write_text('{"bits": 11}')
    (tmp_path / "c.png").write_bytes(encoded(textured()))
    (tmp_path / "c.json").write_text('{"bits": 12}')
    good, deeper, shallow = open_drop_folder(tmp_path, FileSettings())
    assert isinstance(good, Frame)
    assert good.settings.bits == 12
    assert isinstance(deeper, UnusableCapture)
    assert "says 11 bits a sample, but a sample is 3910" in deeper.reason
    assert isinstance(shallow, UnusableCapture)
    assert "says 12 bits a sample, the image has 8" in shallow.reason


@given(
    st.sampled_from(RAW_BITS), st.sampled_from(["little", "big"]), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1)
)
def test_what_is_dumped_comes_back_to_the_bit(bits: int, endian: str, channels: int, seed: int) -> None:
    shape = (3, 5) if channels == 1 else (3, 5, 3)
    pixels = np.random.default_rng(seed).integers(0, 2**bits, shape)
    raw = RawLayout(width_px=5, height_px=3, bits=bits, endian=endian, channels=channels)
    content = pixels.astype(raw.dtype).tobytes()
    assert len(content) == raw.size_bytes
    decoded = decode_raw(content, raw, name="a.raw")
    assert decoded.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert decoded.dtype.isnative
    assert np.array_equal(decoded, pixels)


def test_a_raw_file_of_another_length_is_not_decoded() -> None:
    with pytest.raises(BadImageError, match="need 30 bytes, the file has 29"):
        decode_raw(bytes(29), RawLayout(width_px=5, height_px=3, bits=10), name="a.raw")
