"""What the meta-learned prior of the dense head gives on a material that it never saw; prints one JSON document.

Every folder is left out in turn. The others give the prior and, each held out in turn among themselves, choose its
strength and decide whether it would be shipped; the one left out is then taught on the draws of `evaluate --task
detect`, with the prior and without, and only its type channel is compared. ``--unseen`` folders only measure.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.dense_prior ../shared/data/bsdata ... \
        --unseen ../shared/data/kolektor_sdd ... --out benchmarks/results/dense_prior.json
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.detect import opened
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.detection_metrics import escape_at, image_auroc
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.statistics import student_interval
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_episodes import dense_halves
from inspect_pipeline.learning.dense_features import dense_map, smoothed
from inspect_pipeline.learning.dense_fit import Variant, fit
from inspect_pipeline.learning.dense_prior import DensePriorSettings, difference_prior_of, fit_on_halves, select
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.difference_prior import DifferencePrior
from inspect_pipeline.learning.examples import DefectRegion, Patches, Support, cut_map
from inspect_pipeline.learning.normality import moments, summed
from inspect_pipeline.services.detect_draws import Drawn, DrawSpec, Labelled, draw
from inspect_pipeline.services.examples import annotations, source_of, whole_roi

METHOD = (
    "AUROC and escape at 5% overkill of the type channel, mean over types; differences are paired by draw, with "
    "Student's 95% interval over draws: the luck of the samples is in it, that of the materials is not"
)
SETTINGS = DetectorSettings()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """One image as teaching cuts it: good patches, or the samples of each type; ``whole`` (h, w, d) is judged."""

    labelled: Labelled
    whole: Tensor
    good: Patches
    supports: Mapping[str, Support]


def main() -> None:
    options = parsed()
    history = {folder.name: described(folder) for folder in options.data}
    unseen = {folder.name: described(folder) for folder in options.unseen}
    document = {
        "command": " ".join(["python -m benchmarks.dense_prior", *(a.rsplit("/", 1)[-1] for a in sys.argv[1:])]),
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seeds": {"draws": options.seed, "prior": options.seed},
        "draws": options.draws,
        "normals": options.normals,
        "intervals": METHOD,
        "materials": dict(measured(history, unseen, options)),
    }
    text = json.dumps(document, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="historical data folders, each left out in turn")
    parser.add_argument("--unseen", type=Path, nargs="*", default=[], help="data folders that no prior is fitted on")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 3, 5])
    for name, default in (("normals", 20), ("draws", 10), ("seed", 0), ("per-class", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    return parser.parse_args()


def described(folder: Path) -> list[Described]:
    with tempfile.TemporaryDirectory() as workspace, opened(Path(workspace)) as house:
        backbone = build_backbone(house.settings.backbone.name, house.backbone_weights())
    return [_described(image, backbone) for image in read_data_folder(folder)]


def _described(image: LabelledImage, backbone: Backbone) -> Described:
    pixels = image.load()
    roi = whole_roi(pixels)
    whole = dense_map(backbone, pixels)
    marked = annotations(image, pixels)
    good = cut_map(whole, [] if marked else [roi], [], frame=0, unit=UnitGrid(), settings=SETTINGS)
    supports = {}
    for name, mask in marked:
        region = DefectRegion(roi=roi, mask=mask, defect_type=name, source=source_of(mask), label=image.source)
        supports[name] = cut_map(whole, [], [region], frame=0, unit=UnitGrid(), settings=SETTINGS).supports[0]
    labelled = Labelled(types=tuple(sorted(supports)), group=image.group or image.source)
    return Described(labelled=labelled, whole=whole, good=good, supports=supports)


def measured(
    history: Mapping[str, Sequence[Described]],
    unseen: Mapping[str, Sequence[Described]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    halves = {
        name: dense_halves(name, _limited(images, options), settings=SETTINGS, seed=options.seed)
        for name, images in history.items()
    }
    found = {}
    for name, images in {**history, **unseen}.items():
        others = {family: parts for family, parts in halves.items() if family != name and parts}
        outcome = fit_on_halves(others, settings=DensePriorSettings(), seed=options.seed)
        moments_of, best = select(others, settings=DensePriorSettings(), seed=options.seed)
        prior = difference_prior_of(moments_of, best)
        print(f"{name}: prior of {', '.join(others)}: {best.name}", file=sys.stderr, flush=True)
        found[name] = {
            "prior_of": sorted(others),
            "candidate": best.name,
            "would_ship": outcome.chosen,
            "reason": outcome.reason,
            "held_out_among_the_others": dict(outcome.metrics),
            "shots": {str(shot): compared(name, images, prior, shot, options) for shot in options.shots},
        }
    return found


def _limited(images: Sequence[Described], options: argparse.Namespace) -> Patches:
    """Return what the outer loop sees of a material: so many images of a class at most, as `train` does."""
    by_class: dict[tuple[str, ...], list[Described]] = {}
    for image in images:
        by_class.setdefault(image.labelled.types, []).append(image)
    generator = np.random.default_rng(options.seed)
    chosen = [
        members[int(k)]
        for members in by_class.values()
        for k in generator.permutation(len(members))[: options.per_class]
    ]
    return Patches(
        good=tuple(unit for image in chosen for unit in image.good.good),
        supports=tuple(support for image in chosen for support in image.supports.values()),
    )


def compared(
    name: str, images: Sequence[Described], prior: DifferencePrior, shot: int, options: argparse.Namespace
) -> dict[str, Any]:
    spec = DrawSpec(shot=shot, normals=options.normals, draws=options.draws, seed=options.seed)
    labelled = [image.labelled for image in images]
    types = sorted({kind for one in labelled for kind in one.types})
    rows = []
    for number in range(options.draws):
        draws = [(kind, draw(labelled, (kind,), spec, material=name, number=number)) for kind in types]
        rows.append(np.mean([_figures(images, drawn, kind, prior) for kind, drawn in draws], axis=0))
    values = np.array(rows)  # draws x (AUROC without and with, escape without and with)
    return {
        figure: {
            "frozen": float(values[:, at].mean()),
            "prior": float(values[:, at + 1].mean()),
            "difference": list(student_interval(values[:, at + 1] - values[:, at])),
        }
        for figure, at in (("image_auroc", 0), ("escape_at_0.05", 2))
    }


def _figures(images: Sequence[Described], drawn: Drawn, kind: str, prior: DifferencePrior) -> list[float]:
    good = summed(moments(unit.patches) for i in drawn.normals for unit in images[i].good.good)
    supports = [images[i].supports[kind] for i in drawn.supports[kind]]
    variant = Variant(defect_type=kind, supports=tuple(range(len(supports))))
    fits = [fit(good, supports, [variant], settings=SETTINGS, prior=one) for one in (None, prior)]
    raw = torch.stack([one.normality.whitening.float().T @ one.directions[0].weight for one in fits], dim=1)
    scores = {
        i: smoothed((images[i].whole @ raw).permute(2, 0, 1), SETTINGS.smoothing_patches)
        .flatten(1)
        .amax(dim=1)
        .tolist()
        for i in (*drawn.test_normals, *drawn.defects)
    }
    pairs = [
        ([scores[i][place] for i in drawn.test_normals], [scores[i][place] for i in drawn.defects]) for place in (0, 1)
    ]
    escapes = [escape_at(normals, defects, 0.05) for normals, defects in pairs]
    return [image_auroc(*pair) for pair in pairs] + [float("nan") if e is None else e for e in escapes]


if __name__ == "__main__":
    main()
