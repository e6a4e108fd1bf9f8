"""Which code is running: the git revision of a checkout, else the package's version."""

import shutil
import subprocess
from pathlib import Path

from inspect_pipeline import __version__


def code_revision() -> str:
    """Return ``<version>+g<revision>[.dirty]`` in a git checkout with git at hand, else the version."""
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return __version__
    asked = subprocess.run(  # noqa: S603 - fixed arguments
        [git, "-C", str(root), "describe", "--always", "--dirty=.dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return f"{__version__}+g{asked.stdout.strip()}" if asked.returncode == 0 else __version__
