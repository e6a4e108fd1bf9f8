"""``kill -9`` and many processes on a real MLflow and a real catalog: alias, records and trail agree afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.required_in_ci
def test_after_ten_kills_and_eight_processes_at_once_registry_records_and_trail_agree(
    postgres_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    words = ["--kills", "5", "--processes", "8", "--rounds", "3", "--postgresql", postgres_url, "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.killed_promotion", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    found = json.loads(out.read_text())["databases"]
    assert [found[name]["faults"] for name in ("sqlite", "postgresql")] == [[], []]
    assert [found[name]["kills"] for name in ("sqlite", "postgresql")] == [5, 5]
    assert all(each["changes"] > 0 for each in found.values())
