"""Detection from a few samples on data folders, over repeated draws: `evaluate --task detect`, folder by folder.

Each folder is measured in a new workspace, so from the frozen backbone and without any meta-training: nothing of it was
learned from. Prints one JSON document:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.detect ../shared/data/kolektor_sdd \
        ../shared/data/bsdata --draws 10 --out benchmarks/results/detect.json
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cli.documents import document_of
from inspect_pipeline.settings import load_settings


def main() -> None:
    arguments = parsed()
    folders = " ".join(folder.name for folder in arguments.data)
    options = {name: getattr(arguments, name) for name in ("shot", "normals", "draws", "seed")}
    document = {
        "command": f"python -m benchmarks.detect {folders} {' '.join(f'--{n} {v}' for n, v in options.items())}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "materials": {folder.name: measured(folder, options) for folder in arguments.data},
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data folders")
    for name, default in (("shot", 5), ("normals", 20), ("draws", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    return parser.parse_args()


def measured(folder: Path, options: dict[str, int]) -> dict[str, Any]:
    """Return the answer of the command for one folder, and the seconds it took."""
    with tempfile.TemporaryDirectory() as workspace, opened(Path(workspace)) as house:
        started = time.perf_counter()
        summary = house.evaluate_detection(folder, **options)
        seconds = time.perf_counter() - started
    return {**document_of(summary), "seconds": seconds}


def opened(workspace: Path) -> House:
    """Return the house of a workspace with the built-in settings."""
    return open_house(load_settings(workspace, folder=None, environment={}))


if __name__ == "__main__":
    main()
