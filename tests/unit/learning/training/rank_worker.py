"""One of the processes that torchrun starts: trains its share and writes what it has in the end."""

import sys
from dataclasses import replace
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


def main(folder: Path) -> None:
    """Train, and write the state of each process."""
    with joined_group("gloo") as processes:
        run = training(SHARED, processes=processes)
        losses = [run.step() for _ in range(STEPS)]
        losses.append(processes.agreed(10.0 + processes.rank, device=torch.device("cpu")))
        (folder / f"{processes.rank}.safetensors").write_bytes(run.to_bytes())
        (folder / f"{processes.rank}.txt").write_text(" ".join(repr(loss) for loss in (*losses, run.report.accuracy)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
