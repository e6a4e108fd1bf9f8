"""Raw files: bare pixels as a grabber dumps them, laid out by the sidecar beside them."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from inspect_pipeline.cameras.sidecar import FrameFacts
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadImageError

RAW_SUFFIX = ".raw"
RAW_BITS = (8, 10, 12, 14, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLayout:
    """Line by line from the top, no padding: ``channels`` samples a pixel (1 grey, 3 RGB), u8 for 8 bits, else u16.

    10, 12 and 14 bits lie in the low bits of two bytes, ``endian`` ("little" or "big") being their order.
    """

    width_px: int
    height_px: int
    bits: int
    endian: str = "little"
    channels: int = 1

    @property
    def size_bytes(self) -> int:
        """How long the file has to be."""
        return self.width_px * self.height_px * self.channels * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """The type of a sample as it lies in the file."""
        if self.bits == 8:
            return np.dtype(np.uint8)
        return np.dtype(np.uint16).newbyteorder("<" if self.endian == "little" else ">")


def raw_layout(facts: FrameFacts, *, name: str, max_px: int) -> RawLayout:
    """Return the layout that the facts declare. Raises BadImageError naming what is missing, wrong or too large."""
    if facts.width is None or facts.height is None or facts.bits is None:
        wanted = {"width": facts.width, "height": facts.height, "bits": facts.bits}
        lacking = " and ".join(key for key, value in wanted.items() if value is None)
        raise BadImageError(f"{name}: a raw file whose sidecar does not say {lacking}; write it beside the file")
    if facts.bits not in RAW_BITS:
        raise BadImageError(f"{name}: raw files of {facts.bits} bits are not read; give one of {RAW_BITS}")
    if facts.width * facts.height > max_px:
        raise BadImageError(
            f"{name}: its sidecar declares {facts.width} x {facts.height} px, more than the {max_px} px allowed"
        )
    return RawLayout(
        width_px=facts.width,
        height_px=facts.height,
        bits=facts.bits,
        endian=facts.endian or "little",
        channels=facts.channels or 1,
    )


def refuse_other_size(layout: RawLayout, size_bytes: int, *, name: str) -> None:
    """Raise BadImageError unless a file of that size is exactly one image of the layout."""
    if size_bytes != layout.size_bytes:
        raise BadImageError(
            f"{name}: truncated or of another layout: {layout.width_px} x {layout.height_px} px of {layout.bits} bits "
            f"and {layout.channels} channels need {layout.size_bytes} bytes, the file has {size_bytes}"
        )


def decode_raw(content: bytes, layout: RawLayout, *, name: str) -> Pixels:
    """Return the pixels, u8 or u16 in the order of this machine, (h, w) or (h, w, 3) RGB.

    8-bit and same-order files are not copied. Raises BadImageError for a file of another length.
    """
    refuse_other_size(layout, len(content), name=name)
    shape = (layout.height_px, layout.width_px) if layout.channels == 1 else (layout.height_px, layout.width_px, 3)
    stored = np.frombuffer(content, layout.dtype).reshape(shape)
    return cast(Pixels, stored.astype(layout.dtype.newbyteorder("="), copy=False))


def refuse_deeper_samples(pixels: Pixels, bits: int | None, *, name: str) -> None:
    """Raise BadImageError where the pixels do not fit ``bits`` significant bits a sample (None: nothing is said)."""
    deepest = 8 * pixels.dtype.itemsize
    if bits is None or bits == deepest:
        return
    if bits > deepest:
        raise BadImageError(f"{name}: its sidecar says {bits} bits a sample, the image has {deepest}")
    highest = int(pixels.max())
    if highest >> bits:
        raise BadImageError(f"{name}: its sidecar says {bits} bits a sample, but a sample is {highest}; mend its bits")
