"""The tiles that 8-bit ranges are taken from: good frames that a detector was taught on, cut as scoring cuts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.labels import LabelKind
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.stitching import STRIDE_PX
from inspect_pipeline.services.ports import Catalog, ImageStore

_FRAMES, _SIDE_PX = 16, 512


@dataclass(slots=True)
class _Watching:
    """A runner that keeps the tiles it is shown and describes nothing."""

    name: str = "calibration"
    tiles: list[NDArray[np.float32]] = field(default_factory=list)

    def describe(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keep the tiles; the descriptors have one value, 0."""
        self.tiles += [tile[None] for tile in tiles]
        shape = (tiles.shape[0], tiles.shape[2] // STRIDE_PX, tiles.shape[3] // STRIDE_PX, 1)
        return np.zeros(shape, dtype=np.float32)


def good_images(catalog: Catalog, bundle: Bundle) -> list[str]:
    """Return the addresses of up to 16 frames that taught the detector what is good, spread over all of them.

    By the labels of its lineage, so that a version has the same ranges whenever they are taken. Raises NotFoundError
    where this plant does not know those labels (a detector from another plant), or their images are gone.
    """
    lineage: Mapping[str, object] = bundle.manifest["lineage"]
    taught = lineage.get("labels")
    used = set(taught) if isinstance(taught, list) else set()
    with catalog.transaction() as unit:
        labels = [label for label in unit.labels() if label.id in used]
        named = sorted({label.region.frame for label in labels if label.kind is LabelKind.NOT_A_DEFECT})
        spoilt = {label.region.frame for label in labels if label.kind is LabelKind.DEFECT}
        frames = [frame for frame in map(unit.frame, named) if frame is not None and frame.id not in spoilt]
    images = sorted({frame.image for frame in frames if frame.usable and frame.image and frame.pruned_at is None})
    if not images:
        raise NotFoundError(
            "int8 takes its ranges from the good frames that a detector was taught on, and none of them is here; "
            "teach it on this line, or set precision: f32"
        )
    step = max(1, len(images) // _FRAMES)
    return images[::step][:_FRAMES]


def calibration_tiles(images: ImageStore, addresses: list[str], detector: Detector) -> list[NDArray[np.float32]]:
    """Return prepared tiles (1, 3, h, w) of the middle of each image, at every scale that the detector looks at."""
    backbone, watching = detector.backbone, _Watching()
    before, backbone.runner = backbone.runner, watching
    try:
        for address in addresses:
            frame_map(backbone, _middle(decode(images.get(address), name=address)), detector.settings)
    finally:
        backbone.runner = before
    if not watching.tiles:
        raise BadDataError("int8 takes its ranges from good frames and there is none; label some first")
    return watching.tiles


def _middle(pixels: Pixels) -> Pixels:
    """Return at most 512 x 512 px from the middle."""
    top, left = (max(0, (int(side) - _SIDE_PX) // 2) for side in pixels.shape[:2])
    return pixels[top : top + _SIDE_PX, left : left + _SIDE_PX]
