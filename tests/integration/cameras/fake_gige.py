"""The GigE Vision camera of aravis-tools, in a network of its own: it and its clients see nothing but each other.

Camera and clients run in a child process that has its own network and process numbers: whatever ends it ends them all.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inspect_pipeline.cameras.gi_binding import load_aravis
from inspect_pipeline.errors import ConfigError

CAMERA = "arv-fake-gv-camera-0.8"
ROOT = Path(__file__).resolve().parents[3]
_LIMIT_S = 60.0


def run(scenario: str, *, lost_per_thousand: int = 0) -> Any:
    """Return what a scenario of ``gige_scenarios`` found, with a camera that loses so many packets."""
    if (reason := _why_not()) is not None:
        pytest.skip(reason)
    module = [sys.executable, "-W", "error", "-m", "tests.integration.cameras.gige_scenarios"]
    done = subprocess.run(
        [*_apart(), *module, scenario, str(lost_per_thousand)],
        cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{scenario}:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


@functools.cache
def _why_not() -> str | None:
    """Return why there can be no camera here, or None."""
    for program, package in ((CAMERA, "aravis-tools"), ("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            return f"{program} is not installed; apt-get install {package}"
    try:
        load_aravis()
    except ConfigError as error:
        return str(error)
    if subprocess.run([*_apart(), "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        return "this machine gives no network namespace (unshare --net); run the tests as root"
    return None


def _apart() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--net", "--pid", "--fork", "--kill-child"]
