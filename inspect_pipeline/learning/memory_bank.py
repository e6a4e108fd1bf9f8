"""Good material as a bounded set of its own patches: what lies far from every one of them is not normal.

The coreset is the greedy k-centre one of PatchCore (Roth et al. 2022), found in a random projection (Johnson and
Lindenstrauss). The Gaussian of ``normality.py`` describes one kind of surface; a bank holds several side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError

_PROJECTED = 48  # dimensions in which centres are looked for; distances at scoring are exact


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryBank:
    """Good patches that stand for all: ``rows`` float32 (m, d), as the backbone gives them."""

    rows: Tensor

    def distance(self, patches: Tensor) -> Tensor:
        """Return the Euclidean distance of patches (..., d) to the nearest row, (...)."""
        flat = patches.reshape(-1, patches.shape[-1])
        squares = self.rows.square().sum(dim=1) - 2.0 * flat @ self.rows.T
        nearest = squares.amin(dim=1) + flat.square().sum(dim=1)
        return nearest.clamp(min=0.0).sqrt().reshape(patches.shape[:-1])

    def extended(self, patches: Tensor, *, seed: int) -> "MemoryBank":
        """Return a bank of the same size over its own rows and more good patches (..., d)."""
        return fit_bank([self.rows, patches], size=len(self.rows), candidates=1 << 30, seed=seed)


def fit_bank(good: Sequence[Tensor], *, size: int, candidates: int, seed: int) -> MemoryBank:
    """Return at most ``size`` patches that cover the good ones (each (..., d)): each is the farthest from those before.

    Where there are more than ``candidates`` patches that many are drawn first, which bounds time and memory. The same
    seed gives the same bank. Raises BadDataError without any patch.
    """
    if not good or size < 1:
        raise BadDataError("a memory bank needs at least one known-good patch and one row; label some good regions")
    rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in good]).float()
    generator = np.random.default_rng(seed)
    if len(rows) > candidates:
        rows = rows[torch.from_numpy(np.sort(generator.permutation(len(rows))[:candidates]))]
    directions = generator.normal(size=(rows.shape[1], _PROJECTED)).astype(np.float32) / _PROJECTED**0.5
    return MemoryBank(rows=rows[_centres(rows @ torch.from_numpy(directions), size)].contiguous())


def _centres(points: Tensor, count: int) -> Tensor:
    """Return the numbers of the first ``count`` centres, greedily: the start is the point farthest from the mean."""
    squares = points.square().sum(dim=1)
    last = int((points - points.mean(dim=0)).square().sum(dim=1).argmax())
    chosen = [last]
    nearest = torch.full_like(squares, torch.inf)
    while len(chosen) < min(count, len(points)):
        nearest = torch.minimum(nearest, squares + squares[last] - 2.0 * (points @ points[last]))
        last = int(nearest.argmax())
        chosen.append(last)
    return torch.tensor(chosen)
