"""Tiny embeddings as pure functions, for inner loops: a matrix, and a convolution with the BatchNorm of a task."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import conv2d, softplus

from inspect_pipeline.learning.embedding import Option, State
from inspect_pipeline.learning.weight_files import checked_tensors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TinyMatrix:
    """Descriptors tanh(x A + b) of samples (d,): ``matrix`` (d, dims), ``bias`` (dims)."""

    matrix: Tensor
    bias: Tensor

    @classmethod
    def drawn(cls, inside: int, dims: int, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Self:
        generator = torch.Generator().manual_seed(seed)
        matrix = torch.randn(inside, dims, generator=generator, dtype=dtype) / inside**0.5
        return cls(matrix=matrix, bias=torch.zeros(dims, dtype=dtype))

    @property
    def dims(self) -> int:
        return len(self.bias)

    @property
    def sample_ndim(self) -> int:
        return 1

    def form(self) -> dict[str, Option]:
        return {"kind": "tiny_matrix", "dims": self.dims}

    def tensors(self) -> dict[str, Tensor]:
        return {"matrix": self.matrix, "bias": self.bias}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        given = checked_tensors(tensors, self.tensors(), what="the tiny matrix")
        return replace(self, matrix=given["matrix"], bias=given["bias"])

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        return self.embed(support, tensors, {}), {}

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        return (samples @ tensors["matrix"] + tensors["bias"]).tanh()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TinyConv:
    """A 3 x 3 convolution of images (1, h, w), BatchNorm of the supports with a bias a step, softplus, mean pool.

    ``kernel`` (dims, 1, 3, 3), ``shift`` (steps, dims); a step beyond takes the last one's.
    """

    kernel: Tensor
    shift: Tensor

    @classmethod
    def drawn(cls, dims: int, *, steps: int = 1, seed: int = 0, dtype: torch.dtype = torch.float32) -> Self:
        generator = torch.Generator().manual_seed(seed)
        kernel = torch.randn(dims, 1, 3, 3, generator=generator, dtype=dtype) / 3.0
        return cls(kernel=kernel, shift=torch.zeros(steps, dims, dtype=dtype))

    @property
    def dims(self) -> int:
        return len(self.kernel)

    @property
    def sample_ndim(self) -> int:
        return 3

    def form(self) -> dict[str, Option]:
        return {"kind": "tiny_conv", "dims": self.dims, "steps": len(self.shift)}

    def tensors(self) -> dict[str, Tensor]:
        return {"kernel": self.kernel, "shift": self.shift}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        given = checked_tensors(tensors, self.tensors(), what="the tiny convolution")
        return replace(self, kernel=given["kernel"], shift=given["shift"])

    def embed_support(self, support: Tensor, tensors: Mapping[str, Tensor], *, step: int = 0) -> tuple[Tensor, State]:
        maps = self._maps(support, tensors)
        state = {
            "mean": maps.mean(dim=(-4, -2, -1)),
            "var": maps.var(dim=(-4, -2, -1), correction=0),
            "shift": tensors["shift"][min(step, len(self.shift) - 1)].expand(*support.shape[:-4], self.dims),
        }
        return self._pooled(maps, state), state

    def embed(self, samples: Tensor, tensors: Mapping[str, Tensor], state: State) -> Tensor:
        return self._pooled(self._maps(samples, tensors), state)

    def _maps(self, samples: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        flat = conv2d(samples.reshape(-1, *samples.shape[-3:]), tensors["kernel"])
        return flat.reshape(*samples.shape[:-3], *flat.shape[1:])

    def _pooled(self, maps: Tensor, state: State) -> Tensor:
        mean, var, shift = (state[name][..., None, :, None, None] for name in ("mean", "var", "shift"))
        return softplus((maps - mean) * (var + 1e-5).rsqrt() + shift).mean(dim=(-2, -1))
