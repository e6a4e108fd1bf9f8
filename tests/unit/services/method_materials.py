"""Materials as descriptors, some with a direction that tells types and some that only disturbs."""

import numpy as np

from inspect_pipeline.learning.episodes import index_samples
from inspect_pipeline.services.evaluation import Described

DIMS = 8


def materials(count: int = 4, *, types: int = 3, each: int = 12, permuted: bool = False) -> Described:
    """Return families whose types differ in the first channels, under strong noise in the last that is no type's."""
    generator = np.random.default_rng(3)
    rows, families, names = [], [], []
    for family in range(count):
        centres = np.zeros((types, DIMS))
        centres[:, :4] = 1.2 * generator.normal(size=(types, 4))
        own = [f"t{kind}" for kind in range(types) for _ in range(each)]
        noise = generator.normal(size=(types * each, DIMS)) * np.array([0.5] * 4 + [3.0] * 4)
        rows.append(np.repeat(centres, each, axis=0) + noise)
        families += [f"m{family}"] * len(own)
        names += [str(name) for name in generator.permutation(own)] if permuted else own
    index = index_samples(families=families, types=names, groups=[""] * len(names))
    return Described(features=np.concatenate(rows).astype(np.float32), index=index, fingerprint="abc")
