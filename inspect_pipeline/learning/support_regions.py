"""The samples' regions described, so that a region of a frame can be compared with them.

A drawn region is described when its frame is cut. A guessed one waits for normality, which tells which part of it is
meant; its pixels are kept until then.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.taxonomy import checked_type
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import STRIDE_PX
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import DefectRegion, Support
from inspect_pipeline.learning.hot_part import box_of, hot_cells, largest_part
from inspect_pipeline.learning.kept_work import Vectors, made_anew
from inspect_pipeline.learning.normality import Normality, distance
from inspect_pipeline.learning.region_crops import describe_regions
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.learning.region_typing import RegionHead, RegionPrior, SupportBank, fit_region_head


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Describer:
    """Describes regions as a detector of these settings will; ``vectors`` may know guessed ones from before."""

    backbone: Backbone
    settings: DetectorSettings
    vectors: Vectors = made_anew

    def vector(self, pixels: Pixels, patches: Tensor, roi: Roi) -> Tensor:
        """Return the vector (d) of one region of a frame with its dense map."""
        chosen = self.settings
        found = describe_regions(
            self.backbone, pixels, patches, [roi], views=chosen.typing_views, window_px=chosen.typing_window_px
        )
        return found[0]

    def drawn(self, pixels: Pixels, whole: Tensor, region: DefectRegion) -> Tensor:
        """Return the vector of a drawn region of a frame with its dense map ``whole``."""
        return self.vector(pixels, whole, marked_box(region))

    def guessed(self, pixels: Tensor, support: Support, normality: Normality) -> Tensor:
        """Return the vector of the part of a guessed region that differs most from good material.

        ``pixels`` are those under its patches.
        """
        distances = distance(normality.whiten(support.patches))
        cells = hot_cells(distances, support.inside, smoothing=self.settings.smoothing_patches)
        box, digest = box_of(cells), hashlib.sha256()
        for tensor in (pixels, support.patches):
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode() + tensor.contiguous().numpy().tobytes())
        what = f"{digest.hexdigest()} {box} {self.settings.typing_views} {self.settings.typing_window_px}"
        return self.vectors(what, lambda: self.vector(pixels.numpy(), support.patches, box))


def marked_box(region: DefectRegion) -> Roi:
    """Return the box of a region's largest marked part: its mask's in whole cells of 16 px, or its own box."""
    if region.mask is None or not region.mask.any():
        return region.roi
    height, width = (-(-side // STRIDE_PX) * STRIDE_PX for side in region.mask.shape)
    padded = np.zeros((height, width), dtype=np.bool_)
    padded[: region.mask.shape[0], : region.mask.shape[1]] = region.mask
    cells = padded.reshape(height // STRIDE_PX, STRIDE_PX, width // STRIDE_PX, STRIDE_PX).any(axis=(1, 3))
    coarse = box_of(largest_part(torch.from_numpy(cells)))
    part = region.mask[coarse.top : coarse.bottom, coarse.left : coarse.right]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    inner = Roi(top=int(rows[0]), left=int(columns[0]), bottom=int(rows[-1]) + 1, right=int(columns[-1]) + 1)
    return inner.shifted(rows=region.roi.top + coarse.top, columns=region.roi.left + coarse.left)


def fit_regions(
    describer: Describer, supports: Sequence[Support], normality: Normality, *, prior: RegionPrior | None = None
) -> RegionHead | None:
    """Return the head of all samples, or None where a sample has neither a description nor pixels, or there is none."""
    vectors = [_vector(describer, support, normality) for support in supports]
    found = [vector for vector in vectors if vector is not None]
    if not found or len(found) < len(vectors):
        return None
    bank = SupportBank(
        vectors=torch.stack(found),
        types=tuple(checked_type(support.defect_type) for support in supports),
        labels=tuple(support.label for support in supports),
    )
    prior = prior or RegionPrior(metric=None, reach=describer.settings.typing_reach)
    return fit_region_head(bank, prior, crop_dims=descriptor_dims(describer.backbone))


def _vector(describer: Describer, support: Support, normality: Normality) -> Tensor | None:
    if support.described is not None:
        return support.described
    if support.source is RegionSource.GUESSED and support.pixels is not None:
        return describer.guessed(support.pixels, support, normality)
    return None
