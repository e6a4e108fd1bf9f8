"""Images of a data folder as draws need them: everything the backbone gives, computed once an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage, Progress
from inspect_pipeline.imaging.marked_cells import MarkedCells, counted_px, marked_cells
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import STRIDE_PX, frame_map
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.evaluation import sample_hash
from inspect_pipeline.learning.examples import DefectRegion, SeenFrame
from inspect_pipeline.learning.fine_tuned_baseline import FineTuning, stage_inputs
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.learning.support_regions import Describer
from inspect_pipeline.services.detect_draws import Labelled
from inspect_pipeline.services.examples import annotations, source_of, whole_roi


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescribedImage:
    """One image: its dense descriptors (h, w, d), its pooled descriptor (d), and what is marked in it.

    ``marks`` are the marked regions of each type where boxes or a mask exist, ``good_px`` the pixels of each cell that
    nothing marks; ``described`` the vector of each drawn region, ``pixels`` the image; ``exact`` tells a mask
    from filled boxes. ``stage_inputs`` is what a fine-tuned classifier trains on, where one is asked for.
    """

    labelled: Labelled
    source: str
    digest: str
    whole: Roi
    patches: Tensor
    pooled: Tensor
    pixels: Pixels
    described: Mapping[str, Tensor]
    regions: Mapping[str, DefectRegion]
    marks: Mapping[str, MarkedCells]
    good_px: NDArray[np.float64]
    exact: bool
    stage_inputs: Tensor | None = None

    def seen(self, name: str) -> SeenFrame:
        """Return the image as the cutting of its region of that type needs it; a drawn one is described already."""
        return SeenFrame(pixels=self.pixels, describe=lambda *_: self.described[name])


def describe_images(
    images: Sequence[LabelledImage],
    backbone: Backbone,
    *,
    settings: DetectorSettings,
    progress: Progress,
    fine_tuning: FineTuning | None = None,
) -> list[DescribedImage]:
    """Return the images described, in their order; 8 to 11 bytes are held for every pixel of them.

    With ``fine_tuning`` also what that trains on: another 176 KB an image at 224 px.
    Raises BadImageError for an image that cannot be read: a benchmark leaves none out.
    """
    described = []
    for number, image in enumerate(images):
        described.append(_described(image, backbone, settings, fine_tuning))
        progress(f"features of {image.family}", number + 1, len(images))
    return described


def _described(
    image: LabelledImage, backbone: Backbone, settings: DetectorSettings, fine_tuning: FineTuning | None
) -> DescribedImage:
    pixels = image.load()
    whole = whole_roi(pixels)
    annotated = dict(annotations(image, pixels))
    patches = frame_map(backbone, pixels, settings)
    shape = (int(patches.shape[0]), int(patches.shape[1]))
    unmarked = np.ones(pixels.shape[:2], dtype=np.bool_)
    for mask in annotated.values():
        if mask is not None:
            unmarked &= ~mask
    regions = {
        name: DefectRegion(roi=whole, mask=mask, defect_type=name, source=source_of(mask), label=image.source)
        for name, mask in annotated.items()
    }
    describer = Describer(backbone=backbone, settings=settings)
    return DescribedImage(
        labelled=Labelled(types=tuple(sorted(annotated)), group=image.group or image.source),
        source=image.source,
        digest=sample_hash(pixels),
        whole=whole,
        patches=patches,
        pooled=from_numpy(region_features(backbone, [pixels])[0]),
        pixels=pixels,
        described={
            name: describer.drawn(pixels, patches, region)
            for name, region in regions.items()
            if region.source is RegionSource.DRAWN
        },
        regions=regions,
        marks={
            name: marked_cells(mask, shape=shape, stride_px=STRIDE_PX)
            for name, mask in annotated.items()
            if mask is not None
        },
        good_px=counted_px(unmarked, shape=shape, stride_px=STRIDE_PX),
        exact=image.load_mask is not None,
        stage_inputs=None if fine_tuning is None else stage_inputs(backbone, pixels, options=fine_tuning),
    )
