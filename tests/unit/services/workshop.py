"""History that can be learned from, history that cannot, and the training use case on the fakes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.learning.teaching import DefectRegion, FrameRegions
from inspect_pipeline.services.examples import NORMAL, Example, Sample
from inspect_pipeline.services.training import Training, TrainSummary
from inspect_pipeline.services.training_settings import TrainingSettings
from tests.fakes.catalog import InMemoryCatalog
from tests.fakes.registry import InMemoryRegistry
from tests.fakes.tracker import InMemoryTracker

from .plant import Ticking, silent

SIDE_PX = 64
WHOLE = Roi(top=0, left=0, bottom=SIDE_PX, right=SIDE_PX)
WEIGHTS = "a" * 64
SETTINGS = TrainingSettings(
    way=3,
    shot=2,
    query=3,
    images_per_class=8,
    outer_loop=OuterLoop(
        steps=30,
        tasks_per_step=4,
        learning_rate=0.05,
        folds=3,
        validate_every=10,
        validation_episodes=30,
        decision_episodes=120,
    ),
)


def picture(generator: np.random.Generator, family: int, kind: int) -> NDArray[np.uint8]:
    """A faint weave that tells the type, under loud patches that tell nothing."""
    pixels = np.full((SIDE_PX, SIDE_PX), 120.0 + 10 * family)
    for _ in range(2):
        (row, column), (height, width) = generator.integers(0, SIDE_PX - 24, 2), generator.integers(10, 40, 2)
        pixels[row : row + height, column : column + width] += generator.choice([-1, 1]) * generator.integers(30, 70)
    rows, columns = np.indices(pixels.shape) // 2
    pixels += 2 * ([rows, columns, rows + columns][kind] % 2) + generator.normal(0, 4, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def example(family: str, class_name: str, pixels: NDArray[np.uint8], *, group: str = "") -> Example:
    defect = DefectRegion(
        roi=WHOLE, mask=None, defect_type=class_name, source=RegionSource.GUESSED, label=f"{family}/{class_name}"
    )
    good = class_name == NORMAL
    regions = FrameRegions(pixels=pixels, normals=(WHOLE,) if good else (), defects=() if good else (defect,))
    return Example(family=family, regions=regions, samples=(Sample(class_name=class_name, group=group, roi=WHOLE),))


def history(*, families: int = 3, types: int = 3, each: int = 8, seed: int = 0) -> list[Example]:
    generator = np.random.default_rng(seed)
    return [
        example(f"family-{family}", f"weave-{kind}", picture(generator, family, kind))
        for family in range(families)
        for kind in range(types)
        for _ in range(each)
    ]


def with_types_permuted(examples: Sequence[Example]) -> list[Example]:
    """The same pictures in the same families, their types shuffled."""
    names = np.array([one.samples[0].class_name for one in examples])
    families = np.array([one.family for one in examples])
    generator = np.random.default_rng(1)
    for family in dict.fromkeys(families):
        names[families == family] = generator.permutation(names[families == family])
    return [
        example(one.family, str(name), np.array(one.regions.pixels)) for one, name in zip(examples, names, strict=True)
    ]


@dataclass
class Workshop:
    """The training use case on fakes."""

    backbone: Backbone
    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    tracker: InMemoryTracker = field(default_factory=InMemoryTracker)
    settings: TrainingSettings = SETTINGS

    def train(
        self, examples: Sequence[Example], *, method: str = "protonet", seed: int = 0, weights: str = WEIGHTS
    ) -> TrainSummary:
        training = Training(
            catalog=self.catalog,
            registry=self.registry,
            tracker=self.tracker,
            settings=self.settings,
            detector=DetectorSettings(),
            clock=Ticking(),
            progress=silent,
            revision="0.1.0+gtest",
        )
        return training.run(examples, self.backbone, weights_sha256=weights, method=method, name="default", seed=seed)

    def stages(self) -> list[tuple[str, str | None]]:
        with self.catalog.transaction() as unit:
            return [(run.stage, run.model) for run in unit.stages()]
