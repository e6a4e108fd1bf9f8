"""Repeated draws of one material: which images teach and which test, never a leakage group on both sides."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_pipeline.errors import BadDataError

LEAST_TESTED = 5
"""Test images of either kind below which a draw says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSpec:
    """``shot`` samples of a type and ``normals`` good images teach, ``draws`` times, drawn from ``seed``."""

    shot: int = 5
    normals: int = 20
    draws: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shot < 1 or self.normals < 4 or self.draws < 1:
            raise BadDataError(
                f"{self.shot} samples, {self.normals} normals, {self.draws} draws: give 1 sample, 4 normals and 1 "
                "draw or more; fewer set no threshold"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One draw, as numbers of images: supports by type and normals teach, the others test.

    ``defects`` show a taught type, ``strangers`` only types that are not taught.
    """

    supports: Mapping[str, tuple[int, ...]]
    normals: tuple[int, ...]
    test_normals: tuple[int, ...]
    defects: tuple[int, ...]
    strangers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What draws look at in an image: its defect types (none: good) and its leakage group."""

    types: tuple[str, ...]
    group: str


def draw(images: Sequence[Labelled], types: Sequence[str], spec: DrawSpec, *, material: str, number: int) -> Drawn:
    """Return draw ``number`` for these types: the same in any process, whatever other materials and types there are.

    Supports are drawn uniformly. Normals come whole groups at a time, at first from the groups of the supports, which
    the test has lost already; every other image of these groups is left out of the test. Raises BadDataError,
    with the numbers, when there is too little to teach or to test.
    """
    (only,) = draw_nested(images, types, [spec], material=material, number=number)
    return only


def draw_nested(
    images: Sequence[Labelled], types: Sequence[str], specs: Sequence[DrawSpec], *, material: str, number: int
) -> list[Drawn]:
    """Return draw ``number`` once for every spec (all of one seed), paired: what differs is only how much is taught.

    The supports of a smaller spec are the first of a larger one's, its normals too, and all are tested on the same
    images: those of groups that none of them teaches from. So the largest decides what is left to test, and a
    spec alone may test on more. Raises BadDataError, with the numbers, as ``draw``.
    """
    largest = replace(specs[0], shot=max(s.shot for s in specs), normals=max(s.normals for s in specs))
    name = f"{material}/{'+'.join(types)}"
    generator = np.random.default_rng([largest.seed, number, zlib.crc32(name.encode())])
    supports = _supports(images, types, largest, generator, name=name)
    spent = {images[i].group for chosen in supports.values() for i in chosen}
    normals = _normals(images, spent, largest, generator, name=name)
    spent |= {images[i].group for i in normals}
    free = [i for i, image in enumerate(images) if image.group not in spent]
    test_normals = tuple(i for i in free if not images[i].types)
    defects = tuple(i for i in free if set(images[i].types) & set(types))
    if min(len(test_normals), len(defects)) < LEAST_TESTED:
        raise BadDataError(
            f"{name}: beside {largest.shot} samples a type and {largest.normals} normals, draw {number} leaves "
            f"{len(test_normals)} good and {len(defects)} defective images of other leakage groups to "
            f"test on, {LEAST_TESTED} of each are needed"
        )
    return [
        Drawn(
            supports={of: tuple(sorted(chosen[: spec.shot])) for of, chosen in supports.items()},
            normals=tuple(sorted(normals[: spec.normals])),
            test_normals=test_normals,
            defects=defects,
            strangers=tuple(i for i in free if images[i].types and not set(images[i].types) & set(types)),
        )
        for spec in specs
    ]


def _supports(
    images: Sequence[Labelled], types: Sequence[str], spec: DrawSpec, generator: np.random.Generator, *, name: str
) -> dict[str, list[int]]:
    """Return the samples of each type in the order drawn; an image teaches one type."""
    supports: dict[str, list[int]] = {}
    for defect_type in types:
        taken = {i for chosen in supports.values() for i in chosen}
        pool = [i for i, image in enumerate(images) if defect_type in image.types and i not in taken]
        if len(pool) < spec.shot:
            raise BadDataError(f"{name} has {len(pool)} samples of {defect_type!r}, {spec.shot} are asked for")
        supports[defect_type] = [pool[k] for k in generator.permutation(len(pool))[: spec.shot].tolist()]
    return supports


def _normals(
    images: Sequence[Labelled], spent: set[str], spec: DrawSpec, generator: np.random.Generator, *, name: str
) -> list[int]:
    """Return the good images that teach, in the order drawn."""
    by_group: dict[str, list[int]] = {}
    for i, image in enumerate(images):
        if not image.types:
            by_group.setdefault(image.group, []).append(i)
    groups = list(by_group)
    order = [groups[k] for k in generator.permutation(len(groups)).tolist()]
    order.sort(key=lambda group: group not in spent)  # stable: drawn order within either part
    ordered = [i for group in order for i in by_group[group]]
    if len(ordered) < spec.normals:
        raise BadDataError(f"{name} has {len(ordered)} defect-free images, {spec.normals} are asked for")
    return ordered[: spec.normals]
