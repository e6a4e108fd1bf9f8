"""A region of a frame as one vector: what is around it, what is in a window of fixed size, and its dense descriptors.

The first half sees the region as large as it is, the second keeps the scale. Both are described by
``region_features.describe`` and averaged over turns; the dense descriptors are there already and cost nothing.
Measured with other forms by ``benchmarks/typing.py``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import patch_rows
from inspect_pipeline.learning.region_features import SIDE_PX, describe, descriptor_dims

CROPS = 2
_CONTEXT = 2  # the crop is so many times as wide as the region
_GEM_POWER = 3.0
_ORDER = (0, 7, 3, 4, 1, 2, 5, 6)  # of the 8 turns and flips: each prefix is spread as evenly as can be


def describe_regions(
    backbone: Backbone, pixels: Pixels, patches: Tensor, rois: Sequence[Roi], *, views: int, window_px: int
) -> Tensor:
    """Return the vectors of regions, float32 (n, 2 c + d): two crops of length c each, then GeM of ``patches``.

    ``pixels`` is the frame, u8 or u16, (h, w) or (h, w, 3); ``patches`` (h / 16, w / 16, d) its ``dense_map``. A crop
    that would reach over the frame's edge is moved inside. ``views`` of the 8 turns and flips are averaged: the
    backbone runs 2 x ``views`` times a region, on 224 x 224 px. Raises BadDataError for a region outside the frame.
    """
    length = CROPS * descriptor_dims(backbone) + int(patches.shape[2])
    rows = [_described(backbone, pixels, patches, roi, views=views, window_px=window_px) for roi in rois]
    return torch.stack(rows) if rows else torch.zeros(0, length)


def _described(backbone: Backbone, pixels: Pixels, patches: Tensor, roi: Roi, *, views: int, window_px: int) -> Tensor:
    height, width = pixels.shape[:2]
    inside = roi.clipped(height=height, width=width)
    if inside is None:
        raise BadDataError(f"region {roi} lies outside its frame of {height} x {width} px; give a region of this frame")
    sides = (_CONTEXT * max(inside.height, inside.width), window_px)
    with torch.inference_mode():
        crops = [backbone.prepare(square(pixels, inside, side)[None], side_px=SIDE_PX) for side in sides]
        turned = [turns(crop, views) for crop in crops]
        vectors = [describe(backbone, crop).mean(dim=0) for crop in turned]
        return torch.cat([*vectors, pooled(patches, inside)]).cpu()


def square(pixels: Pixels, roi: Roi, side_px: int) -> Pixels:
    """Return the crop of that side around the middle of a box, moved inside the frame and no larger than it."""
    height, width = pixels.shape[:2]
    down, across = min(side_px, height), min(side_px, width)
    top = min(max((roi.top + roi.bottom) // 2 - down // 2, 0), height - down)
    left = min(max((roi.left + roi.right) // 2 - across // 2, 0), width - across)
    return pixels[top : top + down, left : left + across]


def turns(crop: Tensor, views: int) -> Tensor:
    """Return the first ``views`` (1 to 8) of a square crop's (1, c, s, s) turns and flips, (views, c, s, s)."""
    found = []
    for number in _ORDER[:views]:
        turned = crop.transpose(2, 3) if number >= 4 else crop
        flips = [axis for axis, bit in ((2, number & 1), (3, number & 2)) if bit]
        found.append(turned.flip(flips) if flips else turned)
    return torch.cat(found)


def pooled(patches: Tensor, roi: Roi) -> Tensor:
    """Return the L2-normed generalized mean (Radenovic et al. 2018) of the patches (h, w, d) that a box holds, (d)."""
    rows, columns = patch_rows(roi, (int(patches.shape[0]), int(patches.shape[1])))
    inside = patches[rows, columns].flatten(0, 1)
    return normalize(inside.clamp(min=1e-6).pow(_GEM_POWER).mean(dim=0).pow(1.0 / _GEM_POWER), dim=0)
