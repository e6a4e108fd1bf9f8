"""How often "domain changed" fires on good frames, on defects, and on what it is for, on real materials.

Of each data set 20 (or 40) good images teach, drawn several times; the others, images with defects, and images whose
exposure was halved, whose optics were blurred (Gaussian, 2 px), or that show another material are held against them.
Images of more than 150,000 pixels are taken at half their size, or less. The cells of elpv-dataset join where the
package is installed. Prints one JSON document:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m benchmarks.domain_changed ../shared/data \
        --out benchmarks/results/domain_changed.json
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.cameras.solar_cells import read_solar_cells
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.domain_reference import reference_of
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.good_ground import good_ground
from inspect_pipeline.learning.looks import look_at
from inspect_pipeline.learning.normality import distance, quiet_of, whitening_of
from inspect_pipeline.settings import load_settings

SETTINGS = DetectorSettings()
LIMITS = (5.0, 6.0, 6.5, 7.0, 8.0, 9.0, 10.0, 12.0)
DRAWS = ((20, 3), (40, 2))
FEWEST_LEFT = 10
CHANGED, DEFECTS, STRANGERS = 12, 15, 3
LARGE_PX = 150_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """An image with its patches (h, w, d)."""

    pixels: Pixels
    patches: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """The images of one data set."""

    name: str
    good: tuple[Seen, ...]
    defects: tuple[Seen, ...]
    changed: dict[str, tuple[tuple[int, Seen], ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of data sets")
    parser.add_argument("--most", type=int, default=150, help="good images of a data set (count)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    backbone = default_backbone()
    strangers: dict[str, list[Seen]] = {}
    names = sorted(each.name for each in arguments.root.iterdir() if (each / "images").is_dir())
    for name in names:
        images = [load for load, good in folder(arguments.root / name) if good][:STRANGERS]
        strangers[name] = [seen(backbone, fitting(load())) for load in images]
    rows = []
    for name, images in every_set(arguments.root, names):
        good = sum(is_good for _, is_good in images)
        if good < DRAWS[0][0] + FEWEST_LEFT:
            continue
        rows.append(measured(described(backbone, name, images, arguments.most), strangers, arguments.seed))
        print(
            name, json.dumps(rows[-1]["quantiles"]), json.dumps(rows[-1]["fired"]["6.5"]), file=sys.stderr, flush=True
        )
    document = {
        "command": f"python -m benchmarks.domain_changed DATA --most {arguments.most} --seed {arguments.seed}",
        "revision": code_revision(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": list(os.getloadavg()),
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
        "default_limit": SETTINGS.domain_limit,
        "together": {str(limit): together(rows, str(limit)) for limit in LIMITS},
        "sets": rows,
    }
    text = json.dumps(document, indent=1)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def default_backbone() -> Backbone:
    settings = load_settings(Path("unused"), folder=None, environment={})
    stores = Stores(settings=settings, progress=lambda *_: None, clock=lambda: None)  # type: ignore[arg-type,return-value]
    return build_backbone(settings.backbone.name, stores.backbone_weights())


Images = list[tuple[Callable[[], Pixels], bool]]
"""How to read each image, and whether it is good."""


def every_set(root: Path, names: Sequence[str]) -> Iterator[tuple[str, Images]]:
    """Yield (name, images) of each data set and of the two kinds of solar cells."""
    try:
        cells = read_solar_cells()
    except NotFoundError:
        cells = []
    for wafer in ("mono", "poly"):
        own = [cell for cell in cells if cell.wafer == wafer and cell.probability in (0.0, 1.0)]
        if own:
            yield f"elpv_{wafer}", [(cell.load, cell.probability == 0.0) for cell in own]
    for name in names:
        yield name, folder(root / name)


def folder(path: Path) -> Images:
    return [(image.load, is_normal(image.class_name)) for image in read_data_folder(path)]


def fitting(pixels: Pixels) -> Pixels:
    """Return the image, at half its size (means of 2 x 2) where it has more than ``LARGE_PX`` pixels."""
    while pixels.shape[0] * pixels.shape[1] > LARGE_PX:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA))
    return pixels


def seen(backbone: Backbone, pixels: Pixels) -> Seen:
    return Seen(pixels=pixels, patches=dense_map(backbone, pixels, two_scales=SETTINGS.two_scales))


def described(backbone: Backbone, name: str, images: Images, most: int) -> Material:
    good = spread([load for load, is_good in images if is_good], most)
    bad = spread([load for load, is_good in images if not is_good], DEFECTS)
    chosen = [int(place) for place in np.linspace(0, len(good) - 1, CHANGED)]
    halved = tuple((k, seen(backbone, (good[k] // 2).astype(good[k].dtype))) for k in chosen)
    blurred = tuple((k, seen(backbone, np.asarray(cv2.GaussianBlur(good[k], (0, 0), 2.0)))) for k in chosen)
    return Material(
        name=name,
        good=tuple(seen(backbone, pixels) for pixels in good),
        defects=tuple(seen(backbone, pixels) for pixels in bad),
        changed={"halved exposure": halved, "blurred optics": blurred},
    )


def spread(loads: Sequence[Callable[[], Pixels]], most: int) -> list[Pixels]:
    """Return at most so many images, from the first to the last as evenly as can be."""
    places = np.linspace(0, len(loads) - 1, min(most, len(loads)))
    return [fitting(loads[int(place)]()) for place in places]


def measured(material: Material, strangers: dict[str, list[Seen]], seed: int) -> dict[str, Any]:
    """Return how often each limit fires on each kind of frame, over all draws."""
    generator = np.random.default_rng(seed)
    far: dict[str, list[dict[str, float]]] = {}
    for count, draws in DRAWS:
        if len(material.good) < count + FEWEST_LEFT:
            continue
        for _ in range(draws):
            taught = {int(k) for k in generator.permutation(len(material.good))[:count]}
            for kind, value in of_one_draw(material, strangers, taught):
                far.setdefault(kind, []).append(value)
    return {
        "set": material.name,
        "good_images": len(material.good),
        "quantiles": {kind: quantiles(values) for kind, values in far.items()},
        "fired": {
            str(limit): {
                kind: {"count": sum(max(value.values()) > limit for value in values), "of": len(values)}
                for kind, values in far.items()
            }
            for limit in LIMITS
        },
    }


def quantiles(values: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Return the 5%, 50%, 95% quantile and the largest of each measure."""
    return {
        name: [round(float(q), 2) for q in np.quantile([value[name] for value in values], [0.05, 0.5, 0.95, 1.0])]
        for name in values[0]
    }


def of_one_draw(
    material: Material, strangers: dict[str, list[Seen]], taught: set[int]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield (kind, distances) of every frame that did not teach."""
    units = [
        GoodUnit(patches=material.good[k].patches, frame=k, whole=True, look=look_at(material.good[k].pixels))
        for k in sorted(taught)
    ]
    ground = good_ground(units, SETTINGS, 0)
    normality = whitening_of(ground.axes)
    reference = reference_of(units, ground.quiet.double().numpy())
    if reference is None:
        raise BadDataError(f"{len(units)} frames of {material.name} give no reference")

    def off(one: Seen) -> dict[str, float]:
        return reference.distances(one.pixels, float(quiet_of(distance(normality.whiten(one.patches)))))

    yield from (("good", off(one)) for k, one in enumerate(material.good) if k not in taught)
    yield from (("defects", off(one)) for one in material.defects)
    for kind, images in material.changed.items():
        yield from ((kind, off(one)) for k, one in images if k not in taught)
    for name, others in strangers.items():
        if name != material.name:
            yield from (("another material", off(one)) for one in others)


def together(rows: Sequence[dict[str, Any]], limit: str) -> dict[str, Any]:
    """Return the shares over all sets with their exact 95% intervals; frames recur over draws, which narrows them."""
    kinds = {kind for row in rows for kind in row["fired"][limit]}
    found = {}
    for kind in sorted(kinds):
        cells = [row["fired"][limit][kind] for row in rows if kind in row["fired"][limit]]
        whole = rate(sum(cell["count"] for cell in cells), sum(cell["of"] for cell in cells))
        found[kind] = {"count": whole.count, "of": whole.trials, "interval": [whole.low, whole.high]}
    return found


if __name__ == "__main__":
    main()
