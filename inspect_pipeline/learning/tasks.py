"""Episodes as tensors: a stack of tasks of one form, which a method adapts to and is scored on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.learning.episodes import Episode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tasks:
    """A stack of t tasks: samples (t, n, ...) and (t, q, ...), labels (n,) and (q,) in 0..way-1 shared by all.

    A sample is a descriptor (d,), an activation (c, h, w) or an image (3, h, w), float32. ``unlabelled`` (t, u, ...)
    are samples without a label that an adaptation may look at, None where there are none.
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor
    way: int
    unlabelled: Tensor | None = None

    def __len__(self) -> int:
        return len(self.support)


def stack(samples: Tensor, episodes: Sequence[Episode]) -> Tasks:
    """Return the episodes, all of one form, as one stack taken from ``samples`` (all, ...)."""
    first = episodes[0]
    return Tasks(
        support=samples[torch.from_numpy(np.stack([each.support for each in episodes]))],
        support_labels=torch.from_numpy(first.support_labels).to(samples.device),
        query=samples[torch.from_numpy(np.stack([each.query for each in episodes]))],
        query_labels=torch.from_numpy(first.query_labels).to(samples.device),
        way=len(first.class_names),
    )
