"""Full context embeddings of matching networks (Vinyals et al. 2016, section 2.1.2 and appendix A).

Supports go through a bidirectional LSTM in their order; a query is read by an LSTM that, at every step, attends to the
supports. Both work in ``width`` channels and add to the descriptor what they found: an LSTM as wide as a descriptor
would have millions of weights, learned from a few thousand samples. What they add is nothing at the start. As in the
paper the order of the supports matters, here that in which they are given. Weights are kept times the root of their
inputs' (or outputs') number, so that a step of Adam moves what they give by about its rate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FullContext:
    """Two readers of a task; their ``tensors`` are learned."""

    width: int
    steps: int
    tensors: Mapping[str, Tensor] = field(repr=False)

    @classmethod
    def started(cls, dims: int, *, width: int, steps: int, seed: int) -> Self:
        """Return readers that add nothing yet; what lies behind the zeros is drawn from ``seed``."""
        generator = torch.Generator().manual_seed(seed)

        def drawn(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=generator)

        tensors = {"context_in": math.sqrt(dims) * drawn(dims, width)}  # descriptors have length 1
        for reader in ("forward", "backward", "query"):
            inputs = width if reader != "query" else 2 * width
            tensors[f"{reader}_gates"] = drawn(inputs + width, 4 * width)
            tensors[f"{reader}_bias"] = torch.cat([torch.ones(width), torch.zeros(3 * width)])  # forgets late
        tensors["support_out"] = torch.zeros(2 * width, dims)
        tensors["query_out"] = torch.zeros(width, dims)
        return cls(width=width, steps=steps, tensors=tensors)

    def beside(self, supports: Tensor) -> Tensor:
        """Return supports (..., n, d), each knowing the others."""
        x = self._entered(supports)
        both = torch.cat([self._pass(x, "forward"), self._pass(x.flip(-2), "backward").flip(-2)], dim=-1)
        return supports + both @ self.tensors["support_out"] / math.sqrt(supports.shape[-1])

    def read(self, queries: Tensor, supports: Tensor) -> Tensor:
        """Return queries (..., q, d), each knowing the supports (..., n, d) and none of the other queries."""
        x, memory = self._entered(queries), self._entered(supports)
        hidden, cell = torch.zeros_like(x), torch.zeros_like(x)
        for _ in range(self.steps):
            attention = (normalize(hidden + x, dim=-1) @ normalize(memory, dim=-1).mT).softmax(dim=-1)
            hidden, cell = self._cell(torch.cat([x, attention @ memory], dim=-1), hidden, cell, "query")
        return queries + hidden @ self.tensors["query_out"] / math.sqrt(queries.shape[-1])

    def _entered(self, samples: Tensor) -> Tensor:
        return samples @ self.tensors["context_in"] / math.sqrt(samples.shape[-1])

    def _pass(self, x: Tensor, reader: str) -> Tensor:
        hidden = cell = torch.zeros_like(x[..., 0, :])
        states = []
        for place in range(x.shape[-2]):
            hidden, cell = self._cell(x[..., place, :], hidden, cell, reader)
            states.append(hidden)
        return torch.stack(states, dim=-2)

    def _cell(self, x: Tensor, hidden: Tensor, cell: Tensor, reader: str) -> tuple[Tensor, Tensor]:
        inputs = torch.cat([x, hidden], dim=-1)
        gates = inputs @ self.tensors[f"{reader}_gates"] / math.sqrt(inputs.shape[-1]) + self.tensors[f"{reader}_bias"]
        forget, enter, give, value = gates.chunk(4, dim=-1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * value.tanh()
        return give.sigmoid() * cell.tanh(), cell
