"""The running query loss of every type, by which hard types are drawn more often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import Episode

TypeKey = tuple[str, str]
"""A family and a type of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardness:
    """Running query losses by (family, type); immutable, so that every draw of a step sees the same ones."""

    losses: Mapping[TypeKey, float] = field(default_factory=dict)

    def of(self, keys: Sequence[TypeKey]) -> NDArray[np.float64]:
        """Return the losses (k,) of the types; one never drawn counts as the hardest of these, to be tried soon."""
        known = [self.losses[key] for key in keys if key in self.losses]
        hardest = max(known, default=1.0)
        return np.array([self.losses.get(key, hardest) for key in keys], dtype=np.float64)

    def after(self, episodes: Sequence[Episode], class_losses: NDArray[np.float64], *, memory: float) -> "Hardness":
        """Return the losses after a step of t episodes with mean query losses (t, way) of their classes.

        A type that was drawn keeps ``memory`` of its loss, the rest is the mean over the step, which does not depend on
        the order of the episodes within rounding. Raises BadDataError for losses that are no numbers.
        """
        if not np.isfinite(class_losses).all():
            raise BadDataError("a query loss is no number, so that hard types cannot be told; give a lower rate")
        seen: dict[TypeKey, list[float]] = {}
        for each, row in zip(episodes, class_losses.tolist(), strict=True):
            for key, loss in zip(each.types, row, strict=True):
                seen.setdefault(key, []).append(loss)
        losses = dict(self.losses)
        for key, found in seen.items():
            mean = float(np.mean(found))
            losses[key] = memory * losses[key] + (1.0 - memory) * mean if key in losses else mean
        return Hardness(losses=losses)
