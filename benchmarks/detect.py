"""Detection from a few samples on data folders, over repeated draws: `evaluate --task detect`, folder by folder.

Each folder is measured in a new workspace, so from the frozen backbone and without any meta-training: nothing of it was
learned from. Prints one JSON document:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.detect ../shared/data/kolektor_sdd \
        ../shared/data/bsdata --draws 10 --curve-shots 1 3 5 10 --out benchmarks/results/detect.json

Against the frozen backbone, paired on the same draws at every number of --shots: an initialization that the other
folders of --history trained, each measured folder left out of what its own was trained on, or one that is registered:

    python -m benchmarks.detect ../shared/data/bsdata --against frozen --shots 1 3 5 --history ../shared/data/*/
    python -m benchmarks.detect ../shared/data/bsdata --against frozen --model initialization.default@3 --workspace DIR
"""

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cli.documents import document_of
from inspect_pipeline.learning.detector_settings import GAUSSIAN, NORMALITIES
from inspect_pipeline.services.detect_figures import estimate
from inspect_pipeline.settings import load_settings


def main() -> None:
    arguments = parsed()
    document = {
        "command": command(sys.argv[1:]),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
    }
    if arguments.against is None:
        document["materials"] = {folder.name: measured(folder, arguments) for folder in arguments.data}
    else:
        document["against"] = arguments.against
        document["materials"] = {folder.name: compared(folder, arguments) for folder in arguments.data}
        document["pooled"] = pooled(document["materials"])
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def command(words: Sequence[str]) -> str:
    """Return the command with the names of folders and files instead of where they lie on this machine."""
    named = [Path(word).name if "/" in word else word for word in words]
    return shlex.join(["python", "-m", "benchmarks.detect", *named])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data folders")
    for name, default in (("shot", 5), ("normals", 20), ("draws", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("curve-shots", "curve-normals"):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=[])
    parser.add_argument("--normality", choices=NORMALITIES, default=GAUSSIAN, help="what good material is described by")
    parser.add_argument("--baselines", choices=("fast", "all"), default="fast")
    parser.add_argument("--against", choices=("frozen",), help="compare an initialization, paired")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 3, 5], help="with --against")
    parser.add_argument("--history", type=Path, nargs="+", help="folders to train on, without the one measured")
    parser.add_argument("--method", default="protonet", help="with --history")
    parser.add_argument("--model", help="a registered initialization, with --workspace")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    arguments = parser.parse_args()
    if arguments.against is not None and (arguments.history is None) == (arguments.model is None):
        parser.error("--against compares an initialization: give --history or --model, not both")
    if (arguments.model is None) != (arguments.workspace is None):
        parser.error("--model names what is registered in --workspace; give both or neither")
    if arguments.against is None and (arguments.history or arguments.model):
        parser.error("--history and --model belong to --against frozen")
    return arguments


def measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the answer of the command for one folder, and the seconds it took."""
    normality = arguments.normality
    with tempfile.TemporaryDirectory() as workspace, opened(Path(workspace), normality=normality) as house:
        started = time.perf_counter()
        summary = house.evaluate_detection(
            folder,
            shot=arguments.shot,
            normals=arguments.normals,
            draws=arguments.draws,
            seed=arguments.seed,
            curve_shots=sorted(arguments.curve_shots),
            curve_normals=sorted(arguments.curve_normals),
            fine_tuned=arguments.baselines == "all",
        )
        seconds = time.perf_counter() - started
    return {**document_of(summary), "seconds": seconds}


def compared(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what an initialization gains over the frozen backbone on one folder, and what it was trained on."""
    if arguments.model is not None:
        with opened(arguments.workspace) as house:
            return comparison(house, folder, arguments, arguments.model)
    with tempfile.TemporaryDirectory() as workspace, opened(Path(workspace)) as house:
        others = [other for other in arguments.history if other.resolve().name != folder.resolve().name]
        trained = house.train(others, method=arguments.method, name="default", seed=arguments.seed)
        document = comparison(house, folder, arguments, f"{trained.model}@{trained.version}")
    return {**document, "trained_on": list(trained.families)}


def comparison(house: House, folder: Path, arguments: argparse.Namespace, model: str) -> dict[str, Any]:
    started = time.perf_counter()
    found = house.compare_detection(
        folder,
        shots=sorted(arguments.shots),
        normals=arguments.normals,
        draws=arguments.draws,
        seed=arguments.seed,
        model=model,
    )
    return {**document_of(found), "seconds": time.perf_counter() - started}


def pooled(materials: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the paired difference at every number of shots, the materials of a draw weighing the same."""
    rows: dict[int, dict[str, list[list[float]]]] = {}
    for material in materials.values():
        for point in material["points"]:
            for name, figure in point["figures"].items():
                if figure["per_draw"] is not None:
                    rows.setdefault(point["shot"], {}).setdefault(name, []).append(figure["per_draw"])
    return [
        {
            "shot": shot,
            "difference": {
                name: {**estimate(np.mean(values, axis=0), share=False), "materials": len(values)}
                for name, values in figures.items()
            },
        }
        for shot, figures in sorted(rows.items())
    ]


def opened(workspace: Path, *, normality: str = GAUSSIAN) -> House:
    """Return the house of a workspace with the built-in settings but for the normality."""
    settings = load_settings(workspace, folder=None, environment={})
    return open_house(replace(settings, detector=replace(settings.detector, normality=normality)))


if __name__ == "__main__":
    main()
