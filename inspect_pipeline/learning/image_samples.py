"""Crops of any size as images of one size, for methods whose embedding is a network."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.sample_cache import SampleCache, image_cache

_STEP = {np.dtype(np.uint8): 1.0, np.dtype(np.uint16): 257.0}  # 65535 of 16 bit are 255 of 8


def resized(pixels: Pixels, side_px: int) -> NDArray[np.uint8]:
    """Return u8 or u16 pixels (h, w) or (h, w, 3) as u8 (side, side, 3), antialiased bilinear. Raises BadDataError."""
    step = _STEP.get(pixels.dtype)
    if step is None or pixels.ndim not in {2, 3} or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise BadDataError(
            f"an image of shape {pixels.shape} and type {pixels.dtype} cannot be resized; give u8 or u16"
        )
    planes = np.atleast_3d(pixels).astype(np.float32) / np.float32(step)
    x = torch.from_numpy(np.moveaxis(planes, -1, 0)[None].copy())
    x = interpolate(x, size=(side_px, side_px), mode="bilinear", antialias=True, align_corners=False)
    x = x.round().clamp(0.0, 255.0).expand(1, 3, side_px, side_px)
    return np.moveaxis(x[0].numpy(), 0, -1).astype(np.uint8)


def image_samples(crops: Iterable[Pixels], backbone: Backbone, *, side_px: int) -> SampleCache:
    """Return the crops as images of one size in memory, normalised when taken as the frozen backbone does."""
    images = [resized(crop, side_px) for crop in crops]
    if not images:
        raise BadDataError("there is no image to train on; give labelled images")
    return images_of(np.stack(images), backbone)


def images_of(images: NDArray[np.uint8], backbone: Backbone) -> SampleCache:
    """Return the cache of images (n, side, side, 3), normalised when taken as the frozen backbone does."""
    mean, std = (each.flatten().tolist() for each in (backbone.mean, backbone.std))
    return image_cache(images, mean=mean, std=std, device=torch.device("cpu"))
