"""A small plant on the fakes: grey frames, some with a painted mark, and the use cases over them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, Region, RegionSource
from inspect_pipeline.domain.material import CapturedFrame, Coil, Pixels, Roi
from inspect_pipeline.domain.records import Promotion
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.services.scoring import Scoring
from inspect_pipeline.services.teaching import Teaching
from inspect_pipeline.services.teaching_settings import TeachingSettings
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.features import InMemoryFeatures
from tests.fakes.images import InMemoryImages
from tests.fakes.registry import InMemoryRegistry

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
SIDE_PX = 96
MM_ACROSS, MM_ALONG = 0.5, 0.25
WHOLE = Roi(top=0, left=0, bottom=SIDE_PX, right=SIDE_PX)
BAR = Roi(top=40, left=16, bottom=56, right=80)
SPOT = Roi(top=16, left=48, bottom=48, right=80)
LINE, COIL = "strip", "coil-1"
INITIALIZATION, DETECTOR = "initialization.default", f"detector.{LINE}.default"


def picture(seed: int, mark: str | None = None) -> NDArray[np.uint8]:
    """Noisy grey, with a dark bar or a bright spot where named."""
    pixels = np.random.default_rng(seed).normal(150, 12, size=(SIDE_PX, SIDE_PX))
    if mark == "bar":
        pixels[BAR.top : BAR.bottom, BAR.left : BAR.right] -= 70
    if mark == "spot":
        pixels[SPOT.top : SPOT.bottom, SPOT.left : SPOT.right] += 80
    return np.clip(pixels, 0, 255).astype(np.uint8)


def silent(_stage: str, _done: int, _total: int, _note: str = "") -> None:
    """Report no progress."""


@dataclass
class Ticking:
    """A clock that goes on by a second whenever it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Plant:
    """The fakes of one plant, and short ways to fill them."""

    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    images: InMemoryImages = field(default_factory=InMemoryImages)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    features: InMemoryFeatures = field(default_factory=InMemoryFeatures)

    def add_coil(self, coil: str = COIL, *, line: str = LINE, recipe: str = "default", family: str = "steel") -> None:
        with self.catalog.transaction() as unit:
            unit.add_coil(Coil(id=coil, line=line, recipe=recipe, family=family, created_at=NOON))

    def add_frame(
        self, number: int, pixels: Pixels | None, *, coil: str = COIL, reason: str | None = None
    ) -> CapturedFrame:
        """One frame of 96 lines; without pixels it holds no image."""
        frame = CapturedFrame(
            id=f"{coil}/{number:03}",
            coil=coil,
            camera="camera-0",
            sequence=number,
            source=f"{number:03}.png",
            first_line=number * SIDE_PX,
            line_count=SIDE_PX,
            width_px=SIDE_PX if pixels is None else int(pixels.shape[1]),
            captured_at=NOON,
            mm_per_px_across=MM_ACROSS,
            mm_per_px_along=MM_ALONG,
            image=None if pixels is None else self.images.put(encode_png(pixels), suffix="png"),
            reason=reason,
        )
        with self.catalog.transaction() as unit:
            unit.add_frames([frame])
        return frame

    def add_label(
        self,
        frame: CapturedFrame,
        defect_type: str | None = None,
        *,
        roi: Roi = WHOLE,
        role: LabelRole = LabelRole.SUPPORT,
        origin: Origin = Origin.REAL,
        mask: NDArray[np.bool_] | None = None,
        name: str = "",
        supersedes: str | None = None,
    ) -> Label:
        address = None if mask is None else self.images.put(encode_png(mask.astype(np.uint8) * 255), suffix="png")
        guessed = defect_type is not None and mask is None and roi == WHOLE
        label = Label(
            id=name or f"{frame.id}:{defect_type}:{roi.top},{roi.left}",
            region=Region(
                frame=frame.id,
                roi=roi,
                mask=address,
                source=RegionSource.GUESSED if guessed else RegionSource.DRAWN,
            ),
            kind=LabelKind.NOT_A_DEFECT if defect_type is None else LabelKind.DEFECT,
            operator="operator-7",
            labelled_at=NOON,
            defect_type=defect_type,
            role=role,
            origin=origin,
            supersedes=supersedes,
        )
        with self.catalog.transaction() as unit:
            unit.add_labels([label])
        return label

    def add_lesson(self, mark: str | None, count: int, *, coil: str = "samples of strip", first: int = 0) -> list[str]:
        """Frames that are known good or hold the mark, with their support labels; returns the labels' ids."""
        self.add_coil(coil)
        frames = [self.add_frame(n, picture(1000 + n, mark), coil=coil) for n in range(first, first + count)]
        return [self.add_label(frame, mark).id for frame in frames]

    def teaching(
        self, *, registry: InMemoryRegistry | None = None, options: TeachingSettings | None = None
    ) -> Teaching:
        return Teaching(
            catalog=self.catalog,
            images=self.images,
            registry=registry or self.registry,
            features=self.features,
            settings=DetectorSettings(folds=2),
            promise=Promise(overkill=0.05),
            options=options or TeachingSettings(),
            clock=lambda: NOON,
            progress=silent,
            revision="0.1.0+gtest",
        )

    def scoring(self) -> Scoring:
        return Scoring(
            catalog=self.catalog, images=self.images, registry=self.registry, clock=Ticking(), progress=silent
        )

    def promote(self, version: str, *, model: str = DETECTOR) -> None:
        self.registry.set_alias(model, "champion", version)
        with self.catalog.transaction() as unit:
            unit.add_promotion(
                Promotion(model=model, from_version=None, to_version=version, operator="operator-7", reason="", at=NOON)
            )
