"""The mask of a region that a person brushed: a black and white PNG of exactly the region's size."""

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.decode import decode, encode_png

WHITE = 255


def read_mask(content: bytes, roi: Roi) -> NDArray[np.bool_]:
    """Return the mask (height, width) of a region: what is at least half white belongs to the defect.

    Raises BadImageError for bytes that are no image, another size (before any memory is taken), colour, or no pixel.
    """
    pixels = decode(content, name="mask", max_px=roi.area_px)
    if pixels.shape != (roi.height, roi.width):
        size = " x ".join(str(side) for side in pixels.shape)
        raise BadImageError(
            f"the mask is {size} px, its box {roi.height} x {roi.width}; give a grey PNG of the box's size"
        )
    mask: NDArray[np.bool_] = pixels > np.iinfo(pixels.dtype).max // 2
    if not mask.any():
        raise BadImageError("the mask is empty; paint the defect, or leave the mask out")
    return mask


def encoded_mask(mask: NDArray[np.bool_]) -> bytes:
    """Return a mask as the PNG that is stored: 0 and 255."""
    return encode_png(mask.astype(np.uint8) * np.uint8(WHITE))
