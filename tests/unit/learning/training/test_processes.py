"""Two processes that share the tasks of a step learn what one does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.training.checkpoints import state_from_bytes
from inspect_pipeline.learning.training.processes import Processes
from tests.unit.learning.training.learned_material import training
from tests.unit.learning.training.rank_worker import SHARED, STEPS, train


def test_two_processes_are_one(tmp_path: Path) -> None:
    worker = [sys.executable, "-m", "tests.unit.learning.training.rank_worker", str(tmp_path)]
    with subprocess.Popen(worker) as second:
        train(tmp_path, 0)
    assert second.returncode == 0
    alone = training(SHARED)
    losses = [alone.step() for _ in range(STEPS)]
    states = [(tmp_path / f"{rank}.safetensors").read_bytes() for rank in (0, 1)]
    assert states[0] == states[1]  # they stay alike to the bit
    found = state_from_bytes(states[0])
    told = [[float(word) for word in (tmp_path / f"{rank}.txt").read_text().split()] for rank in (0, 1)]
    assert told[0] == told[1]
    assert told[0] == pytest.approx([*losses, 10.0, alone.report.accuracy], abs=1e-5)
    wanted = alone.state()
    assert float(wanted.head["log_scales"].abs().max()) > 0.1
    for name, tensor in wanted.head.items():
        torch.testing.assert_close(found.head[name], tensor, atol=1e-4, rtol=0.0)
    assert found.hardness.losses == pytest.approx(dict(wanted.hardness.losses), abs=1e-4)


def test_tasks_are_shared_by_number_and_too_few_are_refused() -> None:
    parts = [Processes(rank=rank, world=3).share(range(10, 17)) for rank in range(3)]
    assert [list(part) for part in parts] == [[10, 13, 16], [11, 14], [12, 15]]
    with pytest.raises(BadDataError, match="2 tasks a step cannot be shared by 3"):
        Processes(rank=0, world=3).share(range(2))
    with pytest.raises(BadDataError, match="8 tasks a step cannot be shared by 9"):
        training(processes=Processes(rank=0, world=9))


def test_alone_there_is_nothing_to_join_and_nothing_to_sum() -> None:
    alone = Processes.joined()
    tensor = torch.ones(2, requires_grad=True)
    alone.add_gradients({"a": tensor})
    assert (alone.rank, alone.world, tensor.grad) == (0, 1, None)
    assert alone.agreed(0.5, device=torch.device("cpu")) == 0.5
    assert alone.gathered(torch.ones(3)).tolist() == [1.0, 1.0, 1.0]
