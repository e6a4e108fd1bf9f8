"""How long teaching takes and how much it needs: one type beside 20 known ones, and 100 types of 10 samples.

Descriptors are of real defects where data folders are given, else of painted ones on synthetic textures. Types beyond
those of the folders are further samples of the same ones under names of their own: they cost what other types cost.
``seconds`` are those of teaching the last type on a line that was taught the others before: descriptors and the work on
good material are kept in the feature store. ``first_seconds`` are without that work.
Each row runs in a process of its own, so that its peak memory is its own. Prints one JSON document:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.teach ../shared/data/neu_det \
        ../shared/data/gc10_224 ../shared/data/x_sdd --normals ../shared/data/kolektor_sdd \
        --out benchmarks/results/teach.json
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.painting import KINDS, paint
from inspect_pipeline.imaging.web_textures import TEXTURES, texture
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, Patches, cut_patches
from inspect_pipeline.learning.kept_work import NOTHING_KEPT, KeptWork
from inspect_pipeline.learning.patch_bytes import packed, unpacked
from inspect_pipeline.learning.support_regions import Describer
from inspect_pipeline.learning.teaching import Taught, teach_patches
from inspect_pipeline.services.examples import folder_examples, whole_roi
from inspect_pipeline.services.kept_work import stored_work
from inspect_pipeline.settings import load_settings
from inspect_pipeline.store.features import FileFeatureStore

GOOD_UNITS, SAMPLES_A_TYPE, REPEATS = 50, 10, 3
LONG_S = 30.0  # what takes longer is not repeated
SETTINGS = DetectorSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many types of so many samples; with ``backbone`` the last type's samples are described anew."""

    types: int
    shots: int
    backbone: bool = False


ROWS = {
    "21": Row(types=21, shots=5),
    "21-backbone": Row(types=21, shots=5, backbone=True),
    "100": Row(types=100, shots=10),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Frames to teach from: ``good`` ones and ``samples``, one defect each, ``SAMPLES_A_TYPE`` a type in a row."""

    good: tuple[FrameRegions, ...]
    samples: tuple[FrameRegions, ...]


def main() -> None:
    arguments = parsed()
    if arguments.row is not None:
        print(json.dumps(measured(arguments, Path(arguments.patches))))
        return
    with tempfile.TemporaryDirectory() as folder:
        frames = material(arguments)
        patches = cut(backbone(), (*frames.good, *frames.samples))
        files = {name: Path(folder) / f"{number}.safetensors" for number, name in enumerate(arguments.rows)}
        for name, file in files.items():
            file.write_bytes(packed(chosen(patches, types=ROWS[name].types, shots=ROWS[name].shots)))
        rows = {name: child(name, file) for name, file in files.items()}
    folders = " ".join(each.name for each in arguments.data)
    document = {
        "command": f"python -m benchmarks.teach {folders} --seed {arguments.seed} --rows {' '.join(arguments.rows)}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "material": "real defects" if arguments.data else "painted defects on synthetic textures",
        "rows": rows,
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", help="data folders with defects; none: painted ones")
    parser.add_argument("--normals", type=Path, help="data folder with good images; none: synthetic texture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="what to measure")
    parser.add_argument("--row", choices=list(ROWS), help=argparse.SUPPRESS)
    parser.add_argument("--patches", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(row: str, patches: Path) -> dict[str, Any]:
    """Return what a process of its own measured."""
    command = [sys.executable, "-m", "benchmarks.teach", "--row", row, "--patches", str(patches)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def measured(arguments: argparse.Namespace, file: Path) -> dict[str, Any]:
    """Return seconds (best of a few), peak memory and bytes of one row.

    ``ratio`` is in passes of one 512 x 512 px frame through the backbone, measured in the same process;
    ``load_average`` is that of the machine's last minute at the end: what is above 1 is other programs.
    """
    row, trunk = ROWS[arguments.row], backbone()
    patches = unpacked(Patches, file.read_bytes())
    frame_s = best(lambda: dense_map(trunk, painted(0, 0, side_px=512)[0]))
    before_mib = peak_mib()
    new = [sample_frame(row.types, number, seed=7) for number in range(row.shots)] if row.backbone else []
    known = replace(patches, supports=patches.supports[: -row.shots])

    def once(work: KeptWork) -> Taught:
        supports = (*known.supports, *(cut(trunk, new).supports if new else patches.supports[-row.shots :]))
        lesson = replace(patches, supports=supports)
        return teach_patches(trunk, lesson, promise=Promise(), settings=SETTINGS, seed=0, kept=work)

    first_s = best(lambda: once(NOTHING_KEPT))
    seconds, taught = taught_beside(trunk, known, once)
    detector = taught.detector
    whole, bare = (size_bytes(one) for one in (detector, replace(detector, heads=(), regions=None)))
    return {
        "what": f"{row.types} types of {row.shots} samples"
        + (", those of the last one through the backbone" if row.backbone else ", all descriptors at hand"),
        "types": row.types,
        "supports": len(patches.supports),
        "good_units": len(patches.good),
        "seconds": round(seconds, 3),
        "first_seconds": round(first_s, 3),
        "frame_512_seconds": round(frame_s, 4),
        "ratio": round(seconds / frame_s, 1),
        "first_ratio": round(first_s / frame_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "peak_mib": round(peak_mib()),
        "peak_mib_before_teaching": round(before_mib),
        "bytes_per_type": round((whole - bare) / row.types),
        "bundle_bytes": whole,
        "found_left_out": sum(one.found.count for one in taught.leave_one_out),
    }


def taught_beside(trunk: Backbone, known: Patches, once: Callable[[KeptWork], Taught]) -> tuple[float, Taught]:
    """Return seconds of a teaching whose line was taught the known types before, and what it gave."""
    seconds, outcomes = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            work = stored_work(FileFeatureStore(Path(folder), limit_bytes=1 << 32), trunk)
            if known.supports:
                teach_patches(trunk, known, promise=Promise(), settings=SETTINGS, seed=0, kept=work)
            started = time.perf_counter()
            outcomes.append(once(work))
            seconds.append(time.perf_counter() - started)
        if seconds[-1] > LONG_S:
            break
    return min(seconds), outcomes[-1]


def cut(trunk: Backbone, frames: Sequence[FrameRegions]) -> Patches:
    """Return the patches of frames, their samples described as teaching describes them."""
    describe = Describer(backbone=trunk, settings=SETTINGS).drawn
    return cut_patches(trunk, frames, unit=Promise().unit, settings=SETTINGS, describe=describe)


def chosen(patches: Patches, *, types: int, shots: int) -> Patches:
    """Return the first samples of the first types, the good units all."""
    names = list(dict.fromkeys(support.defect_type for support in patches.supports))[:types]
    if len(names) < types:
        raise SystemExit(f"the folders give {len(names)} types of {SAMPLES_A_TYPE} samples, {types} are needed")
    of_type = [[one for one in patches.supports if one.defect_type == name][:shots] for name in names]
    return replace(patches, supports=tuple(itertools.chain(*of_type)))


def material(arguments: argparse.Namespace) -> Material:
    generator = np.random.default_rng([arguments.seed, 11])
    wanted = max(ROWS[name].types for name in arguments.rows)
    real = list(real_samples(arguments.data, wanted, generator)) if arguments.data else []
    samples = real or [sample_frame(t, n, seed=arguments.seed) for t in range(wanted) for n in range(SAMPLES_A_TYPE)]
    if arguments.normals is None:
        good = [FrameRegions(pixels=plain(n, 512), normals=(Roi(top=0, left=0, bottom=512, right=512),), defects=())
                for n in range(GOOD_UNITS)]  # fmt: skip
    else:
        images = read_data_folder(arguments.normals)
        found = (one.regions for one in folder_examples(images, per_class=GOOD_UNITS, generator=generator))
        good = [one for one in found if one.normals][:GOOD_UNITS]
    return Material(good=tuple(good), samples=tuple(samples))


def real_samples(folders: Sequence[Path], types: int, generator: np.random.Generator) -> Iterator[FrameRegions]:
    """Yield frames of one defect, the classes in turn, ``SAMPLES_A_TYPE`` at a time under one name of its own."""
    images = {folder: read_data_folder(folder) for folder in folders}
    classes = sum(len({image.class_name for image in found}) for found in images.values())
    per_class = SAMPLES_A_TYPE * -(-2 * types // classes)  # twice as many: small classes run out
    queues: dict[str, list[FrameRegions]] = {}
    for folder, found in images.items():
        for example in folder_examples(found, per_class=per_class, generator=generator):
            for defect in example.regions.defects:
                frame = replace(example.regions, normals=(), defects=(defect,))
                queues.setdefault(f"{folder.name} {defect.defect_type}", []).append(frame)
    parts = [
        (turn, name, queue[turn * SAMPLES_A_TYPE : (turn + 1) * SAMPLES_A_TYPE])
        for turn in range(types)
        for name, queue in sorted(queues.items())
    ]
    for turn, name, part in [part for part in parts if len(part[2]) == SAMPLES_A_TYPE][:types]:
        yield from (named(frame, f"{name} {turn}") for frame in part)


def named(frame: FrameRegions, name: str) -> FrameRegions:
    return replace(frame, defects=tuple(replace(defect, defect_type=name) for defect in frame.defects))


def sample_frame(kind: int, number: int, *, seed: int) -> FrameRegions:
    """Return a painted frame of 224 x 224 px: the kind of painter and how strongly it paints make the type."""
    pixels, mask = painted(kind, [seed, number], side_px=224)
    region = DefectRegion(
        roi=whole_roi(pixels),
        mask=mask,
        defect_type=f"painted {kind}",
        source=RegionSource.DRAWN,
        label=f"painted {kind} {number}",
    )
    return FrameRegions(pixels=pixels, normals=(), defects=(region,))


def painted(kind: int, key: Any, *, side_px: int) -> tuple[Any, Any]:
    names = sorted(KINDS)
    generator = np.random.default_rng(np.append(kind, key))
    strength = 0.2 + 0.8 * (kind // len(names) % 10) / 9
    return paint(names[kind % len(names)], plain(kind, side_px), generator=generator, strength=strength)


def plain(number: int, side_px: int) -> Any:
    name = next(each for each in TEXTURES if each != "patches")
    blocks = texture(name, key=[number], width_px=side_px)
    rows: list[Any] = []
    for index in itertools.count():
        if sum(len(part) for part in rows) >= side_px:
            break
        rows.append(blocks(index))
    field = np.concatenate(rows)[:side_px]
    return np.clip(150.0 * (1.0 + field), 0, 255).astype(np.uint8)


def backbone() -> Backbone:
    settings = load_settings(Path(tempfile.gettempdir()), folder=None, environment={})
    stores = Stores(settings=settings, progress=lambda *_: None, clock=lambda: None)  # type: ignore[arg-type,return-value]
    return build_backbone(settings.backbone.name, stores.backbone_weights())


def best(work: Any) -> float:
    """Return the least seconds of a few runs: other programs only make it slower."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
        if seconds[-1] > LONG_S:
            break
    return min(seconds)


def size_bytes(detector: Any) -> int:
    bundle = detector.to_bundle({})
    return len(bundle.tensors) + len(json.dumps(bundle.manifest))


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
