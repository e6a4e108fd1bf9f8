"""Episodes as tensors: a stack of tasks of one form, which a method adapts to and is scored on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.learning.episodes import Episode, Indices
from inspect_pipeline.learning.sample_cache import SampleCache, Transform


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tasks:
    """A stack of t tasks: samples (t, n, ...) and (t, q, ...), labels (n,) and (q,) in 0..way-1 shared by all.

    A sample is a descriptor (d,), an activation (c, h, w) or an image (3, h, w), float32. ``unlabelled`` (t, u, ...)
    are samples without a label that an adaptation may look at, None where there are none. Where queries are mixed
    (Mixup, CutMix), ``query_labels`` are the probabilities (t, q, way) of the classes.
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor
    way: int
    unlabelled: Tensor | None = None

    def __len__(self) -> int:
        return len(self.support)


def stack(
    samples: Tensor | SampleCache,
    episodes: Sequence[Episode],
    *,
    supports: Transform | None = None,
    queries: Transform | None = None,
) -> Tasks:
    """Return the episodes, all of one form, as one stack taken from ``samples`` (all, ...).

    ``supports`` and ``queries`` change these samples (t, n, ...) before they are normalised; unlabelled samples are
    left as they are.
    """
    cache = samples if isinstance(samples, SampleCache) else SampleCache(stored=samples, device=samples.device)
    first = episodes[0]
    unlabelled = _stacked([each.unlabelled for each in episodes])
    return Tasks(
        support=cache.take(_stacked([each.support for each in episodes]), transform=supports),
        support_labels=torch.from_numpy(first.support_labels).to(cache.device),
        query=cache.take(_stacked([each.query for each in episodes]), transform=queries),
        query_labels=torch.from_numpy(first.query_labels).to(cache.device),
        way=len(first.class_names),
        unlabelled=cache.take(unlabelled) if unlabelled.size else None,
    )


def _stacked(rows: Sequence[Indices]) -> Indices:
    return np.stack(rows)
