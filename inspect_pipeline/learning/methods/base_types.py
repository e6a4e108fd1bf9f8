"""What history's types look like in the space of a task: their means, and how samples vary about them.

A type is seen as a task would see it: minus what the types of its family share, L2-normed. Of its covariance the
strongest directions are kept, and what is left of the variance as one number a channel.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Embedding
from inspect_pipeline.learning.episodes import EpisodeIndex
from inspect_pipeline.learning.heads import prototypes
from inspect_pipeline.learning.methods.task_space import placed_support

_FEWEST_SAMPLES = 2  # one sample has no covariance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaseTypes:
    """Of b types: ``means`` (b, d), ``factors`` (b, r, d) and ``variances`` (b, d).

    The covariance of a type is ``factors.mT @ factors`` plus the diagonal of ``variances``.
    """

    means: Tensor
    factors: Tensor
    variances: Tensor

    @classmethod
    def none(cls, dims: int, *, types: int, rank: int) -> Self:
        """Return room for so many types; with 0 it is a history without types."""
        return cls(
            means=torch.zeros(types, dims), factors=torch.zeros(types, rank, dims), variances=torch.zeros(types, dims)
        )

    def __len__(self) -> int:
        return len(self.means)


def base_types(embedding: Embedding, samples: Tensor, index: EpisodeIndex, *, rank: int) -> BaseTypes:
    """Return the types of every family with two or more; ``samples`` (n, *shape) are those that ``index`` describes.

    Types of one sample are left out. Raises BadDataError where no family has two types of two samples.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for types in index.members().values():
        able = [members for members in types.values() if len(members) >= _FEWEST_SAMPLES]
        if len(able) < 2:
            continue
        labels = torch.arange(len(able)).repeat_interleave(torch.tensor([len(members) for members in able]))
        labels = labels.to(samples.device)
        with torch.no_grad():
            family = samples[torch.from_numpy(np.concatenate(able)).to(samples.device)]
            placed, _ = placed_support(embedding, family, labels, way=len(able))
            means = prototypes(placed, labels, way=len(able))
        residuals = [placed[labels == kind] - means[kind] for kind in range(len(able))]
        found += [(mean, *_varying(rows, rank=rank)) for mean, rows in zip(means, residuals, strict=True)]
    if not found:
        raise BadDataError("no family has two types of two samples or more, so history has no variation to borrow")
    means, factors, variances = (torch.stack(parts) for parts in zip(*found, strict=True))
    return BaseTypes(means=means, factors=factors, variances=variances)


def _varying(residuals: Tensor, *, rank: int) -> tuple[Tensor, Tensor]:
    """Return the factors (rank, d) and the variances (d,) that are left, of residuals (n, d) about their mean."""
    values, vectors = torch.linalg.eigh(residuals @ residuals.mT)
    freedom = len(residuals) - 1
    kept = min(rank, freedom)
    strongest = (residuals.mT @ vectors[:, len(values) - kept :]).mT / freedom**0.5  # rows of length sqrt(eigenvalue)
    factors = torch.cat([strongest.flip(0), residuals.new_zeros(rank - kept, residuals.shape[1])])
    left = residuals.square().sum(dim=0) / freedom - factors.square().sum(dim=0)
    return factors, left.clamp(min=0.0)
