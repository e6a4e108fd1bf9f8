"""How long a person waits for a teaching: 5 samples beside 20 known types, and the preview over the last 500 findings.

A workspace of its own: real defects of data folders teach 20 types, others run down the line as a coil and are judged;
the class that nobody taught is labelled on its findings, as the queue does. Each run teaches 5 other samples by the
workbench's own use case, from the request to the answer in the job's document, and takes them back after.
``answer_s`` is with the samples described while they were picked (the page asks for that), ``cold_answer_s`` without;
in a workspace of before (``new_workspace`` false) runs of before have described some of them.
``cpu_s`` is the processor time of the process, which other programs disturb less than the wall clock.

    OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.teach_answer ../shared/data/neu_det \
        ../shared/data/gc10_224 ../shared/data/x_sdd --normals ../shared/data/kolektor_sdd \
        --out benchmarks/results/teach_answer.json
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.teach_line import (
    KNOWN_TYPES,
    LINE,
    NEW_TYPE,
    RECIPE,
    SHOTS,
    build,
    label,
    material,
    opened,
    strange_findings,
)
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.jobs import Job, JobState
from inspect_pipeline.services.workbench_teaching import TeachRequest

_LOOK_S = 0.05  # each look is a query of its own in this process


def main() -> None:
    arguments = parsed()
    found = material(arguments.data, arguments.normals, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        workspace = arguments.workspace or Path(folder)
        fresh = not (workspace / "catalog.sqlite").exists()
        if fresh:
            build(workspace, found)
        with opened(workspace) as house:
            bench = Workbench(house=house)
            picks = strange_findings(house, found)
            generator, runs = np.random.default_rng([arguments.draw, 29]), []
            for number in range(arguments.runs):
                drawn = generator.choice(len(picks), size=SHOTS, replace=False)
                ids = label(house, [picks[i] for i in sorted(drawn)], number)
                runs.append(measured(bench, ids, prepared=number % 2 == 0))
            bench.jobs.close()
    text = json.dumps({"new_workspace": fresh, **document(arguments, runs)}, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data folders with defects")
    parser.add_argument("--normals", type=Path, required=True, help="data folder with good images")
    parser.add_argument("--runs", type=int, default=6, help="every other one is cold")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=int, default=0, help="which samples are picked")
    parser.add_argument("--workspace", type=Path, help="keep the workspace here, and use it when it is there")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    return parser.parse_args()


def measured(bench: Workbench, ids: list[str], *, prepared: bool) -> dict[str, Any]:
    """Return what one teaching took, from the request on, and what it gave; it is taken back after."""
    if prepared:
        ended(bench, bench.teaching.prepare(LINE, RECIPE, ids, operator="bench"))
    request = TeachRequest(line=LINE, recipe=RECIPE, defect_type=NEW_TYPE, labels=tuple(ids))
    begin, cpu = time.perf_counter(), time.process_time()
    job = bench.teaching.start(request, operator="bench")
    answered = until(bench, job, "answer")
    answer_s, answer_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    begin, cpu = time.perf_counter(), time.process_time()
    previewed = until(bench, job, "preview")
    preview_s, preview_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    whole = ended(bench, job)
    ended(bench, bench.teaching.take_back(job.id, operator="bench"))
    if not answered.document["answer"]["new"]:
        raise SystemExit("these samples were taught in this workspace before; give another --draw or a new workspace")
    taught, preview = answered.document["answer"], previewed.document["preview"]
    return {
        "prepared": prepared,
        "answer_s": round(answer_s, 2),
        "answer_cpu_s": round(answer_cpu_s, 2),
        "preview_s": round(preview_s, 2),
        "preview_cpu_s": round(preview_cpu_s, 2),
        "effect_s": round(float(whole.document["effect_s"]), 1),
        "effect_frames": whole.document["effect"]["frames"],
        "found": [taught["leave_one_out"][NEW_TYPE]["found"], taught["leave_one_out"][NEW_TYPE]["of"]],
        "types": len(taught["leave_one_out"]),
        "findings": preview["findings"],
        "compared": preview["compared"],
        "renamed": preview["changed"]["count"],
        "load_average": round(os.getloadavg()[0], 1),
    }


def until(bench: Workbench, job: Job, part: str) -> Job:
    """Return the job as soon as its document has a part."""
    while True:
        now = bench.jobs.job(job.id)
        if part in now.document:
            return now
        if not now.state.open:
            raise SystemExit(f"the job ended {now.state} without {part}: {now.error}")
        time.sleep(_LOOK_S)


def ended(bench: Workbench, job: Job) -> Job:
    """Return the job when it is done."""
    while bench.jobs.job(job.id).state.open:
        time.sleep(_LOOK_S)
    now = bench.jobs.job(job.id)
    if now.state is not JobState.DONE:
        raise SystemExit(f"job {now.id} is {now.state}: {now.error}")
    return now


def document(arguments: argparse.Namespace, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the measurement with medians and ranges."""
    warm, cold = ([run for run in runs if run["prepared"] is kind] for kind in (True, False))
    folders = " ".join(each.name for each in arguments.data)
    return {
        "command": f"python -m benchmarks.teach_answer {folders} --normals {arguments.normals.name} "
        f"--runs {arguments.runs} --seed {arguments.seed} --draw {arguments.draw}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "known_types": KNOWN_TYPES,
        "shots": SHOTS,
        "answer_s": spread([run["answer_s"] for run in warm]),
        "answer_cpu_s": spread([run["answer_cpu_s"] for run in warm]),
        "cold_answer_s": spread([run["answer_s"] for run in cold]),
        "cold_answer_cpu_s": spread([run["answer_cpu_s"] for run in cold]),
        "preview_s": spread([run["preview_s"] for run in runs]),
        "preview_cpu_s": spread([run["preview_cpu_s"] for run in runs]),
        "runs": runs,
    }


def spread(values: list[float]) -> dict[str, float] | None:
    """Return median, lowest and highest."""
    if not values:
        return None
    return {"median": round(statistics.median(values), 2), "lowest": min(values), "highest": max(values)}


if __name__ == "__main__":
    main()
