"""Labelled regions as patches: described once by the backbone, then read from the feature store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_pipeline.domain.labels import Label, LabelKind
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.learning.examples import Patches, SeenFrame, cut_map
from inspect_pipeline.learning.fingerprints import patches_key, trunk_fingerprint
from inspect_pipeline.learning.patch_bytes import packed, unpacked
from inspect_pipeline.learning.support_regions import Describer
from inspect_pipeline.services.examples import frame_regions
from inspect_pipeline.services.ports import FeatureStore, ImageStore

LabelledFrame = tuple[CapturedFrame, list[Label]]
"""A frame with its labels in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The patches of all labelled regions, and how many frames the backbone had to look at for them."""

    patches: Patches
    frames_described: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Describing:
    """Turns labelled frames into patches.

    An entry is kept by frame image, region, backbone and what else it depends on; a frame whose regions are all at hand
    is neither decoded nor described. What is damaged or was pushed out is made anew.
    """

    images: ImageStore
    features: FeatureStore
    unit: UnitGrid
    settings: DetectorSettings
    progress: Progress

    def patches(self, backbone: Backbone, frames: Sequence[LabelledFrame]) -> Described:
        """Return the patches of the frames' regions, in the order of the frames and of their labels.

        Raises NotFoundError for a frame without image, BadImageError and BadDataError for one that cannot be used.
        """
        trunk = trunk_fingerprint(backbone.name, backbone.trunk_state())
        good, supports, described = [], [], 0
        for number, (frame, labels) in enumerate(frames):
            entries = [self._kept(self._key(trunk, frame, label)) for label in labels]
            if any(entry is None for entry in entries):
                entries = self._made(backbone, trunk, frame, labels, entries)
                described += 1
            group = next((label.group for label in labels if label.group), "")
            for label, entry in zip(labels, entries, strict=True):
                found = entry or Patches(good=(), supports=())
                good += [replace(piece, frame=number, group=group) for piece in found.good]
                supports += [
                    replace(one, defect_type=label.defect_type or "", label=label.id) for one in found.supports
                ]
            self.progress("dense features", number + 1, len(frames))
        return Described(patches=Patches(good=tuple(good), supports=tuple(supports)), frames_described=described)

    def _key(self, trunk: str, frame: CapturedFrame, label: Label) -> str:
        region, roi = label.region, label.region.roi
        said = [label.kind.value, region.source.value, region.mask or ""]
        box = [str(side) for side in (roi.top, roi.left, roi.bottom, roi.right)]
        return patches_key(trunk, [frame.image or "", *said, *box], unit=self.unit, settings=self.settings)

    def _kept(self, key: str) -> Patches | None:
        content = self.features.get(key)
        if content is None:
            return None
        try:
            return unpacked(Patches, content)
        except BadDataError:  # an entry of another program under this key: it is made anew
            return None

    def _made(
        self,
        backbone: Backbone,
        trunk: str,
        frame: CapturedFrame,
        labels: Sequence[Label],
        entries: Sequence[Patches | None],
    ) -> list[Patches | None]:
        """Return the entries, those that were missing cut from the frame's descriptors and kept."""
        missing = [label for label, entry in zip(labels, entries, strict=True) if entry is None]
        regions = frame_regions(self.images, frame, missing)
        whole = frame_map(backbone, regions.pixels, self.settings)
        normals, defects = iter(regions.normals), iter(regions.defects)
        seen = SeenFrame(pixels=regions.pixels, describe=Describer(backbone=backbone, settings=self.settings).drawn)
        made: list[Patches | None] = []
        for label, entry in zip(labels, entries, strict=True):
            if entry is not None:
                made.append(entry)
                continue
            is_good = label.kind is LabelKind.NOT_A_DEFECT
            rois, shown = ([next(normals)], []) if is_good else ([], [next(defects)])
            cut = cut_map(whole, rois, shown, frame=0, unit=self.unit, settings=self.settings, seen=seen)
            self.features.put(self._key(trunk, frame, label), packed(cut))
            made.append(cut)
        return made
