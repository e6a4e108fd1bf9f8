"""One vector a region, from two depths of the frozen backbone.

Max-pooling finds small defects that a mean hides; the expansion inside ``blocks.5.0`` still sees texture at stride 16.
"""

from collections.abc import Iterable, Iterator, Sized
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.lite0_weights import LITE0

SIDE_PX = 224
BATCH = 4  # on a CPU 1.3 times the images a second of 32: activations stay in the cache (benchmarks/episodes_neu.py)
_EXPANSION, _LAST = "blocks.5.0.expansion", "blocks.5"
_GEM_POWER = 3.0  # generalized-mean pooling, Radenovic et al. 2018


def descriptor_dims(backbone: Backbone) -> int:
    """Return the length of a region's vector: 864 for lite0 (192 + 672), else the channels of the last stage."""
    return 864 if backbone.name == LITE0 else backbone.last_channels


def region_features(
    backbone: Backbone,
    images: Iterable[Pixels],
    *,
    side_px: int = SIDE_PX,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the descriptors of the images, (n, d) float32, in their order; (0, d) where there are none.

    ``images`` are u8 or u16, (h, w) or (h, w, 3), of any sizes; each is resized to ``side_px``. They may be loaded
    lazily: no more than ``batch`` are held at once. Raises BadDataError for other arrays.
    """
    rows: list[NDArray[np.float32]] = [np.zeros((0, descriptor_dims(backbone)), dtype=np.float32)]
    done, total = 0, len(images) if isinstance(images, Sized) else 0
    with torch.inference_mode():
        for part in _batches(images, batch):
            tensors = [backbone.prepare(_single(image), side_px=side_px) for image in part]
            rows.append(describe(backbone, torch.cat(tensors)).cpu().numpy())
            done += len(part)
            if progress is not None:
                progress("region features", done, total)
    return np.concatenate(rows)


def describe(backbone: Backbone, x: Tensor) -> Tensor:
    """Return the descriptors (n, d) of a prepared batch (n, 3, h, w).

    For lite0: the L2-normed max-pool of ``blocks.5`` (192) beside the L2-normed GeM(3) of the expansion inside
    ``blocks.5.0`` (672). For any other backbone: the L2-normed max-pool of its last stage.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    if backbone.name != LITE0:
        last = backbone.taps(x, (backbone.last_stage,))[backbone.last_stage]
        return normalize(_max_pool(last, backbone), dim=1)
    found = backbone.taps(x, (_EXPANSION, _LAST))
    return torch.cat(
        (normalize(found[_LAST].amax(dim=(2, 3)), dim=1), normalize(_gem(found[_EXPANSION]), dim=1)), dim=1
    )


def _gem(activation: Tensor) -> Tensor:
    return activation.clamp(min=1e-6).pow(_GEM_POWER).mean(dim=(2, 3)).pow(1.0 / _GEM_POWER)


def _max_pool(activation: Tensor, backbone: Backbone) -> Tensor:
    """Return (n, channels) from (n, c, h, w), (n, h, w, c) or tokens (n, t, c)."""
    channels, shape = backbone.last_channels, tuple(activation.shape)
    if activation.ndim == 4 and shape[1] == channels:
        return activation.amax(dim=(2, 3))
    if activation.ndim in {3, 4} and shape[-1] == channels:
        return activation.flatten(1, -2).amax(dim=1)
    raise WeightsError(
        f"the last stage of {backbone.name} gives shape {shape} where {channels} channels were expected; "
        "choose another backbone"
    )


def _single(image: Pixels) -> Pixels:
    if image.ndim not in {2, 3}:
        raise BadDataError(f"an image of shape {image.shape} cannot be embedded; give (h, w) or (h, w, 3)")
    return image[None]


def _batches(images: Iterable[Pixels], size: int) -> Iterator[list[Pixels]]:
    source = iter(images)
    while part := list(islice(source, size)):
        yield part
