"""Fixtures and plugins that every test may use."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "tests.required_in_ci", "tests.integration.postgres"]

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real labelled images: ``INSPECT_TEST_DATA`` or ``../shared/data``; skips by name without it."""
    root = Path(os.environ.get("INSPECT_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no labelled images at {root}; set INSPECT_TEST_DATA to the folder that holds neu_det and others")
    return root
