"""The picture of an item as appraisers see it: the region in its surroundings, nothing that tells what it is."""

from typing import cast

import numpy as np

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.imaging.rendering import Outline, overlay, thumbnail

_LONGEST_PX = 1400
_MARGINS_PX = (48, 256)
_GAP_PX = 4


def study_picture(pixels: Pixels, roi: Roi) -> bytes:
    """Return a PNG of the region with about half its size around it, outlined where it is not the whole picture.

    A larger one is averaged down to 1400 px. Raises BadDataError for a region outside the frame.
    """
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    margin = min(max(max(roi.height, roi.width) // 2, _MARGINS_PX[0]), _MARGINS_PX[1])
    crop = roi.grown(margin, height=height, width=width)
    if max(crop.height, crop.width) > _LONGEST_PX:
        part = cast(Pixels, np.ascontiguousarray(pixels[crop.top : crop.bottom, crop.left : crop.right]))
        return thumbnail(part, longest_px=_LONGEST_PX)
    around = roi.grown(_GAP_PX, height=height, width=width)  # the line lies beside the region, not on it
    return overlay(pixels, crop, outlines=[] if roi == crop else [Outline(roi=around)])
