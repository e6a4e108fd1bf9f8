"""Optimizer, rates of single tensors, and the course of the rate; without torch, to be read at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """How gradients become steps; the defaults are plain Adam (Kingma and Ba 2015) at a constant rate.

    ``weight_decay`` is decoupled for "adamw" (Loshchilov and Hutter 2019), L2 for the others. ``rates`` multiply the
    rate of tensors whose name begins with a key, the longest that fits; 0 freezes them. The rate rises over
    ``warm_up`` steps and then stays, or falls by a cosine to ``last_rate`` of itself at the last step (Loshchilov and
    Hutter 2017). ``clip`` is the most that the norm of the gradient may be, 0 for any.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)
    schedule: Literal["constant", "cosine"] = "constant"
    warm_up: int = 0
    last_rate: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in ("adam", "adamw", "sgd") or self.schedule not in ("constant", "cosine"):
            raise BadDataError(
                f"optimizer {self.name!r} with schedule {self.schedule!r} is not known; "
                "choose adam, adamw or sgd, and constant or cosine"
            )
        if not (0.0 <= self.momentum < 1.0 and 0.0 <= self.last_rate <= 1.0):
            raise BadDataError("optimization: momentum lies from 0 to below 1, last_rate between 0 and 1")
        if not all(0.0 <= rate <= 1000.0 for rate in self.rates.values()):
            raise BadDataError(f"rates {dict(self.rates)} cannot be used; give multipliers of 0 or more")
        if self.warm_up < 0 or self.clip < 0.0 or self.weight_decay < 0.0:
            raise BadDataError("optimization: warm_up, clip and weight_decay are 0 or more")

    def multiplier(self, name: str) -> float:
        """Return what the rate of a tensor is multiplied by."""
        fitting = [prefix for prefix in self.rates if name.startswith(prefix)]
        return self.rates[max(fitting, key=len)] if fitting else 1.0

    def share(self, step: int, steps: int) -> float:
        """Return the share of the full rate at a step, 0..steps-1, of a training of so many."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        if self.schedule == "constant":
            return 1.0
        passed = min((step - self.warm_up) / max(steps - 1 - self.warm_up, 1), 1.0)
        return self.last_rate + (1.0 - self.last_rate) * 0.5 * (1.0 + math.cos(math.pi * passed))
