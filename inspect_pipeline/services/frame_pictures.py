"""Pictures of findings, labels and frames for the pages: every one decoded from the store and encoded anew."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.findings import HEATMAP_STEPS
from inspect_pipeline.domain.material import CapturedFrame, Pixels, Roi
from inspect_pipeline.domain.review_records import ItemKey
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.part_pictures import around, heat_layer_png, marked_png, overview_webp, part_png
from inspect_pipeline.services.bounded_cache import BoundedCache
from inspect_pipeline.services.ports import Catalog, ImageStore

FORM = "pictures-1"
"""How pictures are drawn. Whoever changes what they show counts this up, so that browsers ask again."""

_CROP_LONGEST_PX = 256
_CROP_LEAST_PX = 96
_CROP_MARGIN = 0.5
_OVERVIEW_LONGEST_PX = 2048
_PNG, _WEBP = "image/png", "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that is drawn when it is asked for; ``tag`` changes with anything that it shows."""

    tag: str
    media_type: str
    draw: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePictures:
    """Draws pictures; decoded frames and drawn pictures are kept for a while, up to a limit."""

    catalog: Catalog
    images: ImageStore
    frames: BoundedCache[Pixels]
    drawn: BoundedCache[bytes]

    def of_item(self, key: ItemKey, *, heat: bool) -> Picture:
        """Return a finding with its surroundings, with its heatmap where wanted. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            item = unit.reviews.item(key)
            frame = None if item is None else unit.frame(item.frame)
        if item is None or frame is None:
            raise NotFoundError(f"there is no item {key}")
        return self._crop(frame, item.roi, heatmap=item.heatmap if heat else None)

    def of_label(self, label: str) -> Picture:
        """Return the region of a label with its surroundings. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            found = unit.reviews.label(label)
            frame = None if found is None else unit.frame(found.region.frame)
        if found is None or frame is None:
            raise NotFoundError(f"there is no label {label[:80]!r}")
        return self._crop(frame, found.region.roi, heatmap=None)

    def mask_of_label(self, label: str) -> Picture:
        """Return the mask of a label. Raises NotFoundError where it has none."""
        with self.catalog.transaction() as unit:
            found = unit.reviews.label(label)
        if found is None or found.region.mask is None:
            raise NotFoundError(f"label {label[:80]!r} has no mask")
        address, roi = found.region.mask, found.region.roi
        whole = Roi(top=0, left=0, bottom=roi.height, right=roi.width)
        scale = min(_OVERVIEW_LONGEST_PX / max(roi.height, roi.width), 1.0)
        return self._picture(
            [address, "mask"],
            _PNG,
            lambda: part_png(self._pixels(address, "mask"), whole, scale=scale, full_scale=None),
        )

    def overview(self, frame_id: str) -> Picture:
        """Return a whole frame, at most 2048 px long. Raises NotFoundError."""
        frame, address = self._frame(frame_id)
        return self._picture(
            [address, "overview"],
            _WEBP,
            lambda: overview_webp(
                self._pixels(address, frame.source), longest_px=_OVERVIEW_LONGEST_PX, full_scale=_full_scale(frame)
            ),
        )

    def part(self, frame_id: str, part: Roi, *, scale: float) -> Picture:
        """Return a part of a frame at a scale (1: full resolution). Raises NotFoundError."""
        frame, address = self._frame(frame_id)
        box = f"{part.top},{part.left},{part.bottom},{part.right}"
        return self._picture(
            [address, "part", box, f"{scale:.4f}"],
            _PNG,
            lambda: part_png(self._pixels(address, frame.source), part, scale=scale, full_scale=_full_scale(frame)),
        )

    def heatmap(self, frame_id: str, *, detector: str | None) -> Picture:
        """Return the heatmap of a frame as a layer to lay over it. Raises NotFoundError."""
        with self.catalog.transaction() as unit:
            address = unit.reviews.heatmap(frame_id, detector)
        if address is None:
            raise NotFoundError(f"no heatmap was kept of frame {frame_id[:80]!r}")
        return self._picture([address, "heat"], _PNG, lambda: heat_layer_png(self._scores(address)))

    def _crop(self, frame: CapturedFrame, roi: Roi, *, heatmap: str | None) -> Picture:
        address = _address(frame)
        part = around(roi, height=frame.line_count, width=frame.width_px, least_px=_CROP_LEAST_PX, margin=_CROP_MARGIN)

        def draw() -> bytes:
            pixels = self._pixels(address, frame.source)
            scores = None if heatmap is None else _cut(self._scores(heatmap), part, pixels)
            return marked_png(
                pixels, part, roi, longest_px=_CROP_LONGEST_PX, full_scale=_full_scale(frame), heatmap=scores
            )

        box = f"{roi.top},{roi.left},{roi.bottom},{roi.right}"
        return self._picture([address, "crop", box, heatmap or ""], _PNG, draw)

    def _picture(self, parts: list[str], media_type: str, draw: Callable[[], bytes]) -> Picture:
        tag = hashlib.sha256("\x1f".join([FORM, *parts]).encode()).hexdigest()[:32]
        return Picture(tag=tag, media_type=media_type, draw=lambda: self.drawn.get(tag, draw))

    def _frame(self, frame_id: str) -> tuple[CapturedFrame, str]:
        with self.catalog.transaction() as unit:
            frame = unit.frame(frame_id)
        if frame is None:
            raise NotFoundError(f"there is no frame {frame_id[:80]!r}")
        return frame, _address(frame)

    def _pixels(self, address: str, name: str) -> Pixels:
        return self.frames.get(address, lambda: decode(self.images.get(address), name=name))

    def _scores(self, address: str) -> NDArray[np.float32]:
        return self._pixels(address, "heatmap").astype(np.float32) / np.float32(HEATMAP_STEPS)


def pixel_bytes(pixels: Pixels) -> int:
    """Return how much a decoded frame holds."""
    return int(pixels.nbytes)


def _address(frame: CapturedFrame) -> str:
    if frame.image is None:
        raise NotFoundError(f"frame {frame.source!r} holds no image: {frame.reason}")
    if frame.pruned_at is not None:
        raise NotFoundError(
            f"the image of frame {frame.source!r} was removed by retention on {frame.pruned_at:%Y-%m-%d}"
        )
    return frame.image


def _full_scale(frame: CapturedFrame) -> int | None:
    bits = None if frame.measures is None else frame.measures.settings.bits
    return None if bits is None else 2**bits - 1


def _cut(heatmap: NDArray[np.float32], part: Roi, pixels: Pixels) -> NDArray[np.float32]:
    """Return the scores of a part of a frame, at least one cell of the heatmap."""
    rows, columns = heatmap.shape[0] / pixels.shape[0], heatmap.shape[1] / pixels.shape[1]
    top, left = int(part.top * rows), int(part.left * columns)
    bottom = max(int(np.ceil(part.bottom * rows)), top + 1)
    right = max(int(np.ceil(part.right * columns)), left + 1)
    return heatmap[top:bottom, left:right]
