"""The optimizer of a head: groups of tensors by their rate, the rate of a step, and its state by name."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.training.optimization import Optimization

Multiplier = Callable[[str], float]
"""Gives what the rate of a tensor is multiplied by, from its name; 0 freezes it."""


class HeadOptimizer:
    """Steps the tensors of a head in place; those of multiplier 0 stay as they are."""

    def __init__(
        self,
        head: Mapping[str, Tensor],
        settings: Optimization,
        *,
        learning_rate: float,
        steps: int,
        multiplier: Multiplier | None = None,
    ) -> None:
        self._settings, self._learning_rate, self._steps = settings, learning_rate, steps
        rate_of = multiplier or settings.multiplier
        groups: dict[float, list[Tensor]] = {}
        for name, tensor in head.items():
            groups.setdefault(rate_of(name), []).append(tensor)
        moved = {rate: tensors for rate, tensors in groups.items() if rate > 0.0}
        if not moved:
            raise BadDataError(f"all of {', '.join(head)} are frozen; give a rate above 0 to what is to be learned")
        self._multipliers = list(moved)
        frozen = {id(tensor) for tensor in groups.get(0.0, [])}
        self._moved = {name: tensor for name, tensor in head.items() if id(tensor) not in frozen}
        self._optimizer = _built(list(moved.values()), settings, learning_rate)

    @property
    def moved(self) -> Mapping[str, Tensor]:
        """The tensors that are stepped, by name."""
        return self._moved

    def clear(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    def step(self, number: int) -> None:
        """Take step ``number`` by the gradients that the tensors have, clipped, at the rate of that step."""
        share = self._settings.share(number, self._steps)
        for group, multiplier in zip(self._optimizer.param_groups, self._multipliers, strict=True):
            group["lr"] = self._learning_rate * multiplier * share
        if self._settings.clip > 0.0:
            torch.nn.utils.clip_grad_norm_(list(self._moved.values()), self._settings.clip)
        self._optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the optimizer's memory, by ``tensor name/what``."""
        return {
            f"{name}/{what}": value.detach().clone()
            for name, tensor in self._moved.items()
            for what, value in self._optimizer.state.get(tensor, {}).items()
            if isinstance(value, Tensor)
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what ``state`` gave. Raises BadDataError for tensors that are not there or frozen."""
        found: dict[str, dict[str, Tensor]] = {}
        for key, value in state.items():
            name, _, what = key.rpartition("/")
            if name not in self._moved:
                raise BadDataError(f"the checkpoint has a memory of {name!r}, which is not learned here; start anew")
            place = value.device if what == "step" else self._moved[name].device
            found.setdefault(name, {})[what] = value.detach().clone().to(place)
        for name, memory in found.items():
            self._optimizer.state[self._moved[name]] = memory


def _built(groups: list[list[Tensor]], settings: Optimization, rate: float) -> torch.optim.Optimizer:
    given = [{"params": tensors} for tensors in groups]
    if settings.name == "sgd":
        return torch.optim.SGD(given, lr=rate, momentum=settings.momentum, weight_decay=settings.weight_decay)
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(given, lr=rate, weight_decay=settings.weight_decay)
