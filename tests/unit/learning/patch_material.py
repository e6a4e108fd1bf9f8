"""Made-up material in patch space: Gaussian good patches, and types that shift a small block of patches."""

import numpy as np
import torch

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.examples import GoodUnit, Patches, Support

DIMS = 12


def good_unit(generator: np.random.Generator, *, frame: int = 0, side: int = 10) -> GoodUnit:
    patches = torch.from_numpy(generator.normal(size=(side, side, DIMS)).astype(np.float32))
    return GoodUnit(patches=patches, frame=frame, whole=True)


def sample(
    generator: np.random.Generator, axis: int, *, name: str = "scratch", label: str = "s", shift: float = 4.0
) -> Support:
    """A unit of 10 x 10 patches of which a 4 x 4 block is shifted along one axis."""
    patches = good_unit(generator).patches
    top, left = (int(k) for k in generator.integers(0, 6, size=2))
    patches[top : top + 4, left : left + 4, axis] += shift
    inside = torch.ones(10, 10, dtype=torch.bool)
    return Support(patches=patches, inside=inside, defect_type=name, source=RegionSource.GUESSED, label=label)


def material(seed: int, *, good: int = 40, types: dict[str, int], shots: int = 5, shift: float = 4.0) -> Patches:
    generator = np.random.default_rng(seed)
    units = tuple(good_unit(generator, frame=number // 4) for number in range(good))
    supports = tuple(
        sample(generator, axis, name=name, label=f"{name}-{k}", shift=shift)
        for name, axis in types.items()
        for k in range(shots)
    )
    return Patches(good=units, supports=supports)
