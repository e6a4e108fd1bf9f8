"""Several processes that share the tasks of a step (torchrun): each takes its tasks by number, gradients are summed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Self

import torch
import torch.distributed as dist
from torch import Tensor

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """This process among ``world``; alone by default."""

    rank: int = 0
    world: int = 1

    @classmethod
    def joined(cls) -> Self:
        """Return the group that this process has joined, or this process alone where there is none."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(rank=dist.get_rank(), world=dist.get_world_size())

    def share(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return this process's part of the numbers, every ``world``-th. Raises BadDataError for too few."""
        if len(numbers) < self.world:
            raise BadDataError(
                f"{len(numbers)} tasks a step cannot be shared by {self.world} processes; give as many tasks or more"
            )
        return numbers[self.rank :: self.world]

    def add_gradients(self, tensors: Mapping[str, Tensor]) -> None:
        """Give every tensor the sum of its gradients over the processes; one without any anywhere keeps none."""
        if self.world == 1:
            return
        names = sorted(tensors)
        some = tensors[names[0]]
        present = torch.tensor([tensors[n].grad is not None for n in names], dtype=torch.float32, device=some.device)
        dist.all_reduce(present)
        parts = [n for n, count in zip(names, present.tolist(), strict=True) if count > 0.0]
        gradients = [_gradient(tensors[n]) for n in parts]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        place = 0
        for name in parts:
            size = tensors[name].numel()
            tensors[name].grad = flat[place : place + size].reshape(tensors[name].shape).clone()
            place += size

    def agreed(self, number: float, *, device: torch.device) -> float:
        """Return the number of the first process, so that all decide alike; ``device`` is where they talk."""
        if self.world == 1:
            return number
        told = torch.tensor(number, dtype=torch.float64, device=device)
        dist.broadcast(told, src=0)
        return float(told)

    def gathered(self, rows: Tensor) -> Tensor:
        """Return the rows (t, ...) of all processes in the order of the numbers that ``share`` dealt out."""
        if self.world == 1:
            return rows
        counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(self.world)]
        dist.all_gather(counts, torch.tensor([len(rows)], dtype=torch.int64, device=rows.device))
        most = max(int(count) for count in counts)
        padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        dist.all_gather(parts, padded)
        interleaved = torch.stack(parts, dim=1).flatten(0, 1)  # row r of process p has number r * world + p
        return interleaved[: sum(int(count) for count in counts)]


@contextmanager
def joined_group(
    backend: Literal["gloo", "nccl"],
    *,
    method: str = "env://",
    rank: int = -1,
    world: int = -1,
    patience: timedelta = timedelta(minutes=30),
) -> Iterator[Processes]:
    """Join the processes that torchrun started ("env://": by the environment) and leave them in the end.

    "nccl" is for GPUs, one a process, "gloo" for CPUs. Who waits for another for longer than ``patience`` fails.
    """
    dist.init_process_group(backend, init_method=method, rank=rank, world_size=world, timeout=patience)
    try:
        yield Processes.joined()
    finally:
        dist.destroy_process_group()


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
