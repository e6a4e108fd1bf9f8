"""Taps: activations at several depths, each pooled where it arises, L2-normed and joined to one descriptor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.networks.normalising import current_pass

Pool = Literal["max", "gem", "mean", "first"]
"""Over places or tokens: the greatest, the generalized mean of power 3 (Radenovic et al. 2018), the mean, token 0."""
_GEM_POWER = 3.0
_LEAST = 1e-6  # the generalized mean is one of positive values


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A module path of the network, or ``<block>.expansion`` of an inverted residual block, and how it is pooled."""

    name: str
    pool: Pool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the tap of a text like ``blocks.5:max``. Raises BadDataError."""
        name, _, word = text.strip().partition(":")
        pool = next((each for each in get_args(Pool) if each == word), None)
        if not name or pool is None:
            raise BadDataError(f"a tap {text!r} cannot be read; write <module>:<{'|'.join(get_args(Pool))}>")
        return cls(name=name, pool=pool)

    @property
    def path(self) -> str:
        """The module path whose output is pooled."""
        return f"{self.name.removesuffix('.expansion')}.bn1" if self.name.endswith(".expansion") else self.name

    def __str__(self) -> str:
        return f"{self.name}:{self.pool}"


def parse_taps(text: str) -> tuple[Tap, ...]:
    """Return the taps of a list with commas. Raises BadDataError for none, or one that is named twice."""
    taps = tuple(Tap.parse(each) for each in text.split(","))
    if len({tap.path for tap in taps}) != len(taps):
        raise BadDataError(f"taps {text!r} name a module twice; name each once")
    return taps


def pooled(x: Tensor, how: Pool) -> Tensor:
    """Return one value a channel, (n, c), of activations (n, c, h, w) or tokens (n, tokens, c)."""
    if x.ndim == 3:
        x = x.mT
    if how == "first":
        return x.flatten(2)[..., 0]
    if how == "max":
        return x.flatten(2).amax(dim=2)
    if how == "gem":
        return x.clamp(min=_LEAST).pow(_GEM_POWER).flatten(2).mean(dim=2).pow(1.0 / _GEM_POWER)
    return x.flatten(2).mean(dim=2)


def hook_taps(trunk: nn.Module, taps: Sequence[Tap]) -> None:
    """Have every tapped module leave its pooled output in the pass under way. Raises WeightsError for one not there."""
    for tap in taps:
        try:
            module = trunk.get_submodule(tap.path)
        except AttributeError as error:
            known = ", ".join(key for key, _ in trunk.named_children())
            raise WeightsError(f"there is no module {tap.path!r} to tap; the parts are {known}") from error
        module.register_forward_hook(_leaving(tap))


def joined(taps: Sequence[Tap]) -> Tensor:
    """Return the taps of the pass under way side by side (n, d), each L2-normed when there are several.

    Raises WeightsError for a tap that the network never reached.
    """
    found = current_pass().pooled
    missing = [tap.name for tap in taps if tap.path not in found]
    if missing:
        raise WeightsError(f"the network never runs {missing[0]!r}; tap parts that it runs after the cut")
    parts = [found.pop(tap.path) for tap in taps]
    return parts[0] if len(parts) == 1 else torch.cat([normalize(part, dim=-1) for part in parts], dim=-1)


def _leaving(tap: Tap) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def leave(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # Pooled here and now: a later layer may work in place, and the whole activation need not be kept.
        current_pass().pooled[tap.path] = pooled(output, tap.pool)

    return leave
