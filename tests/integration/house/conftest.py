"""One run of the small loop for all tests that look at it; whoever changes the workspace takes a copy."""

import shutil
from pathlib import Path

import pytest

from tests.integration.house.solar_plant import Loop, run_loop


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """The loop from an empty workspace to the report."""
    return run_loop(tmp_path_factory.mktemp("house") / "workspace")


@pytest.fixture
def workspace(loop: Loop, tmp_path: Path) -> Path:
    """The workspace of the loop, copied."""
    return Path(shutil.copytree(loop.workspace, tmp_path / "workspace"))
