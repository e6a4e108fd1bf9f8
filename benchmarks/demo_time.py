"""How long `inspect-pipeline demo` takes after installation, how much memory, and what a second run does.

Prints one JSON document: wall seconds of the first and second run, seconds of each stage, and the peak of the summed
proportional set size (PSS) of its processes, sampled twice a second. Run it on an otherwise idle machine:

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.demo_time --out benchmarks/results/demo_time.json
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.revision import code_revision

_SAMPLE_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    parser.add_argument("--data", type=Path, help="a data folder, instead of the solar cells")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flows", "demo", "--json", "--workspace", f"{folder}/workspace"]
        command += ["--out", f"{folder}/out"]
        if arguments.data is not None:
            command += ["--data", str(arguments.data)]
        first, second = run(command), run(command)
    document = {
        "command": "python -m flows demo --json --workspace NEW --out NEW"
        + (f" --data {arguments.data.name}" if arguments.data else ""),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "first_run": first,
        "second_run": {key: second[key] for key in ("wall_s", "stages", "peak_pss_mib")},
        "second_over_first": round(second["wall_s"] / first["wall_s"], 3),
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def run(command: list[str]) -> dict[str, Any]:
    """Return wall seconds, stages, answer and peak memory of one run. Raises when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = PeakMemory(process.pid)
    peak.start()
    answer, _ = process.communicate()
    wall_s = time.monotonic() - started
    peak.ended.set()
    peak.join()
    if process.returncode != 0:
        raise SystemExit(f"the demo ended with {process.returncode}")
    document = json.loads(answer)
    return {
        "wall_s": round(wall_s, 1),
        "stages": document["stages"],
        "peak_pss_mib": round(peak.bytes / 1024**2),
        "answer": shown(document),
    }


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """Return the demo's answer with its reports named by their files alone: no machine's paths go into results."""
    reports = [Path(report).name for report in document["reports"]]
    return {**document, "report": Path(document["report"]).name, "reports": reports}


class PeakMemory(threading.Thread):
    """Watches the summed PSS of a process and its descendants, so that shared pages count once."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_SAMPLE_S):
            self.bytes = max(self.bytes, sum(_pss(pid) for pid in _family(self.root)))


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
