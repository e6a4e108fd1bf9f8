"""Is the promise kept on the demo's held-out cells: overkill and escapes, over seeds and amounts of good material.

Trains once, then teaches and scores the poly line anew for every seed (other cells and supports, another camera),
with few and with more modules of good cells. Prints one JSON document:

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.promise_kept --seeds 0 1 2 --out benchmarks/results/promise_kept.json
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from inspect_pipeline.bootstrap.demo import Demo
from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.solar_demo import SolarDemoSettings
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.settings import load_settings

_SETTINGS = (
    replace(SolarDemoSettings(), teach_every_module=4, teach_functional=91),
    replace(SolarDemoSettings(), teach_every_module=3, teach_functional=139),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = trained(Path(folder))
        rows = [
            taught_and_scored(Path(folder) / f"{number}-{seed}", bundle, settings, seed=seed)
            for number, settings in enumerate(_SETTINGS)
            for seed in arguments.seeds
        ]
    document = {
        "command": f"python -m benchmarks.promise_kept --seeds {' '.join(map(str, arguments.seeds))}",
        "revision": code_revision(),
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "rows": rows,
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def trained(folder: Path) -> Path:
    """Return the file of an initialization trained on the demo's history."""
    with opened(folder / "history") as house:
        plan = house.demo.plan(None, seed=0)
        for coil in plan.coils:
            if coil.role is LabelRole.HISTORY:
                house.demo.ingest(plan, coil.id)
        summary = house.train(seed=0)
        return house.export_model(summary.model, version=summary.version, out=folder / "initialization.zip")


def taught_and_scored(folder: Path, bundle: Path, settings: SolarDemoSettings, *, seed: int) -> dict[str, object]:
    """Return what one teaching promised and what the held-out cells show."""
    with opened(folder) as house:
        model, _ = house.import_model(bundle)
        house.models.promote(model, operator="benchmark", reason="benchmark")
        demo = Demo(stores=house, solar=settings)
        plan = demo.plan(None, seed=seed)
        for coil in plan.coils:
            if coil.role is not LabelRole.HISTORY:
                demo.ingest(plan, coil.id)
        taught = house.adapt(line=plan.line, recipe=plan.recipe, seed=seed)
        for coil_id in plan.held_out:
            house.score(coil_id, model=f"{taught.model}@{taught.version}")
        metrics = demo.metrics(plan)
    return {
        "seed": seed,
        "good_cells": settings.teach_functional,
        "every_module": settings.teach_every_module,
        "settings": {key: value for key, value in asdict(settings).items() if key != "line"},
        "leave_one_out": taught.leave_one_out,
        "cross_fitted_overkill": taught.overkill,
        "promised_overkill": metrics["promised_overkill"],
        "overkill": metrics["overkill"],
        "escapes": metrics["escapes"],
    }


def opened(workspace: Path) -> House:
    """Return the house of a workspace with the built-in settings."""
    return open_house(load_settings(workspace, folder=None, environment={}))


if __name__ == "__main__":
    main()
