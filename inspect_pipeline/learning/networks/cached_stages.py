"""Frozen stages run once: their activations are the samples that the rest of the network learns from."""

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone

_BATCH = 8


def cached_activations(
    backbone: Backbone, images: Iterable[Pixels], *, stage: str, side_px: int, batch: int = _BATCH
) -> Tensor:
    """Return the output of ``stage`` for every image, float32 on the CPU: (n, c, h, w), or (n, tokens, c).

    ``stage`` is the ``cut`` of a ``TimmSpec`` of the same model. ``images`` are u8 or u16, (h, w) or (h, w, 3), of any
    sizes, and may be loaded lazily: no more than ``batch`` are held at once. Raises BadDataError for none or for other
    arrays, WeightsError for a stage that the backbone has not.
    """
    parts: list[Tensor] = []
    left = iter(images)
    with torch.inference_mode():
        while held := list(islice(left, batch)):
            prepared = torch.cat([backbone.prepare(image[None], side_px=side_px) for image in held])
            parts.append(backbone.taps(prepared, [stage])[stage].float().cpu())
    if not parts:
        raise BadDataError(f"there is no image to run up to {stage}; give some")
    return torch.cat(parts)
