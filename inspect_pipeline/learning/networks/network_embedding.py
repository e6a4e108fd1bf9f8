"""A network as an embedding: a pure map of samples and tensors, whatever module is inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Option, State
from inspect_pipeline.learning.networks.network_specs import NetworkSpec
from inspect_pipeline.learning.networks.normalising import STEP, ForwardPass, checked_state, running, state_shapes
from inspect_pipeline.learning.networks.timm_stages import dims_of
from inspect_pipeline.learning.weight_files import checked_tensors

PREFIX = "network."
_VALUES_AT_ONCE, _LEAST_BATCH = 2**19, 16  # benchmarks/throughput.py: an episode of Conv4 in 0.8 of the time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkEmbedding:
    """The descriptors of a network; the module is never changed, its numbers come with every call.

    ``learned`` are its parameters by name after ``network.``; ``constants`` are what is not learned: frozen
    parameters, running statistics and other buffers. ``sample_shape`` is that of one sample, of which the places may
    differ. ``generator`` draws what training drops (``dropping``), None everywhere else.
    """

    spec: NetworkSpec
    network: nn.Module
    learned: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]
    dims: int
    sample_shape: tuple[int, ...]
    state_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    generator: torch.Generator | None = None

    @classmethod
    def of(cls, spec: NetworkSpec, network: nn.Module, sample: Tensor) -> Self:
        """Return the embedding with the module's present numbers. Raises BadDataError for ``learned_from`` no link."""
        network = network.eval().requires_grad_(False)
        names = _learned_names(network, spec.learned_from)
        state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        return cls(
            spec=spec,
            network=network,
            learned={name: state[name].detach().clone() for name in names},
            constants={name: tensor.detach().clone() for name, tensor in state.items() if name not in names},
            dims=dims_of(network, sample),
            sample_shape=tuple(sample.shape[1:]),
            state_shapes=state_shapes(network),
        )

    @property
    def sample_ndim(self) -> int:
        """The dimensions of one sample: 3 for images and activations, 2 for tokens."""
        return len(self.sample_shape)

    @property
    def links(self) -> tuple[str, ...]:
        """The parts of the network from its entrance to its exit, as prefixes of parameter names."""
        return links_of(self.network)

    def form(self) -> dict[str, Option]:
        """Return what builds it again, without numbers."""
        return self.spec.form()

    def tensors(self) -> dict[str, Tensor]:
        """Return the learned parameters, names with ``network.`` before them."""
        return {f"{PREFIX}{name}": tensor for name, tensor in self.learned.items()}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return the same map with other parameters. Raises WeightsError."""
        given = checked_tensors(tensors, self.tensors(), what="the network")
        return replace(self, learned={name: given[f"{PREFIX}{name}"] for name in self.learned})

    def with_constants(self, constants: Mapping[str, Tensor]) -> Self:
        """Return the same map with other frozen numbers, as a bundle keeps them. Raises WeightsError."""
        return replace(self, constants=checked_tensors(constants, self.constants, what="what is frozen of the network"))

    def on(self, device: torch.device) -> Self:
        """Return the same map with every tensor on the device."""
        moved = [{name: each.to(device) for name, each in group.items()} for group in (self.learned, self.constants)]
        return replace(self, learned=moved[0], constants=moved[1])

    def dropping(self, generator: torch.Generator) -> Self:
        """Return the map for a step of training, which drops what the generator says (DropBlock of ResNet-12)."""
        return replace(self, generator=generator)

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        """Return the descriptors of the supports and, but for ``frozen``, the statistics (..., c) of every layer.

        A ``step`` beyond the network's takes the last one's weights. Raises BadDataError for samples of another shape.
        """
        lead = self._lead(support)
        given: dict[str, Tensor] = {}
        if STEP in self.state_shapes:
            last = getattr(self.network, "steps", 1) - 1
            given[STEP] = torch.full((), min(step, last), dtype=torch.long, device=support.device).expand(lead)
        features, found = self._by_task(support, tensors, lead, given, measuring=True)
        return features, {**found, **given}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        """Return the descriptors of queries. Raises BadDataError for a state of other tasks or another network."""
        lead = self._lead(samples)
        return self._by_task(samples, tensors, lead, checked_state(state, self.state_shapes, lead), measuring=False)[0]

    def _lead(self, samples: Tensor) -> tuple[int, ...]:
        """Return the dimensions before those of the samples of a task."""
        ndim = self.sample_ndim
        channels = -3 if ndim == 3 else -1
        if samples.ndim <= ndim or samples.shape[channels] != self.sample_shape[channels]:
            raise BadDataError(
                f"samples of shape {tuple(samples.shape)} do not fit a network of (..., n, "
                f"{', '.join(map(str, self.sample_shape))}); give those of its form"
            )
        return tuple(samples.shape[: -1 - ndim])

    def _by_task(
        self, samples: Tensor, tensors: Mapping[str, Tensor], lead: tuple[int, ...], given: State, *, measuring: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run a stack of tasks. On a CPU one after the other and queries in batches: what is small stays in the cache.

        Activations above some 30 MB are mapped anew by the allocator for every layer, which costs more than to fill
        them. Supports that are measured stay together.
        """
        tasks, size = prod(lead), samples.shape[len(lead)]
        flat = samples.flatten(0, len(lead)) if lead else samples
        known = {name: each.reshape(tasks, *each.shape[len(lead) :]) for name, each in given.items()}
        if samples.device.type != "cpu":
            features, found = self._run(flat, tensors, tasks, known, measuring=measuring)
        else:
            whole = size if measuring and self.state_shapes else _batch(self.sample_shape)
            pieces = [(task, part) for task in range(tasks) for part in _slices(task * size, (task + 1) * size, whole)]
            runs = [
                self._run(
                    flat[part],
                    tensors,
                    1,
                    {name: each[task : task + 1] for name, each in known.items()},
                    measuring=measuring,
                )
                for task, part in pieces
            ]
            features = torch.cat([run[0] for run in runs])
            found = {name: torch.cat([run[1][name] for run in runs]) for name in runs[0][1]}
        shaped = {name: each.reshape(*lead, *each.shape[1:]) for name, each in found.items()}
        return features.reshape(*lead, size, self.dims), shaped

    def _run(
        self, flat: Tensor, tensors: Mapping[str, Tensor], tasks: int, known: State, *, measuring: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        forward = ForwardPass(
            tasks=tasks, given=None if measuring else known, step=known.get(STEP), generator=self.generator
        )
        numbers = {**self.constants, **{name: tensors[f"{PREFIX}{name}"] for name in self.learned}}
        with running(forward):
            features: Tensor = functional_call(self.network, numbers, (_channels_last(flat),), strict=True)
        return features.float() if features.dtype in {torch.bfloat16, torch.float16} else features, forward.found


def links_of(network: nn.Module) -> tuple[str, ...]:
    """Return the parts of a network from entrance to exit."""
    links: tuple[str, ...] = network.links  # type: ignore[assignment]  # every network of this room has them
    return links


def _learned_names(network: nn.Module, learned_from: str) -> tuple[str, ...]:
    names = tuple(name for name, _ in network.named_parameters())
    if not learned_from:
        return names
    links = links_of(network)
    at = [place for place, link in enumerate(links) if learned_from in {link, link.removeprefix("trunk.")}]
    if not at:
        raise BadDataError(f"there is no part {learned_from!r} to learn from; the parts are {', '.join(links)}")
    if at[0] == 0:
        return names  # what lies outside the links (a class token) belongs to the entrance
    learned = tuple(f"{link}." for link in links[at[0] :])
    return tuple(name for name in names if name.startswith(learned))


def _batch(sample_shape: tuple[int, ...]) -> int:
    """Return how many samples a CPU runs at once: 24 of Conv4's at 84 px."""
    return max(_LEAST_BATCH, _VALUES_AT_ONCE // prod(sample_shape))


def _slices(first: int, end: int, size: int) -> list[slice]:
    return [slice(at, min(at + size, end)) for at in range(first, end, size)] or [slice(first, end)]


def _channels_last(x: Tensor) -> Tensor:
    """Return the same values laid out with channels last: pooling on a CPU is then 15 times as fast.

    Written with permutations, which ``vmap`` knows.
    """
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) if x.ndim == 4 else x
