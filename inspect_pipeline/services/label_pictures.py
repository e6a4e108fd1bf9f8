"""Pictures of labelled regions: the region in its surroundings, outlined, as a new PNG."""

from dataclasses import dataclass

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.rendering import Outline, overlay
from inspect_pipeline.services.ports import Catalog, ImageStore

_MARGIN = 0.5  # of the longer side, on each side
_LEAST_MARGIN_PX, _LONGEST_PX = 24, 768


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPictures:
    """Cuts pictures out of stored frames."""

    catalog: Catalog
    images: ImageStore

    def of(self, frame_id: str, roi: Roi) -> bytes:
        """Return the region with a margin as PNG. Raises NotFoundError, BadDataError for a region beside the frame."""
        with self.catalog.transaction() as unit:
            frame = unit.frame(frame_id)
        if frame is None or frame.image is None or frame.pruned_at is not None:
            raise NotFoundError(f"frame {frame_id!r} has no picture; it is unknown, unusable, or was removed by age")
        pixels = decode(self.images.get(frame.image), name=frame.source)
        height, width = pixels.shape[0], pixels.shape[1]
        inside = roi.clipped(height=height, width=width)
        if inside is None:
            raise BadDataError(f"region {roi} lies beside its frame of {height} x {width} px")
        margin = max(_LEAST_MARGIN_PX, int(_MARGIN * max(inside.height, inside.width)))
        crop = _cut(inside.grown(margin, height=height, width=width), inside)
        return overlay(pixels, crop, outlines=[Outline(roi=inside)])


def _cut(crop: Roi, middle: Roi) -> Roi:
    """Return the crop no longer than a page can show, around the region's middle."""
    row, column = (middle.top + middle.bottom) // 2, (middle.left + middle.right) // 2
    half = _LONGEST_PX // 2
    return Roi(
        top=max(crop.top, row - half),
        left=max(crop.left, column - half),
        bottom=min(crop.bottom, row + half),
        right=min(crop.right, column + half),
    )
