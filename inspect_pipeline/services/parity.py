"""Judges frames of a line by torch in float32 and by the configured runtime, and counts what the runtime changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict, decide
from inspect_pipeline.domain.geometry import strip_left
from inspect_pipeline.domain.labels import in_force
from inspect_pipeline.domain.material import CapturedFrame, Pixels
from inspect_pipeline.domain.parity import FrameParity, Parity, ParityRules
from inspect_pipeline.domain.records import Progress
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector import Detector, ScoreMaps
from inspect_pipeline.learning.stitching import describe_tile
from inspect_pipeline.services.gate_trial import GATE_ROLES
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ImageStore
from inspect_pipeline.services.scoring import findings_in

_TILE_PX, _ALIGN_PX = 256, 32
_EXACT = " f32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parities:
    """Compares runtimes on a line's frames: those with labels for the gate, then the newest ones, taught ones last.

    A frame that teaches is as good as any other here: what is asked is not whether the verdict is right.
    """

    catalog: Catalog
    images: ImageStore
    progress: Progress
    equip: Callable[[Detector, Bundle], Detector]
    rules: ParityRules
    memo: dict[tuple[str, tuple[str, ...]], Parity] = field(default_factory=dict)

    def run(self, line: str, recipe: str, bundle: Bundle) -> Parity | None:
        """Return what the runtime makes of frames of a line and recipe beside torch; None where torch itself runs."""
        other = self.equip(Detector.from_bundle(bundle), bundle)
        if other.backbone.runner is None:
            return None
        frames = self._frames(line, recipe)
        key = (bundle.sha256, tuple(frame.id for frame in frames))
        if key not in self.memo:
            self.memo[key] = self._compared(frames, Detector.from_bundle(bundle), other, self._taxonomy(line))
        return self.memo[key]

    def _taxonomy(self, line: str) -> Taxonomy:
        with self.catalog.transaction() as unit:
            return Taxonomy.of(unit.types(line))

    def _frames(self, line: str, recipe: str) -> list[CapturedFrame]:
        with self.catalog.transaction() as unit:
            every = unit.labels(line=line)
            for_the_gate = {label.region.frame for role in GATE_ROLES for label in in_force(every, role=role)}
            own = [coil for coil in unit.coils(line=line) if coil.recipe == recipe]
            coils = sorted(own, key=lambda coil: coil.created_at, reverse=True)
            taught = {label.region.frame for label in every} - for_the_gate
            first = [frame for frame in map(unit.frame, sorted(for_the_gate)) if frame is not None]
            found = [frame for frame in first if _has_an_image(frame)]
            last: list[CapturedFrame] = []
            for coil in coils:
                if len(found) >= self.rules.frames:
                    break
                newest = [frame for frame in reversed(unit.frames(coil.id)) if _has_an_image(frame)]
                found += [frame for frame in newest if frame.id not in taught | for_the_gate]
                last += [frame for frame in newest if frame.id in taught]
        return [*found, *last][: self.rules.frames]

    def _compared(
        self, frames: Sequence[CapturedFrame], reference: Detector, other: Detector, taxonomy: Taxonomy
    ) -> Parity:
        runner = other.backbone.runner
        name = "torch f32" if runner is None else runner.name
        seen: list[FrameParity] = []
        unjudged: list[str] = []
        batch: float | None = None
        for frame in frames:
            try:
                pixels = decode(self.images.get(frame.image or ""), name=frame.source)
                wanted, found = (_judged(frame, pixels, detector, taxonomy) for detector in (reference, other))
            except (NotFoundError, AlteredError, BadImageError, BadDataError) as error:
                unjudged.append(f"frame {frame.id}: {error}")
                continue
            seen.append(
                FrameParity(
                    frame=frame.id,
                    wanted=wanted[0],
                    found=found[0],
                    difference=score_difference(wanted[1].strongest, found[1].strongest),
                )
            )
            batch = batch_difference(other.backbone, pixels) if batch is None else batch
            self.progress("parity", len(seen), len(frames))
        return Parity(
            runtime=name,
            exact=name.endswith(_EXACT),
            frames=tuple(seen),
            unjudged=tuple(unjudged),
            batch_difference=batch,
        )


def _has_an_image(frame: CapturedFrame) -> bool:
    return frame.usable and frame.image is not None and frame.pruned_at is None


def score_difference(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Return the largest difference of scores in multiples of the threshold; above 1 relative to the score."""
    return float((np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))).max())


def batch_difference(backbone: Backbone, pixels: Pixels) -> float | None:
    """Return how far descriptors of two tiles given together are from those one by one, relative to the largest value.

    None for a frame that is smaller than a tile can be.
    """
    height, width = (min(int(side) // _ALIGN_PX * _ALIGN_PX, _TILE_PX) for side in pixels.shape[:2])
    if min(height, width) == 0:
        return None
    tile = pixels[:height, :width]
    tiles = torch.cat([backbone.prepare(each[None]) for each in (tile, tile[::-1])])
    with torch.inference_mode():
        together = describe_tile(backbone, tiles).numpy()
        alone = np.concatenate([describe_tile(backbone, each).numpy() for each in tiles[:, None]])
    return float(np.abs(together - alone).max() / max(float(np.abs(alone).max()), 1e-12))


def _judged(frame: CapturedFrame, pixels: Pixels, detector: Detector, taxonomy: Taxonomy) -> tuple[Verdict, ScoreMaps]:
    """Return the verdict of a detector on a frame with these pixels, and its score maps."""
    maps = detector.examine(pixels)
    if detector.domain_change(pixels, maps) is not None:
        return Verdict.UNUSABLE, maps
    edge = strip_left([frame])
    return decide(findings_in(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy)), maps
