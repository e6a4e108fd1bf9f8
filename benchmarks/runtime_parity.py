"""Every runtime and precision beside torch in float32, on real frames: scores, verdicts, speed.

A line is taught from each data folder on a workspace of its own; the other images (the first ``--frames``) are judged
by torch and by each runtime. Of a frame the difference is the largest of any score, in multiples of the threshold
(above 1 relative to it). Speed is that of describing a frame, the part that a runtime does: CPU seconds of torch over
those of the runtime, median over the frames, each frame by all one after the other.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.runtime_parity ../shared/data/kolektor_sdd \
        ../shared/data/mvtec_bottle --out benchmarks/results/runtime_parity.json
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.taught_line import DETECTOR, taught
from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.runtimes import equip
from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict, decide
from inspect_pipeline.domain.geometry import strip_left
from inspect_pipeline.domain.material import CapturedFrame, Pixels
from inspect_pipeline.domain.parity import FrameParity, Parity, ParityRules, parity_reasons, parity_to
from inspect_pipeline.domain.statistics import student_interval
from inspect_pipeline.errors import ConfigError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.runtimes.opening import RUNTIMES, TORCH
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.parity import batch_difference, score_difference
from inspect_pipeline.services.scoring import findings_in
from inspect_pipeline.settings import BackboneSettings, load_settings

SHOT, NORMALS = 5, 20


@dataclass(kw_only=True)
class Tried:
    """What one runtime made of the frames so far."""

    detector: Detector
    frames: list[FrameParity] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    batch: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="data folders with images/normal and boxes.csv")
    parser.add_argument("--frames", type=int, default=200, help="at most, of each folder")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    before = os.getloadavg()[0]
    materials = {data.name: material(data, arguments.frames) for data in arguments.data}
    document = {
        "command": f"python -m benchmarks.runtime_parity {' '.join(materials)} --frames {arguments.frames}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "load_average": {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)},
        "versions": {name: version(name) for name in ("torch", "onnxruntime", "openvino")},
        "shot": SHOT,
        "normals": NORMALS,
        "materials": materials,
    }
    text = json.dumps(document, indent=1)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def material(data: Path, frames: int) -> dict[str, Any]:
    """Return what every runtime makes of the images that did not teach."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder) / "workspace", folder=None, environment={})
        with open_house(settings) as house:
            number = taught(house, data, shot=SHOT, normals=NORMALS, folder=Path(folder) / "images")
            bundle = house.registry.load(DETECTOR, version=number)[1]
            with house.catalog.transaction() as unit:
                known = [frame for frame in unit.frames("rest") if frame.usable][:frames]
            refused, tried = opened(house, bundle)
            reference = Detector.from_bundle(bundle)
            for frame in known:
                pixels = decode(house.images.get(frame.image or ""), name=frame.source)
                judge(frame, pixels, reference, tried)
    rows = {name: row(name, each) for name, each in tried.items()}
    return {"frames": len(known), "frame_px": list(pixels.shape), "runtimes": rows, "refused": refused}


def opened(house: House, bundle: Bundle) -> tuple[dict[str, str], dict[str, Tried]]:
    """Return why a runtime does not run here, and those that do."""
    refused, tried = {}, {}
    for runtime, precisions in RUNTIMES.items():
        for precision in precisions if runtime != TORCH else ():
            house.settings = replace(house.settings, backbone=BackboneSettings(runtime=runtime, precision=precision))
            try:
                tried[f"{runtime} {precision}"] = Tried(detector=equip(house, Detector.from_bundle(bundle), bundle))
            except ConfigError as error:
                refused[f"{runtime} {precision}"] = str(error)
    return refused, tried


def judge(frame: CapturedFrame, pixels: Pixels, reference: Detector, tried: dict[str, Tried]) -> None:
    """Judge one frame by torch and by every runtime, one after the other."""
    wanted, scores, torch_s = judged(frame, pixels, reference)
    for each in tried.values():
        found, others, own_s = judged(frame, pixels, each.detector)
        difference = score_difference(scores, others)
        each.frames.append(FrameParity(frame=frame.source, wanted=wanted, found=found, difference=difference))
        each.ratios.append(torch_s / own_s)
        each.batch = batch_difference(each.detector.backbone, pixels) if each.batch is None else each.batch


def judged(frame: CapturedFrame, pixels: Pixels, detector: Detector) -> tuple[Verdict, NDArray[np.float32], float]:
    """Return the verdict, the strongest scores and the CPU seconds of describing the frame."""
    started = time.process_time()
    patches = frame_map(detector.backbone, pixels, detector.settings)
    seconds = time.process_time() - started
    maps = detector.judge(patches)
    edge = strip_left([frame])
    findings = findings_in(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=Taxonomy())
    return decide(findings), maps.strongest, seconds


def row(name: str, tried: Tried) -> dict[str, Any]:
    """Return the figures of one runtime, and what the gate's rules say of them."""
    exact = name.endswith("f32")
    parity = Parity(runtime=name, exact=exact, frames=tuple(tried.frames), batch_difference=tried.batch)
    _, low, high = student_interval(tried.ratios)
    figures = parity_to(parity) or {}
    return {
        **figures,
        "median_difference": float(np.median([each.difference for each in tried.frames])),
        "gained_alarms": sum(each.wanted is Verdict.PASS and each.found is not Verdict.PASS for each in tried.frames),
        "times_as_fast": {"median": statistics.median(tried.ratios), "mean_interval": [low, high]},
        "gate": parity_reasons(parity, ParityRules()),
    }


if __name__ == "__main__":
    main()
