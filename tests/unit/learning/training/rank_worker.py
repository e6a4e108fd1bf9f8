"""The second of two processes: trains its share and writes what it has in the end."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch

from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.training.optimization import Optimization
from inspect_pipeline.learning.training.processes import joined_group
from tests.unit.learning.training.learned_material import QUICK, training

SHARED = replace(
    QUICK,
    tasks_per_step=7,
    tasks_at_once=2,
    sampling=Sampling(policy="hard", unlabelled=1),
    optimization=Optimization(clip=1.0),
)
STEPS = 6


def train(folder: Path, rank: int) -> None:
    """Train as one of two, and write the state and the figures of this process."""
    meeting = f"file://{folder / 'meeting'}"
    with joined_group("gloo", method=meeting, rank=rank, world=2, patience=timedelta(minutes=2)) as processes:
        run = training(SHARED, processes=processes)
        losses = [run.step() for _ in range(STEPS)]
        losses.append(processes.agreed(10.0 + rank, device=torch.device("cpu")))
    (folder / f"{rank}.safetensors").write_bytes(run.to_bytes())
    (folder / f"{rank}.txt").write_text(" ".join(repr(loss) for loss in (*losses, run.report.accuracy)))


if __name__ == "__main__":
    train(Path(sys.argv[1]), 1)
