"""How long a fresh process takes to its first verdict on the CPU, and where the time goes.

A line is taught from a data folder on a workspace of its own. Then fresh processes judge a frame with a defect, each
in one way: ``registry`` (the version in force from MLflow and the catalog, as scoring finds it), ``file`` (the bundle
read from its known path, without MLflow), ``graph`` (``models export --format onnx`` by ONNX Runtime, without torch:
score maps against the limits, no names). ``load_to_verdict`` is what comes after imports and open stores: all that a
process that is there already pays.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.first_verdict ../shared/data/kolektor_sdd \
        --out benchmarks/results/first_verdict.json
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House

WAYS = ("registry", "file", "graph")
TARGET_S = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data folder with images/normal and boxes.csv")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        print(json.dumps(CHILDREN[arguments.child](arguments.data)))
        return
    text = json.dumps(measured(arguments), indent=1)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the stages of every way, medians over fresh processes that take turns."""
    from inspect_pipeline.bootstrap.revision import code_revision

    with tempfile.TemporaryDirectory() as folder:
        shape = _prepared(arguments.data, Path(folder))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        before = os.getloadavg()[0]
        for _ in range(arguments.repeats + 1):
            for way in WAYS:
                runs[way].append(_child(way, Path(folder)))
        after = os.getloadavg()[0]
    ways = {way: _summary(rows[1:]) for way, rows in runs.items()}  # the first ones read files from a cold disk
    return {
        "command": f"python -m benchmarks.first_verdict {arguments.data.name} --repeats {arguments.repeats}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "load_average": {"before": round(before, 1), "after": round(after, 1)},
        "frame_px": shape,
        "repeats": arguments.repeats,
        "target_s": TARGET_S,
        "ways": ways,
    }


def _prepared(data: Path, folder: Path) -> list[int]:
    """Teach the line, keep its bundle as files and as a graph, and one defective frame; return the frame's shape."""
    from benchmarks.taught_line import DETECTOR, in_force, taught
    from inspect_pipeline.bootstrap.house import open_house
    from inspect_pipeline.imaging.decode import decode
    from inspect_pipeline.settings import load_settings

    settings = load_settings(folder / "workspace", folder=None, environment={})
    with open_house(settings) as house:
        version = taught(house, data, shot=5, normals=20, folder=folder / "images")
        in_force(house, DETECTOR, version)
        house.export_model(DETECTOR, version=version, out=folder / "line.bundle.zip")
        image = _defective(house, version)
        (folder / "frame.img").write_bytes(image)
        shape = decode(image, name="frame").shape
        house.serving.export_graph(
            DETECTOR,
            form="onnx",
            out=folder / "line.onnx",
            size=(shape[0], shape[1], 3 if len(shape) == 3 else 1),
            version=version,
        )
    return list(shape)


def _defective(house: "House", version: str) -> bytes:
    """Return the first image of the rest in which the detector finds a defect."""
    from benchmarks.taught_line import DETECTOR
    from inspect_pipeline.learning.detector import Detector
    from inspect_pipeline.services.single_image import judged_image

    detector = Detector.from_bundle(house.registry.load(DETECTOR, version=version)[1])
    with house.catalog.transaction() as unit:
        frames = unit.frames("rest")
    images = (house.images.get(frame.image or "") for frame in frames)
    return next(image for image in images if judged_image(detector, image)["verdict"] == "DEFECT")


def _child(way: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.first_verdict", str(folder), "--child", way]
    environment = {**os.environ, "FIRST_VERDICT_STARTED": repr(time.time())}
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    stages = {name: round(statistics.median(row["wall_s"][name] for row in rows), 3) for name in rows[0]["wall_s"]}
    cpu = {name: round(statistics.median(row["cpu_s"][name] for row in rows), 3) for name in rows[0]["cpu_s"]}
    loaded = [row["wall_s"]["load"] + row["wall_s"]["verdict"] for row in rows]
    return {
        "wall_s": stages,
        "cpu_s": cpu,
        "load_to_verdict_s": round(statistics.median(loaded), 3),
        "load_to_verdict_spread_s": [round(min(loaded), 3), round(max(loaded), 3)],
        "load_to_verdict_cpu_s": round(cpu["load"] + cpu["verdict"], 3),
        "fresh_process_s": round(statistics.median(sum(row["wall_s"].values()) for row in rows), 3),
        "fresh_process_cpu_s": round(sum(cpu.values()), 3),
        "verdicts": sorted({row["verdict"] for row in rows}),
    }


class Stages:
    """Wall and CPU seconds of each stage of this process, the interpreter's start first."""

    def __init__(self) -> None:
        self.wall = {"start": time.time() - float(os.environ["FIRST_VERDICT_STARTED"])}
        self.cpu = {"start": time.process_time()}
        self._at = time.perf_counter(), time.process_time()

    def ended(self, name: str) -> None:
        now = time.perf_counter(), time.process_time()
        self.wall[name], self.cpu[name] = now[0] - self._at[0], now[1] - self._at[1]
        self._at = now

    def answer(self, verdict: str) -> dict[str, Any]:
        return {"wall_s": self.wall, "cpu_s": self.cpu, "verdict": verdict}


def by_registry(folder: Path) -> dict[str, Any]:
    stages = Stages()
    import mlflow  # noqa: F401 - its import is counted with the others

    from inspect_pipeline.bootstrap.house import open_house
    from inspect_pipeline.domain.bundle import detector_name
    from inspect_pipeline.learning.detector import Detector
    from inspect_pipeline.services.in_force import version_in_force
    from inspect_pipeline.services.single_image import judged_image
    from inspect_pipeline.settings import load_settings

    stages.ended("import")
    model = detector_name("line", "default")
    with open_house(load_settings(folder / "workspace", folder=None, environment={})) as house:
        house.models.registry.models()
        stages.ended("open")
        version = version_in_force(house.catalog, house.registry, model)
        detector = Detector.from_bundle(house.registry.load(model, version=version)[1])
        stages.ended("load")
        verdict = judged_image(detector, (folder / "frame.img").read_bytes())["verdict"]
        stages.ended("verdict")
    return stages.answer(str(verdict))


def by_file(folder: Path) -> dict[str, Any]:
    stages = Stages()
    from inspect_pipeline.learning.detector import Detector
    from inspect_pipeline.services.single_image import judged_image
    from inspect_pipeline.store.bundles import import_bundle

    stages.ended("import")
    detector = Detector.from_bundle(import_bundle(folder / "line.bundle.zip")[1])
    stages.ended("load")
    verdict = judged_image(detector, (folder / "frame.img").read_bytes())["verdict"]
    stages.ended("verdict")
    return stages.answer(str(verdict))


def by_graph(folder: Path) -> dict[str, Any]:
    stages = Stages()
    import onnxruntime  # noqa: F401 - its import is counted with the others

    from inspect_pipeline.imaging.decode import decode
    from inspect_pipeline.runtimes.score_graphs import limits_of, open_score_graph

    stages.ended("import")
    graph = open_score_graph((folder / "line.onnx").read_bytes(), "onnxruntime", threads=1)
    _, _, limits = limits_of((folder / "line.json").read_bytes())
    stages.ended("load")
    raw = graph.raw_scores(decode((folder / "frame.img").read_bytes(), name="frame"))
    alarms = bool((raw >= limits[:, None, None]).any())
    stages.ended("verdict")
    return stages.answer("alarm" if alarms else "PASS")


CHILDREN = {"registry": by_registry, "file": by_file, "graph": by_graph}

if __name__ == "__main__":
    main()
