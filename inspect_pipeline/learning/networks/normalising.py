"""BatchNorm made explicit: statistics are arguments and results, and no running statistics ever move.

``frozen`` uses the running statistics that came with the weights. ``task`` takes the statistics of a task's supports
and uses them for its queries as well, so that queries never see each other. ``step`` does the same with a weight and a
bias for every step of the inner loop (MAML++: Antoniou, Edwards, Storkey 2019); the statistics are those of the
supports at that step, as in the authors' code, which never reads its running ones either.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import State
from inspect_pipeline.learning.networks.moments import channel_moments, per_channel

NormMode = Literal["frozen", "task", "step"]
"""Whose statistics BatchNorm uses: its running ones, the supports', or the supports' with affine maps by step."""
STEP = "step"


def checked_mode(mode: object) -> NormMode:
    """Return the mode. Raises BadDataError for another word."""
    found: NormMode | None = next((each for each in get_args(NormMode) if each == mode), None)
    if found is None:
        raise BadDataError(f"a normalisation {mode!r} is not known; choose one of {', '.join(get_args(NormMode))}")
    return found


@dataclass(slots=True, kw_only=True)
class ForwardPass:
    """What one forward pass knows of its samples, and what its layers find.

    The batch holds ``tasks`` tasks one after another. ``given`` are statistics (tasks, c) by layer, None while they are
    to be measured, which puts them into ``found``. ``step`` () or (tasks,) is that of the inner loop. ``generator``
    draws what is dropped in training. ``pooled`` (n, c) are the taps by module path.
    """

    tasks: int = 1
    given: State | None = None
    step: Tensor | None = None
    generator: torch.Generator | None = None
    found: dict[str, Tensor] = field(default_factory=dict)
    pooled: dict[str, Tensor] = field(default_factory=dict)


_RUNNING: ContextVar[ForwardPass | None] = ContextVar("running", default=None)  # one a thread: modules are shared


@contextmanager
def running(forward: ForwardPass) -> Iterator[ForwardPass]:
    """Make ``forward`` the pass that the layers of this thread see."""
    token = _RUNNING.set(forward)
    try:
        yield forward
    finally:
        _RUNNING.reset(token)


def current_pass() -> ForwardPass:
    """Return the pass of this thread. Raises BadDataError outside one: a layer alone does not know its task."""
    forward = _RUNNING.get()
    if forward is None:
        raise BadDataError("a network of explicit statistics was called by itself; call embed_support or embed")
    return forward


class ExplicitNorm(nn.Module):
    """BatchNorm whose statistics come from the pass; ``path`` is its name in a State.

    ``weight`` and ``bias`` are (c,), or (steps, c) in mode ``step``. Only ``frozen`` has running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, mode: NormMode, steps: int = 1, eps: float = 1e-5) -> None:
        super().__init__()
        shape = (steps, channels) if mode == "step" else (channels,)
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.mode, self.eps, self.path = mode, eps, ""
        if mode == "frozen":
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.weight.shape[-1]

    @property
    def measures(self) -> bool:
        """Whether the pass under way is one of supports, whose statistics are to be taken."""
        return self.mode != "frozen" and current_pass().given is None

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias (1, c), or (tasks, c) where tasks stand at different steps."""
        if self.mode != "step":
            return self.weight[None], self.bias[None]
        step = current_pass().step
        if step is None:
            raise BadDataError(f"layer {self.path} normalises by step and the state names none; take embed_support's")
        at = step.reshape(-1)
        return self.weight.index_select(0, at), self.bias.index_select(0, at)

    def measure(self, x: Tensor, sign: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and variance (tasks, c) of the supports and keep them; ``sign`` (c,) is already in x."""
        forward = current_pass()
        mean, var = channel_moments(x, forward.tasks)
        forward.found[f"{self.path}.mean"] = mean if sign is None else mean * sign
        forward.found[f"{self.path}.var"] = var
        return mean, var

    def known(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance, (1, c) running ones or (tasks, c) of the supports."""
        if self.mode == "frozen":
            return self.running_mean[None], self.running_var[None]
        given = current_pass().given
        if given is None:
            raise BadDataError(f"layer {self.path} has no statistics yet; embed the supports first")
        return given[f"{self.path}.mean"], given[f"{self.path}.var"]

    def scale_and_shift(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Return what an activation is multiplied by and what is added to it, (1, c) or (tasks, c)."""
        weight, bias = self.affine()
        scale = weight * torch.rsqrt(var + self.eps)
        return scale, bias - mean * scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised activations, in the type and layout of x (n, c, *places)."""
        mean, var = self.measure(x) if self.measures else self.known()
        return per_channel(x, *self.scale_and_shift(mean, var))


def name_norms(network: nn.Module) -> None:
    """Give every explicit layer its path, by which its statistics stand in a State."""
    for path, module in network.named_modules():
        if isinstance(module, ExplicitNorm):
            module.path = path


def state_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return what a State of one task holds, by name."""
    layers = [module for module in network.modules() if isinstance(module, ExplicitNorm) and module.mode != "frozen"]
    shapes: dict[str, tuple[int, ...]] = {
        f"{layer.path}.{word}": (layer.channels,) for layer in layers for word in ("mean", "var")
    }
    return {**shapes, STEP: ()} if any(layer.mode == "step" for layer in layers) else shapes


def checked_state(state: State, shapes: Mapping[str, tuple[int, ...]], lead: tuple[int, ...]) -> State:
    """Return the state of ``lead`` tasks when it fits the network. Raises BadDataError that names what does not."""
    wanted = {name: (*lead, *shape) for name, shape in shapes.items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise BadDataError(
            f"the state has {len(wrong)} entries that do not fit, the first is {name!r}: {found.get(name)} where "
            f"{wanted.get(name)} is expected; use what embed_support gave for these tasks"
        )
    return state
