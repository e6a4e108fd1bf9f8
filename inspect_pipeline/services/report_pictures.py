"""Pictures of a report: the plain crop of a region and the same crop under its heatmap."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.domain.findings import HEATMAP_STEPS
from inspect_pipeline.domain.material import CapturedFrame, Pixels, Roi
from inspect_pipeline.domain.report import Pictures
from inspect_pipeline.errors import InspectError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.rendering import Outline, overlay
from inspect_pipeline.services.ports import ImageStore

_MARGIN_PX = 96
_LONGEST_PX = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRoom:
    """Cuts pictures out of stored frames; a frame is decoded once for all its pictures in a row."""

    images: ImageStore
    frames: dict[str, CapturedFrame]
    heatmaps: dict[str, str | None]
    _last: dict[str, tuple[Pixels, NDArray[np.uint8] | None]] = field(default_factory=dict)

    def of(self, frame_id: str, roi: Roi) -> Pictures | NotMeasured:
        """Return the pictures of a region with a margin, or why there are none."""
        try:
            pixels, heatmap = self._load(frame_id)
        except InspectError as error:
            return NotMeasured(reason=str(error))
        crop = _bounded(roi, height=pixels.shape[0], width=pixels.shape[1])
        part = None if heatmap is None else _cut(heatmap, crop, pixels)
        return Pictures(
            crop_png=overlay(pixels, crop), overlay_png=overlay(pixels, crop, heatmap=part, outlines=[Outline(roi=roi)])
        )

    def best_score(self, frame_id: str, roi: Roi) -> float | NotMeasured:
        """Return the highest score inside a region in multiples of the threshold, at the heatmap's resolution."""
        try:
            pixels, heatmap = self._load(frame_id)
        except InspectError as error:
            return NotMeasured(reason=str(error))
        if heatmap is None:
            return NotMeasured(reason="no heatmap was kept for this frame")
        return float(_cut(heatmap, roi, pixels).max())

    def _load(self, frame_id: str) -> tuple[Pixels, NDArray[np.uint8] | None]:
        if frame_id not in self._last:
            frame = self.frames[frame_id]
            if frame.image is None:
                raise NotFoundError(f"frame {frame.source!r} holds no image: {frame.reason}")
            pixels = decode(self.images.get(frame.image), name=frame.source)
            address = self.heatmaps.get(frame_id)
            heatmap = None if address is None else decode(self.images.get(address), name=f"heatmap of {frame.source}")
            self._last.clear()
            self._last[frame_id] = (pixels, None if heatmap is None else heatmap.astype(np.uint8))
        return self._last[frame_id]


def _bounded(roi: Roi, *, height: int, width: int) -> Roi:
    """Return the region with its margin, cut to a size that a page can hold around the region's middle."""
    grown = roi.grown(_MARGIN_PX, height=height, width=width)
    middle_row, middle_column = (roi.top + roi.bottom) // 2, (roi.left + roi.right) // 2
    top = grown.top if grown.height <= _LONGEST_PX else max(grown.top, middle_row - _LONGEST_PX // 2)
    left = grown.left if grown.width <= _LONGEST_PX else max(grown.left, middle_column - _LONGEST_PX // 2)
    return Roi(
        top=top, left=left, bottom=min(grown.bottom, top + _LONGEST_PX), right=min(grown.right, left + _LONGEST_PX)
    )


def _cut(heatmap: NDArray[np.uint8], roi: Roi, pixels: Pixels) -> NDArray[np.float32]:
    """Return the scores of a region in multiples of the threshold, at least one cell of the heatmap."""
    rows, columns = heatmap.shape[0] / pixels.shape[0], heatmap.shape[1] / pixels.shape[1]
    top, left = int(roi.top * rows), int(roi.left * columns)
    bottom = max(int(np.ceil(roi.bottom * rows)), top + 1)
    right = max(int(np.ceil(roi.right * columns)), left + 1)
    return heatmap[top:bottom, left:right].astype(np.float32) / np.float32(HEATMAP_STEPS)
