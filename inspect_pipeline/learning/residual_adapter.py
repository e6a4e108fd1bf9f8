"""A low-rank change of the metric of good material, learned from cached descriptors: z becomes z + V U z.

A residual adapter (Rebuffi et al., NeurIPS 2017) behind the whitening, for before it the whitening would undo it. It is
merged into the whitening, so that a detector is stored and judges as before. Trained as prototypical networks are:
every sample is judged by the direction of the other samples of its type, against the best windows of good units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adapted, Deadline, Start
from inspect_pipeline.learning.dense_fit import support_part
from inspect_pipeline.learning.dense_head import Direction, fit_direction, whitened_moments
from inspect_pipeline.learning.gradient_head import good_windows, support_windows
from inspect_pipeline.learning.normality import fit_normality, moments, summed
from inspect_pipeline.learning.shaping import Shaping


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualSettings:
    """Rank, and AdamW's steps, rate and decay; ``windows`` best windows of a sample and ``bank_per_unit`` of a unit."""

    rank: int = 4
    steps: int = 60
    rate: float = 0.01
    decay: float = 0.1
    windows: int = 3
    bank_per_unit: int = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """One type: its samples' windows (n, k, d), and the windows (m, k', d) of good units that look most like it."""

    defect: Tensor
    good: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """Trains the adapter on whitened descriptors; the backbone is never run."""

    settings: ResidualSettings
    name: str = "residual"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:
        """Return the start with a metric. Raises BadDataError without a type of 2 samples."""
        with torch.inference_mode(False):
            tasks = list(_tasks(start, self.settings).values())
            if not tasks:
                raise BadDataError("residual needs a type with 2 samples, one to judge the other; keep closed_form")
            metric = _trained(tasks, self.settings, seed=seed, deadline=deadline)
        if metric is None:
            return None
        return Adapted(backbone=start.backbone, patches=start.patches, shaping=Shaping(metric=metric))


def _tasks(start: Start, settings: ResidualSettings) -> Mapping[str, _Task]:
    good = summed(moments(unit.patches) for unit in start.patches.good)
    normality = fit_normality(good, shrinkage=start.settings.shrinkage)
    reference = whitened_moments(good, normality)
    tasks = {}
    for name in sorted({support.defect_type for support in start.patches.supports}):
        supports = [support for support in start.patches.supports if support.defect_type == name]
        if len(supports) < 2:
            continue
        rows = torch.cat([support_part(support, normality, start.settings) for support in supports])
        first = fit_direction(reference, rows, ridge=start.settings.ridge)
        side = start.settings.smoothing_patches
        bank = good_windows(normality, start.patches.good, first, side, per_unit=settings.bank_per_unit)
        windows = [support_windows(normality, support, side) for support in supports]
        tasks[name] = _Task(defect=_alike(windows, first, settings.windows), good=_alike(bank, first, len(bank[0])))
    return tasks


def _alike(windows: Sequence[Tensor], first: Direction, count: int) -> Tensor:
    """Return the best ``count`` windows of each (n, count, d); a small one repeats its best."""
    picked = []
    for rows in windows:
        order = (rows @ first.weight).argsort(descending=True)[:count]
        padded = torch.cat([order, order[:1].expand(count - len(order))])
        picked.append(rows[padded])
    return torch.stack(picked).clone()


def _trained(tasks: Sequence[_Task], settings: ResidualSettings, *, seed: int, deadline: Deadline) -> Tensor | None:
    """Return the metric (d, d), float64, or None when the deadline passed first."""
    dims = tasks[0].defect.shape[-1]
    generator = torch.Generator().manual_seed(seed)
    down = (torch.randn(settings.rank, dims, generator=generator) / dims**0.5).requires_grad_(True)
    up = torch.zeros(dims, settings.rank, requires_grad=True)
    optimizer = torch.optim.AdamW([down, up], lr=settings.rate, weight_decay=settings.decay)
    with torch.enable_grad():
        for _ in range(settings.steps):
            if deadline.passed:
                return None
            loss = torch.stack([_loss(task, down, up) for task in tasks]).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    change: Tensor = (up @ down).detach().double()
    return change + torch.eye(dims, dtype=torch.float64)


def _loss(task: _Task, down: Tensor, up: Tensor) -> Tensor:
    """Return how badly samples stand out from the best good windows, each by the direction of the others."""
    defect = task.defect + task.defect @ down.T @ up.T
    good = task.good + task.good @ down.T @ up.T
    mean = defect.mean(dim=1)
    others = (mean.sum(dim=0) - mean) / (len(mean) - 1)
    directions = others / others.norm(dim=1, keepdim=True).clamp(min=1e-12)
    own = torch.einsum("nkd,nd->nk", defect, directions).amax(dim=1)
    best = torch.einsum("mkd,nd->nmk", good, directions).amax(dim=2)
    spread = best.detach().std(dim=1, keepdim=True).clamp(min=1e-3) if best.shape[1] > 1 else 1.0
    return softplus((best - own[:, None]) / spread).mean()
