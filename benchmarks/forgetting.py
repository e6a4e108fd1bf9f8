"""What the 10th type costs the nine before it: held-out images, found and named before and after it is taught.

A line is taught 10 types one after another, in an order drawn anew each time: those of a data folder with good images,
and painted ones on further good images of it until there are 10. Supports and test never share a leakage group, and
good images are either taught, painted on, or tested. Prints one JSON document:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.forgetting ../shared/data/leather \
        --draws 10 --out benchmarks/results/forgetting.json

With ``--kept FOLDER`` every draw is written there when it is done, and a run that was cut short goes on from these.
"""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.teach import backbone
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.imaging.painting import KINDS, paint
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.calibration import student_quantile
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise, UnitGrid
from inspect_pipeline.learning.examples import DefectRegion, Patches, cut_map
from inspect_pipeline.learning.teaching import teach_patches
from inspect_pipeline.services.examples import annotations, source_of, whole_roi

TYPES, GOOD = 10, 50
SETTINGS = DetectorSettings()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """One image of a type: its descriptors and its defect; ``defect`` is None for a good one."""

    whole: Tensor
    shape: tuple[int, int]
    defect: DefectRegion | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """What one draw teaches and tests: images by type in the order of teaching, and good ones."""

    supports: Mapping[str, Sequence[Shown]]
    tests: Mapping[str, Sequence[Shown]]
    good: Sequence[Shown]
    good_tests: Sequence[Shown]


def main() -> None:
    arguments = parsed()
    trunk, images = backbone(), read_data_folder(arguments.data)
    seeds = range(arguments.seed, arguments.seed + arguments.draws)
    curves = [kept_or_made(trunk, images, arguments, seed=seed) for seed in seeds]
    options = {name: getattr(arguments, name) for name in ("shot", "tests", "draws", "seed")}
    document = {
        "command": f"python -m benchmarks.forgetting {arguments.data.name} "
        + " ".join(f"--{name} {value}" for name, value in options.items()),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "types": TYPES,
        "good": GOOD,
        "lost_points_of_known_types": {
            "intervals": "95% over draws (Student)",
            "when the 10th is taught": losses(curves, TYPES - 1, TYPES),
            "since each was taught": losses(curves, None, TYPES),
        },
        "overkill": {
            str(count): spread([curve["overkill"][count - 1] for curve in curves]) for count in (1, TYPES - 1, TYPES)
        },
        "draws": curves,
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data folder with good images and several types")
    for name, default in (("shot", 5), ("tests", 15), ("draws", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    parser.add_argument("--kept", type=Path, help="folder of the draws that this revision has done")
    return parser.parse_args()


def kept_or_made(
    trunk: Backbone, images: Sequence[LabelledImage], arguments: argparse.Namespace, *, seed: int
) -> dict[str, Any]:
    """Return the curve of one draw, from the folder of kept ones where this revision made it with these options."""
    if arguments.kept is None:
        return sequence(trunk, drawn(trunk, images, arguments, seed=seed))
    options = f"{arguments.data.name}-{arguments.shot}-{arguments.tests}-{seed}"
    file: Path = arguments.kept / f"{options}-{code_revision()}.json"
    if file.exists():
        curve: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return curve
    curve = sequence(trunk, drawn(trunk, images, arguments, seed=seed))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(curve), encoding="utf-8")
    return curve


def drawn(trunk: Backbone, images: Sequence[LabelledImage], arguments: argparse.Namespace, *, seed: int) -> Draw:
    generator = np.random.default_rng([seed, 23])
    shot, tests = arguments.shot, arguments.tests
    names = sorted({image.class_name for image in images if not is_normal(image.class_name)})[:TYPES]
    painted = [str(kind) for kind in generator.permutation(sorted(KINDS))[: TYPES - len(names)]]
    good = list(by_group([image for image in images if is_normal(image.class_name)], generator))
    supports, held_out = {}, {}
    for name in names:
        own = by_group([image for image in images if image.class_name == name], generator)
        taught = own[:shot]
        groups = {image.group for image in taught}
        rest = [image for image in own[shot:] if image.group not in groups or not image.group][:tests]
        supports[name], held_out[name] = ([shown(trunk, image) for image in part] for part in (taught, rest))
    for kind in painted:
        canvases, good = good[: shot + tests], good[shot + tests :] + good[: shot + tests]
        made = [painted_on(trunk, kind, image.load(), generator) for image in canvases]
        supports[f"painted {kind}"], held_out[f"painted {kind}"] = made[:shot], made[shot:]
    order = [str(name) for name in generator.permutation(sorted(supports))]
    plain, rest = good[:GOOD], good[GOOD : GOOD + 4 * tests]
    groups = {image.group for image in plain if image.group}
    return Draw(
        supports={name: supports[name] for name in order},
        tests=held_out,
        good=[shown(trunk, image) for image in plain],
        good_tests=[shown(trunk, image) for image in rest if image.group not in groups],
    )


def by_group(images: Sequence[LabelledImage], generator: np.random.Generator) -> list[LabelledImage]:
    """Return the images in an order of their groups drawn anew, those of a group together."""
    groups: dict[str, list[LabelledImage]] = {}
    for image in images:
        groups.setdefault(image.group or image.source, []).append(image)
    names = sorted(groups)
    return [image for k in generator.permutation(len(names)) for image in groups[names[int(k)]]]


def shown(trunk: Backbone, image: LabelledImage) -> Shown:
    pixels = image.load()
    found = annotations(image, pixels)
    defect = None
    if found:
        name, mask = found[0]
        roi = whole_roi(pixels)
        defect = DefectRegion(roi=roi, mask=mask, defect_type=name, source=source_of(mask), label=image.source)
    return described(trunk, pixels, defect)


def painted_on(trunk: Backbone, kind: str, pixels: Pixels, generator: np.random.Generator) -> Shown:
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    strength = 0.5 + 0.5 * float(generator.uniform())
    canvas, mask = paint(kind, np.asarray(grey, dtype=np.uint8), generator=generator, strength=strength)
    factor = (canvas.astype(np.float32) + 1.0) / (np.asarray(grey, dtype=np.float32) + 1.0)
    factor = factor if pixels.ndim == 2 else factor[..., None]
    coloured = np.clip(pixels * factor, 0, 255).astype(np.uint8)
    name = f"painted {kind}"
    region = DefectRegion(
        roi=whole_roi(coloured), mask=mask, defect_type=name, source=RegionSource.DRAWN, label=f"{name} {mask.sum()}"
    )
    return described(trunk, coloured, region)


def described(trunk: Backbone, pixels: Pixels, defect: DefectRegion | None) -> Shown:
    shape = (int(pixels.shape[0]), int(pixels.shape[1]))
    return Shown(whole=dense_map(trunk, pixels, two_scales=SETTINGS.two_scales), shape=shape, defect=defect)


def sequence(trunk: Backbone, draw: Draw) -> dict[str, Any]:
    """Return, for every number of types taught, the share found and named of each type known by then."""
    order = list(draw.supports)
    cut = {name: [patches(one, frame=0) for one in shown] for name, shown in draw.supports.items()}
    good = tuple(unit for number, one in enumerate(draw.good) for unit in patches(one, frame=number).good)
    curve: dict[str, Any] = {"order": order, "found": [], "named": [], "overkill": []}
    for count in range(1, len(order) + 1):
        supports = tuple(one for name in order[:count] for part in cut[name] for one in part.supports)
        lesson = Patches(good=good, supports=supports)
        detector = teach_patches(trunk, lesson, promise=Promise(), settings=SETTINGS, seed=0).detector
        judged = {name: [judge(detector, one) for one in draw.tests[name]] for name in order[:count]}
        curve["found"].append({name: share([found for found, _ in rows]) for name, rows in judged.items()})
        curve["named"].append({name: share([said == name for _, said in rows]) for name, rows in judged.items()})
        curve["overkill"].append(share([judge(detector, one)[0] for one in draw.good_tests]))
    return curve


def patches(one: Shown, *, frame: int) -> Patches:
    defects = [] if one.defect is None else [one.defect]
    normals = [whole_roi(np.empty(one.shape, dtype=np.uint8))] if one.defect is None else []
    return cut_map(one.whole, normals, defects, frame=frame, unit=UnitGrid(), settings=SETTINGS)


def judge(detector: Detector, one: Shown) -> tuple[bool, str]:
    """Return whether the image alarms, and what its strongest region is named."""
    maps = detector.judge(one.whole)
    found = bool(maps.strongest.max() >= 1.0)
    (typing,) = detector.name_regions(maps, [whole_roi(np.empty(one.shape, dtype=np.uint8))])
    return found, typing.defect_type if found else "missed"


def share(values: Sequence[bool]) -> float:
    return float(np.mean(values))


def losses(curves: Sequence[Mapping[str, Any]], before: int | None, after: int) -> dict[str, Any]:
    """Return points lost by the types known before, mean of a draw's types; ``before`` None: when first taught."""
    rows = {}
    for what in ("found", "named"):
        lost = []
        for curve in curves:
            known = curve["order"][: after - 1]
            first = [curve[what][(place if before is None else before - 1)] for place in range(len(known))]
            drops = [first[k][name] - curve[what][after - 1][name] for k, name in enumerate(known)]
            lost.append(100.0 * float(np.mean(drops)))
        rows[what] = spread(lost)
    return rows


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return mean and the 95% interval over draws."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return {"value": mean, "interval": None}
    width = student_quantile(0.975, count - 1) * float(np.std(values, ddof=1)) / count**0.5
    return {"value": mean, "interval": [mean - width, mean + width]}


if __name__ == "__main__":
    main()
