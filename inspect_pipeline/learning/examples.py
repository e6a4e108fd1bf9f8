"""Labelled frames cut into what teaching works on: patches of good units and of defect regions.

Descriptors are computed once on the whole frame and the regions cut out of the map, so that context at teaching is
context at scoring.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import STRIDE_PX, frame_map, patch_rows
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.looks import Look, look_at

Describe = Callable[[Pixels, Tensor, "DefectRegion"], Tensor]
"""Gives the vector (d) of a drawn region from its frame and the frame's dense map."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DefectRegion:
    """One sample of a defect: its box, a bool mask of the box's size where there is one, and who said where it is.

    A guessed region is a piece known to hold the defect somewhere; its most anomalous part is used.
    """

    roi: Roi
    mask: NDArray[np.bool_] | None
    defect_type: str
    source: RegionSource
    label: str

    def __post_init__(self) -> None:
        if self.mask is not None and self.mask.shape != (self.roi.height, self.roi.width):
            raise BadDataError(
                f"label {self.label}: the mask is {self.mask.shape} px, the box {self.roi.height} x {self.roi.width}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameRegions:
    """A frame with its known-good boxes and its defects; frames of one ``group`` are near-duplicates of each other."""

    pixels: Pixels
    normals: tuple[Roi, ...]
    defects: tuple[DefectRegion, ...]
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GoodUnit:
    """The patches (h, w, d) of one known-good unit, the number of its frame, and its leakage group if it has one.

    ``look`` is how its pixels look, None where those were not at hand.
    """

    patches: Tensor
    frame: int
    whole: bool
    group: str = ""
    look: Look | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """A defect sample: patches (h, w, d) with a rim of context, and the bool (h, w) of those inside the region.

    ``views`` are the patches (k, d) inside the region of turned, flipped or brighter views of it, where they were made.
    ``described`` is the vector (d) of a drawn region (``region_crops``), ``pixels`` (h, w) or (h, w, 3) those under the
    patches of a guessed one; None where the frame's pixels were not at hand, and the region cannot be compared.
    """

    patches: Tensor
    inside: Tensor
    defect_type: str
    source: RegionSource
    label: str
    views: tuple[Tensor, ...] = ()
    described: Tensor | None = None
    pixels: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenFrame:
    """The pixels of a frame at hand, and how its drawn regions are described."""

    pixels: Pixels
    describe: Describe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patches:
    """All that teaching needs of the frames."""

    good: tuple[GoodUnit, ...]
    supports: tuple[Support, ...]


def cut_patches(
    backbone: Backbone,
    examples: Iterable[FrameRegions],
    *,
    unit: UnitGrid,
    settings: DetectorSettings,
    progress: Progress | None = None,
    describe: Describe | None = None,
) -> Patches:
    """Return the patches of every labelled region. Raises BadImageError and BadDataError for unusable frames.

    With ``describe`` every sample can be compared with regions of frames as well.
    """
    good: list[GoodUnit] = []
    supports: list[Support] = []
    for number, example in enumerate(examples):
        whole = frame_map(backbone, example.pixels, settings)
        seen = None if describe is None else SeenFrame(pixels=example.pixels, describe=describe)
        cut = cut_map(whole, example.normals, example.defects, frame=number, unit=unit, settings=settings, seen=seen)
        good += [replace(piece, group=example.group) for piece in cut.good]
        supports += cut.supports
        if progress is not None:
            progress("dense features", number + 1, 0)
    return Patches(good=tuple(good), supports=tuple(supports))


def cut_map(
    whole: Tensor,
    normals: Sequence[Roi],
    defects: Sequence[DefectRegion],
    *,
    frame: int,
    unit: UnitGrid,
    settings: DetectorSettings,
    seen: SeenFrame | None = None,
) -> Patches:
    """Return the patches of the labelled regions of one frame, from its ``dense_map`` ``whole`` (h, w, d).

    ``frame`` numbers the frame among those that teach together; ``seen`` are its pixels and how regions are described.
    """
    return Patches(
        good=tuple(good for roi in normals for good in _units(whole, roi, unit, frame, seen)),
        supports=tuple(_support(whole, region, settings.smoothing_patches, seen) for region in defects),
    )


def _units(whole: Tensor, roi: Roi, unit: UnitGrid, frame: int, seen: SeenFrame | None) -> list[GoodUnit]:
    """Return the good region cut into pieces of about the unit's size."""
    height, width = unit.height_px or roi.height, unit.width_px or roi.width
    down, across = max(1, round(roi.height / height)), max(1, round(roi.width / width))
    covers = roi.height >= 0.9 * height and roi.width >= 0.9 * width
    if unit.height_px is None:
        covers = roi.area_px >= 0.8 * whole.shape[0] * whole.shape[1] * 256
    rows, columns = patch_rows(roi, (whole.shape[0], whole.shape[1]))
    bands = [band for band in _split(rows, down) if band.stop > band.start]
    stripes = [stripe for stripe in _split(columns, across) if stripe.stop > stripe.start]
    return [
        GoodUnit(
            patches=whole[band, stripe].clone(),
            frame=frame,
            whole=covers,
            look=None if seen is None else look_at(_pixels_under(seen.pixels, band, stripe)),
        )
        for band in bands
        for stripe in stripes
    ]


def _split(span: slice, parts: int) -> list[slice]:
    """Return a span in parts as equal as can be, the longer ones first, as ``tensor_split`` parts a tensor."""
    each, longer = divmod(span.stop - span.start, parts)
    edges = [span.start + part * each + min(part, longer) for part in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(edges)]


def _support(whole: Tensor, region: DefectRegion, rim: int, seen: SeenFrame | None) -> Support:
    """Return the region's patches; a drawn one gets a rim, as the smoothing at scoring reaches over its edge."""
    shape = (whole.shape[0], whole.shape[1])
    rows, columns = patch_rows(region.roi, shape)
    inside = region_patches(region, shape)
    drawn = region.source is RegionSource.DRAWN
    if drawn:
        hit = inside.nonzero()
        (top, left), (bottom, right) = hit.amin(dim=0).tolist(), hit.amax(dim=0).tolist()
        rows = slice(max(top - rim, 0), min(bottom + 1 + rim, shape[0]))
        columns = slice(max(left - rim, 0), min(right + 1 + rim, shape[1]))
    return Support(
        patches=whole[rows, columns].clone(),
        inside=inside[rows, columns].clone(),
        defect_type=region.defect_type,
        source=region.source,
        label=region.label,
        described=seen.describe(seen.pixels, whole, region) if seen is not None and drawn else None,
        pixels=None if seen is None or drawn else _under(seen.pixels, rows, columns),
    )


def region_patches(region: DefectRegion, shape: tuple[int, int]) -> Tensor:
    """Return the patches of a map of that shape that the region holds, bool (h, w); at least one.

    Raises BadImageError when the region lies outside its image.
    """
    inside = torch.zeros(shape, dtype=torch.bool)
    rows, columns = patch_rows(region.roi, shape)
    inside[rows, columns] = True
    if region.mask is not None:
        covered = _covered(region, shape)
        inside = covered if bool(covered.any()) else inside
    return inside


def _under(pixels: Pixels, rows: slice, columns: slice) -> Tensor:
    """Return a copy of the pixels under these rows and columns of patches."""
    return torch.from_numpy(_pixels_under(pixels, rows, columns).copy())


def _pixels_under(pixels: Pixels, rows: slice, columns: slice) -> Pixels:
    down = slice(rows.start * STRIDE_PX, rows.stop * STRIDE_PX)
    return pixels[down, columns.start * STRIDE_PX : columns.stop * STRIDE_PX]


def _covered(region: DefectRegion, shape: tuple[int, int]) -> Tensor:
    """Return the patches of the frame that the mask touches."""
    canvas = torch.zeros(1, shape[0] * 16, shape[1] * 16)
    roi = region.roi
    window = canvas[0, roi.top : roi.bottom, roi.left : roi.right]
    mask = torch.from_numpy(np.ascontiguousarray(region.mask, dtype=np.float32))
    window[:] = mask[: window.shape[0], : window.shape[1]]
    return adaptive_max_pool2d(canvas, shape)[0] > 0
