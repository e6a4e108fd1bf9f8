"""More of each sample for the closed form: turned, flipped and brighter views of it, or a margin of context.

Views cost the backbone at teaching: one crop a view. They all belong to one sample, which is left out whole.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.learning.adaptation import Adapted, Deadline, Start
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.crops import GRID_PX, brightened, turned, view
from inspect_pipeline.learning.dense_features import STRIDE_PX, frame_map
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, Patches, Support, region_patches


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """Which views are made (``crops.view``; 0 to 3 keep the grain's axes), and at which brightness besides 1.

    ``margin_px`` is the context around the region that a view keeps.
    """

    numbers: tuple[int, ...] = (1, 2, 3)
    brightness: tuple[float, ...] = ()
    margin_px: int = 192


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportViews:
    """Adds the patches of views to every sample."""

    settings: ViewSettings
    name: str = "support_views"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:  # noqa: ARG002 - nothing to seed
        """Return the start with views at every sample; None when the deadline passed first. Nothing is random."""
        regions = [(example, region) for example in start.examples for region in example.defects]
        supports = []
        for support, (example, region) in zip(start.patches.supports, regions, strict=True):
            if deadline.passed:
                return None
            views = support_views(start.backbone, example, region, settings=self.settings, detector=start.settings)
            supports.append(replace(support, views=tuple(views)))
        patches = Patches(good=start.patches.good, supports=tuple(supports))
        return Adapted(backbone=start.backbone, patches=patches)


def support_views(
    backbone: Backbone,
    example: FrameRegions,
    region: DefectRegion,
    *,
    settings: ViewSettings,
    detector: DetectorSettings,
) -> list[Tensor]:
    """Return the patches (k, d) inside the region, of each view of it."""
    crop = _around(region, example.pixels.shape, settings.margin_px)
    pixels = example.pixels[crop.top : crop.bottom, crop.left : crop.right]
    whole = region_patches(region, _cells(example.pixels.shape))
    rows = slice(crop.top // STRIDE_PX, crop.bottom // STRIDE_PX)
    inside = whole[rows, crop.left // STRIDE_PX : crop.right // STRIDE_PX].numpy()
    found = []
    for number, factor in [(n, 1.0) for n in settings.numbers] + [(0, factor) for factor in settings.brightness]:
        described = frame_map(backbone, turned(brightened(pixels, factor), number), detector)
        cells = torch.from_numpy(view(inside, number).astype(np.bool_))
        if bool(cells.any()):
            found.append(described[cells].clone())
    return found


def _around(region: DefectRegion, shape: tuple[int, ...], margin_px: int) -> Roi:
    """Return the region's own box with its margin, on the grid and in the frame; whole patches, so that flips fit."""
    hit = region_patches(region, _cells(shape)).nonzero()
    (top, left), (bottom, right) = hit.amin(dim=0).tolist(), hit.amax(dim=0).tolist()
    return Roi(
        top=max(top * STRIDE_PX - margin_px, 0) // GRID_PX * GRID_PX,
        left=max(left * STRIDE_PX - margin_px, 0) // GRID_PX * GRID_PX,
        bottom=min((bottom + 1) * STRIDE_PX + margin_px, shape[0] // STRIDE_PX * STRIDE_PX),
        right=min((right + 1) * STRIDE_PX + margin_px, shape[1] // STRIDE_PX * STRIDE_PX),
    )


def _cells(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the whole patches of a frame: what lies beyond them no view shows."""
    return shape[0] // STRIDE_PX, shape[1] // STRIDE_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Takes the patches around a drawn region for part of it: a margin of ``patches``, at most the region's own size.

    The most anomalous part is used as before, so that a margin of good material adds little.
    """

    patches: int = 2
    name: str = "context"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:  # noqa: ARG002 - nothing to seed
        """Return the start with wider samples; guessed regions stay, for they are wide already."""
        supports = tuple(with_context(support, self.patches) for support in start.patches.supports)
        return Adapted(backbone=start.backbone, patches=Patches(good=start.patches.good, supports=supports))


def with_context(support: Support, patches: int) -> Support:
    """Return the sample with its region grown by ``patches``, or by its own longer side where that is less."""
    if support.source is RegionSource.GUESSED or patches < 1:
        return support
    hit = support.inside.nonzero()
    side = int((hit.amax(dim=0) - hit.amin(dim=0)).max()) + 1
    reach = min(patches, side)
    grown = max_pool2d(support.inside.float()[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0
    return replace(support, inside=grown)
