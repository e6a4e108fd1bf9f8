"""Soft k-means of prototypes on samples without a label (Ren et al. 2018): shares of samples, and prototypes moved.

Shapes: prototypes (..., way, d), samples (..., u, d), shares (..., u, way).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from inspect_pipeline.learning.heads import prototype_logits

_MASK_STATISTICS, _MASK_HIDDEN = 5, 20
_MASK_MIDDLE, _MASK_SLOPE = 1.0, 4.0  # the start: a sample at the mean distance counts half


def moved(class_prototypes: Tensor, counts: Tensor, samples: Tensor, shares: Tensor) -> Tensor:
    """Return the prototypes after samples joined them: the mean of ``counts`` (..., way) supports and the shares."""
    weights = counts + shares.sum(dim=-2)
    return (counts.unsqueeze(-1) * class_prototypes + shares.mT @ samples) / weights.unsqueeze(-1)


def soft_shares(samples: Tensor, class_prototypes: Tensor, *, scale: Tensor) -> Tensor:
    """Return the share of every sample in every class; a sample belongs wholly to the classes."""
    return prototype_logits(samples, class_prototypes, scale=scale).softmax(dim=-1)


def distractor_shares(samples: Tensor, class_prototypes: Tensor, *, scale: Tensor, log_radius: Tensor) -> Tensor:
    """Return the shares beside a cluster of distractors at the middle of the task, whose own share is left out.

    Its length scale ``log_radius`` () is learned; that of the classes is 1.
    """
    near = prototype_logits(samples, class_prototypes, scale=scale)
    squares = samples.square().sum(dim=-1, keepdim=True)
    far = -scale * squares * (-2.0 * log_radius).exp() - log_radius
    return torch.cat([near, far], dim=-1).softmax(dim=-1)[..., :-1]


def masked_shares(samples: Tensor, class_prototypes: Tensor, *, scale: Tensor, mask: Mapping[str, Tensor]) -> Tensor:
    """Return the soft shares times a mask: of each class samples count less from a learned distance on.

    Distances are counted in the mean distance of all samples to the class. Where the mask falls, and how steeply, a
    perceptron (``mask``) says from five statistics of them: least, greatest, variance, skewness, kurtosis.
    """
    squares = -prototype_logits(samples, class_prototypes)
    relative = squares / squares.mean(dim=-2, keepdim=True).clamp(min=1e-6)
    hidden = (_statistics(relative) @ mask["mask_in"] + mask["mask_in_bias"]).tanh()
    middle, slope = (hidden @ mask["mask_out"] + mask["mask_out_bias"]).unsqueeze(-3).unbind(dim=-1)
    return soft_shares(samples, class_prototypes, scale=scale) * (slope * (middle - relative)).sigmoid()


def started_mask(seed: int) -> dict[str, Tensor]:
    """Return the perceptron of ``masked_shares``; every class starts with the same mask."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(_MASK_STATISTICS, _MASK_HIDDEN, generator=generator) / math.sqrt(_MASK_STATISTICS)
    return {
        "mask_in": inputs,
        "mask_in_bias": torch.zeros(_MASK_HIDDEN),
        "mask_out": torch.zeros(_MASK_HIDDEN, 2),
        "mask_out_bias": torch.tensor([_MASK_MIDDLE, _MASK_SLOPE]),
    }


def _statistics(relative: Tensor) -> Tensor:
    """Return (..., way, 5) of distances (..., u, way)."""
    about = relative - relative.mean(dim=-2, keepdim=True)
    variance = about.square().mean(dim=-2)
    spread = variance.clamp(min=1e-6).sqrt()
    skewness, kurtosis = (about.pow(power).mean(dim=-2) / spread.pow(power) for power in (3, 4))
    return torch.stack([relative.amin(dim=-2), relative.amax(dim=-2), variance, skewness, kurtosis - 3.0], dim=-1)
